package rdpconn_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/internal/tamper"
	"github.com/tslab/tslab/wire/rdpsec"
)

// Faults on licensing messages work at the server, whatever protects them on the wire.
func TestTamper(t *testing.T) {
	for _, tt := range []struct {
		name   string
		server rdpconn.ServerConfig
		client rdpconn.ClientConfig
	}{
		{"plain", rdpconn.ServerConfig{Encryption: []rdpsec.Method{rdpsec.MethodNone}}, rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly, Encryption: []rdpsec.Method{rdpsec.MethodNone}}},
		{"RC4", rdpconn.ServerConfig{EncryptLicensing: true}, rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly, EncryptLicensing: true}},
		{"TLS", rdpconn.ServerConfig{Protocols: rdpconn.TLSOnly, TLS: testTLS()}, rdpconn.ClientConfig{Protocols: rdpconn.TLSOnly}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table := &tamper.Table{}
			tt.server.Tamper, tt.server.Key = table, testKey()
			server, client, err, clientErr := pair(t, &tt.server, &tt.client)
			if err != nil || clientErr != nil {
				t.Fatal(err, clientErr)
			}
			challenge, license := licenseMessage(0x02, 1), licenseMessage(0x03, 2)
			info, answer := licenseMessage(0x12, 3), licenseMessage(0x15, 4)
			err = table.Set([]tamper.Rule{
				{Name: "lost", Act: tamper.Drop, Message: "PLATFORM_CHALLENGE", Nth: 2, Times: 1},
				{Name: "twice", Act: tamper.Duplicate, Message: "NEW_LICENSE", Way: tamper.Sent},
				{Name: "unseen", Act: tamper.Drop, Message: "LICENSE_INFO", Way: tamper.Received},
				{Name: "late", Act: tamper.Delay, Message: "NEW_LICENSE", Delay: time.Millisecond},
				{Name: "damaged", Act: tamper.Corrupt, Message: "PLATFORM_CHALLENGE_RESPONSE", Nth: 2, Times: 1},
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range [][]byte{challenge, challenge, license} {
				if err := server.WriteLicense(m); err != nil {
					t.Fatal(err)
				}
			}
			expectLicenses(t, client, challenge, license, license)
			for _, m := range [][]byte{info, answer, answer} {
				if err := client.WriteLicense(m); err != nil {
					t.Fatal(err)
				}
			}
			expectLicenses(t, server, answer)
			got, err := server.ReadLicense()
			if err != nil || bytes.Equal(got, answer) || !bytes.Equal(got[:4], answer[:4]) || len(got) != len(answer) {
				t.Errorf("the damaged answer is %x, %v; it was %x", got, err, answer)
			}
		})
	}
}

// licenseMessage is a preamble of the type and a body.
func licenseMessage(kind, fill byte) []byte {
	return append([]byte{kind, 3, 24, 0}, bytes.Repeat([]byte{fill}, 20)...)
}

func expectLicenses(t *testing.T, c *rdpconn.Conn, want ...[]byte) {
	t.Helper()
	for _, w := range want {
		if got, err := c.ReadLicense(); err != nil || !bytes.Equal(got, w) {
			t.Fatalf("read %x, %v, want %x", got, err, w)
		}
	}
}
