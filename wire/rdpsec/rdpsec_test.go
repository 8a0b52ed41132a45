package rdpsec_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/wire/rdpsec"
)

// unhex reads hexadecimal digits.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// random is a source that gives the same bytes every time.
func random(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

// vectorDir is the folder of shared vectors; without it the test has testdata only.
func vectorDir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("TSLAB_VECTORS")
	if dir == "" {
		t.Log("TSLAB_VECTORS IS NOT SET: checked against testdata only, not against the shared vectors")
	}
	return dir
}

// sessionVector is a line of testdata/session.json. The derivations were checked
// with rdesktop 1.9 (40 and 128 bits) and xfreerdp 2.11 (all), through key updates in
// both directions.
type sessionVector struct {
	Method, MAC, Client, Server string
	Sealed                      string // "hello" as the first packet, unsalted
	Signature                   string
	Late                        string // "hello" as packet 9001, salted
	LateSignature               string
}

func TestSessionKeys(t *testing.T) {
	clientRandom, serverRandom := make([]byte, 32), make([]byte, 32)
	for i := range clientRandom {
		clientRandom[i], serverRandom[i] = byte(i), byte(0xff-i)
	}
	var got []sessionVector
	for _, m := range []rdpsec.Method{rdpsec.Method40, rdpsec.Method56, rdpsec.Method128} {
		k, err := rdpsec.NewSessionKeys(m, clientRandom, serverRandom)
		if err != nil {
			t.Fatal(err)
		}
		v := sessionVector{Method: m.String(), MAC: hex.EncodeToString(k.MAC), Client: hex.EncodeToString(k.Client), Server: hex.EncodeToString(k.Server)}
		c := k.ClientCipher()
		v.Sealed, v.Signature = seal(c, false)
		for range 8999 {
			c.Seal(make([]byte, 3), false)
		}
		v.Late, v.LateSignature = seal(c, true)
		got = append(got, v)
	}
	golden(t, "session.json", got)
}

func seal(c *rdpsec.Cipher, salted bool) (sealed, signature string) {
	b := []byte("hello")
	sum := c.Seal(b, salted)
	return hex.EncodeToString(b), hex.EncodeToString(sum[:])
}

// golden compares with a file of testdata.
func golden[T any](t *testing.T, name string, got T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		now, _ := json.MarshalIndent(got, "", " ")
		t.Fatalf("%v; it is now\n%s", err, now)
	}
	var want T
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestCipherBothWays(t *testing.T) {
	for _, m := range []rdpsec.Method{rdpsec.Method40, rdpsec.Method56, rdpsec.Method128} {
		t.Run(m.String(), func(t *testing.T) {
			k, err := rdpsec.NewSessionKeys(m, make([]byte, 32), bytes.Repeat([]byte{9}, 32))
			if err != nil {
				t.Fatal(err)
			}
			for name, pair := range map[string][2]*rdpsec.Cipher{
				"client": {k.ClientCipher(), k.ClientCipher()}, "server": {k.ServerCipher(), k.ServerCipher()}} {
				for i := range 3*4096 + 2 {
					plain := []byte{byte(i), byte(i >> 8), 3, 4}
					b := bytes.Clone(plain)
					salted := i%3 == 0
					sum := pair[0].Seal(b, salted)
					if err := pair[1].Open(b, sum, salted); err != nil || !bytes.Equal(b, plain) {
						t.Fatalf("%s packet %d: %x, %v", name, i, b, err)
					}
				}
				if n := pair[1].Packets(); n != 3*4096+2 {
					t.Errorf("%s: %d packets counted", name, n)
				}
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	k, err := rdpsec.NewSessionKeys(rdpsec.Method128, make([]byte, 32), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(b []byte, sum *[8]byte) (salted bool){
		"data":         func(b []byte, sum *[8]byte) bool { b[1] ^= 1; return false },
		"signature":    func(b []byte, sum *[8]byte) bool { sum[7] ^= 0x80; return false },
		"kind of hash": func(b []byte, sum *[8]byte) bool { return true },
	} {
		b := []byte("hello")
		sum := k.ServerCipher().Seal(b, false)
		salted := spoil(b, &sum)
		if err := k.ServerCipher().Open(b, sum, salted); err != rdpsec.ErrMAC {
			t.Errorf("%s changed: %v, want ErrMAC", name, err)
		}
	}
}

func TestSessionKeysRefuse(t *testing.T) {
	ok := make([]byte, 32)
	for _, tt := range []struct {
		m      rdpsec.Method
		cr, sr []byte
	}{{rdpsec.MethodNone, ok, ok}, {rdpsec.MethodFIPS, ok, ok}, {rdpsec.Method128, ok[:31], ok}, {rdpsec.Method128, ok, nil}} {
		if k, err := rdpsec.NewSessionKeys(tt.m, tt.cr, tt.sr); err == nil {
			t.Errorf("NewSessionKeys(%v, %d, %d) = %v", tt.m, len(tt.cr), len(tt.sr), k)
		}
	}
}

func TestMethodText(t *testing.T) {
	for s, want := range map[string]rdpsec.Method{"none": 0, "NONE": 0, "40": rdpsec.Method40, "56": rdpsec.Method56, "128": rdpsec.Method128} {
		if m, err := rdpsec.ParseMethod(s); err != nil || m != want {
			t.Errorf("ParseMethod(%q) = %v, %v", s, m, err)
		}
	}
	for _, s := range []string{"", "fips", "64", "128 "} {
		if m, err := rdpsec.ParseMethod(s); err == nil {
			t.Errorf("ParseMethod(%q) = %v", s, m)
		}
	}
	if s := rdpsec.Method(0x40).String(); s != "method 0x40" {
		t.Errorf("String of an unknown method: %q", s)
	}
}
