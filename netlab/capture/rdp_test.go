//go:build linux

package capture

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
	"github.com/tslab/tslab/wire/tsls"
)

// licensed lets both roles of RDP license, activate and draw over a tapped connection,
// and returns the key logs.
func licensed(t *testing.T, tap *wiretap, sc rdpconn.ServerConfig, cc rdpconn.ClientConfig) []byte {
	t.Helper()
	key, err := rdpsec.GenerateKey(rand.Reader, 512)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	sc.Key, sc.KeyLog = key, &log
	sc.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t)}, KeyLogWriter: &log}
	cc.ClientName, cc.Desktop = "PC-1", rdp.Desktop{Width: 64, Height: 48, Bpp: 16}
	c, s := loopback(t, tap)
	const patience = 20 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- serveOne(ctx, s, &sc) }()
	conn, err := rdpconn.Dial(ctx, c, &cc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ReadLicense(); err != nil {
		t.Fatal(err)
	}
	answer := &licensing.NewLicenseRequest{ClientKeys: licensing.ClientKeys{KeyExchange: licensing.KeyExchangeRSA, EncryptedPremaster: make([]byte, 72)}, User: "lab", Machine: "PC-1"}
	if err := conn.WriteLicense(licensing.Append(nil, answer, licensing.Version3)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ReadLicense(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Activate(cc.Desktop); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ReadUpdate(); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	return log.Bytes()
}

// serveOne is the server's side.
func serveOne(ctx context.Context, nc interface{ Close() error }, sc *rdpconn.ServerConfig) error {
	conn, err := rdpconn.Accept(ctx, nc.(tapped), sc)
	if err != nil {
		return err
	}
	request := &licensing.LicenseRequest{
		ServerRandom: [32]byte{1, 2, 3}, Product: licensing.ProductInfo{Version: 0x00050000, Company: "TSLab", Product: "LAB-TS"},
		KeyExchange: []uint32{licensing.KeyExchangeRSA}, Scopes: []string{"tslab.example"},
	}
	if err := conn.WriteLicense(licensing.Append(nil, request, licensing.Version3)); err != nil {
		return err
	}
	if _, err := conn.ReadLicense(); err != nil {
		return err
	}
	if err := conn.WriteLicense(licensing.Append(nil, licensing.ValidClient(), licensing.Version3)); err != nil {
		return err
	}
	if err := conn.Activate(conn.Desktop()); err != nil {
		return err
	}
	return conn.WriteBitmap([]rdp.BitmapRect{{Width: 4, Height: 4, Bpp: 16, Pixels: bytes.Repeat([]byte{0x5a}, 32)}})
}

// recorded is what was tapped as a recording.
func recorded(t *testing.T, tap *wiretap, client, server string) Recording {
	t.Helper()
	k := newTalk(t, filepath.Join(t.TempDir(), "raw.pcap"))
	k.connect(client, server)
	for _, s := range tap.all {
		k.say(s.direction, s.b)
	}
	return k.recording()
}

// told are name, ends and security of messages.
func told(messages []Message) (lines []string) {
	for _, m := range messages {
		lines = append(lines, strings.Join([]string{m.Protocol, m.Name, m.Security, m.From.String(), m.To.String()}, " "))
	}
	return lines
}

// Licensing is read under every kind of security, and what was under RC4 is there once
// more in the clear: read again without any key, it says the same.
func TestLicensingIsRead(t *testing.T) {
	rc4 := func(m rdpsec.Method) rdpconn.ServerConfig {
		return rdpconn.ServerConfig{Encryption: []rdpsec.Method{m}, EncryptLicensing: true}
	}
	for _, tt := range []struct {
		security string
		server   rdpconn.ServerConfig
		client   rdpconn.ClientConfig
		twin     bool
	}{
		{"NONE", rdpconn.ServerConfig{Encryption: []rdpsec.Method{rdpsec.MethodNone}}, rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly}, false},
		{"40", rc4(rdpsec.Method40), rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly, EncryptLicensing: true}, true},
		{"56", rc4(rdpsec.Method56), rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly, EncryptLicensing: true, SaltedMAC: true}, true},
		{"128", rc4(rdpsec.Method128), rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly, EncryptLicensing: true, SlowPath: true}, true},
		{"TLS", rdpconn.ServerConfig{Protocols: rdpconn.TLSOnly}, rdpconn.ClientConfig{Protocols: rdpconn.TLSOnly}, false},
	} {
		t.Run(tt.security, func(t *testing.T) {
			for _, ends := range [][2]string{{"10.0.0.1:1000", "10.0.0.2:3389"}, {"[fd00::1]:1000", "[fd00::2]:3389"}} {
				tap := &wiretap{}
				keyLog := licensed(t, tap, tt.server, tt.client)
				r := recorded(t, tap, ends[0], ends[1])
				check := func(name string, r Recording, keyLog []byte, client, security string) {
					t.Helper()
					messages, err := Messages([]Recording{r}, keyLog)
					if err != nil {
						t.Fatal(err)
					}
					var want []string
					for i, name := range []string{"LICENSE_REQUEST", "NEW_LICENSE_REQUEST", "ERROR_ALERT"} {
						from, to := ends[1], client
						if i == 1 {
							from, to = to, from
						}
						want = append(want, strings.Join([]string{"rdpele", name, security, from, to}, " "))
					}
					if diff := cmp.Diff(want, told(messages)); diff != "" {
						t.Errorf("%s: -want +got\n%s", name, diff)
					}
				}
				check("wire", r, keyLog, ends[0], tt.security)
				if twin, client := twinOf(t, r, keyLog); (twin.Path != "") != tt.twin {
					t.Errorf("a twin at %q, want one: %v", twin.Path, tt.twin)
				} else if tt.twin {
					check("twin", twin, nil, client, "NONE")
				}
				checkBlind(t, r, tt.security)
			}
		})
	}
}

// twinOf is the recording in the clear, and its client.
func twinOf(t *testing.T, r Recording, keyLog []byte) (Recording, string) {
	t.Helper()
	twins := newTwins(t.TempDir())
	a := newAnalysis([]Recording{r}, parseSecrets(keyLog), twins)
	if err := a.run([]Recording{r}); err != nil {
		t.Fatal(err)
	}
	if err := twins.close(); err != nil {
		t.Fatal(err)
	}
	if len(twins.order) == 0 {
		return Recording{}, ""
	}
	for client := range twins.taken {
		return twinWithBeginning(t, twins.order[0].recording, client.String()), client.String()
	}
	return Recording{}, ""
}

// checkBlind reads without the key logs: what is encrypted is named as such, and
// nothing is made up.
func checkBlind(t *testing.T, r Recording, security string) {
	t.Helper()
	messages, err := Messages([]Recording{r}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range messages {
		got = append(got, m.Name)
	}
	want := "encrypted encrypted encrypted"
	switch security {
	case "NONE":
		want = "LICENSE_REQUEST NEW_LICENSE_REQUEST ERROR_ALERT"
	case "TLS":
		want = ""
	}
	if strings.Join(got, " ") != want {
		t.Errorf("without keys: %q", got)
	}
}

// twinWithBeginning puts the beginning of a connection before a twin, which has none.
func twinWithBeginning(t *testing.T, r Recording, client string) Recording {
	t.Helper()
	k := newTalk(t, filepath.Join(t.TempDir(), "twin.pcap"))
	var server string
	first := true
	err := Frames(r.Path, func(f *Frame) error {
		p := NewDecoder().Decode(r.Name, f)
		if first {
			server = p.To.String()
			if p.To.String() == client {
				server = p.From.String()
			}
			k.connect(client, server)
			first = false
		}
		return k.raw.write(f.Time, f.Length, f.Data)
	})
	if err != nil {
		t.Fatal(err)
	}
	return k.recording()
}

// The license server protocol is read inside TLS, where ALPN says that it is spoken.
func TestLicenseServerProtocolIsRead(t *testing.T) {
	messages := []tsls.Message{tsls.Hello{Program: "termsrv", Name: "ts1"}, tsls.ServerInfo{Name: "ls1"},
		tsls.Allocate{Request: tsls.RequestCAL, Machine: "PC-1"}, tsls.Error{Code: tsls.CodeBusy, Text: "later"}}
	var sent []string
	for i, m := range messages {
		body, err := tsls.Append(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		header := []byte{byte(len(body)), byte(len(body) >> 8), 0, 0, byte(i), 0, 0, 0}
		sent = append(sent, string(append(header, body...)))
	}
	for _, alpn := range []string{"tsls", "other"} {
		tap := &wiretap{}
		keyLog := exchangeOf(t, tap, alpn, sent)
		r := recorded(t, tap, "10.0.0.2:1000", "10.0.0.3:3343")
		got, err := Messages([]Recording{r}, keyLog)
		if err != nil {
			t.Fatal(err)
		}
		var want, texts []string
		if alpn == "tsls" {
			want = []string{"Hello: termsrv on ts1", "ServerInfo: ls1", "Allocate: a cal for PC-1", "Error: busy: later"}
		}
		for i, m := range got {
			if i < len(want) && strings.HasPrefix(m.Text, want[i]) {
				m.Text = want[i] // the rest is for who reads it
			}
			texts = append(texts, m.Text)
		}
		if diff := cmp.Diff(want, texts); diff != "" {
			t.Errorf("ALPN %s: -want +got\n%s", alpn, diff)
		}
	}
}

// A request for a license says what referral has led to it, and who was asked in vain.
func TestReferralsAreTold(t *testing.T) {
	for _, tt := range []struct {
		m    tsls.Allocate
		want string
	}{
		{tsls.Allocate{Request: tsls.RequestCAL, Machine: "PC-1"}, "0"},
		{tsls.Allocate{Request: tsls.RequestCAL, Machine: "PC-1", Hops: 2}, ", referral 2"},
		{tsls.Allocate{Request: tsls.RequestCAL, Machine: "PC-1", Final: true, Failed: []string{"ls2", "ls3"}}, ", for good, as these have none: ls2, ls3"},
	} {
		if got := describeTSLS(tt.m); !strings.HasPrefix(got, "a cal for PC-1, which showed none") || !strings.HasSuffix(got, tt.want) {
			t.Errorf("%+v: %q, want it to end with %q", tt.m, got, tt.want)
		}
	}
}
