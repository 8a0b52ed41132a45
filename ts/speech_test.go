package ts_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdpsec"
)

func plainSpeech() ts.Speech {
	return ts.Speech{Security: "both", KeyBits: 2048, Certificate: "proprietary", Output: "fast"}
}

func TestSpeak(t *testing.T) {
	var c ts.Config
	s := ts.Speech{
		Security: "rdp", Encryption: "56", KeyBits: 512, Certificate: "x509-chain", EncryptLicensing: true, Output: "slow",
		Behavior: []string{"errorinfo", "refuse=0x104", "salted-mac", "low-level"},
	}
	if err := c.Speak(s); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint(rdpconn.RDPOnly, []rdpsec.Method{rdpsec.Method56}, 512, ts.X509Chain, true, true, true, true, ts.ErrorInfo, ts.Refusal(0x104))
	got := fmt.Sprint(c.Security, c.Encryption, c.KeyBits, c.Certificate, c.EncryptLicensing, c.SlowPath, c.SaltedMAC, c.LowLevel, c.Errors, c.Refuse)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if err := c.Speak(plainSpeech()); err != nil || c.Encryption != nil || c.SlowPath {
		t.Errorf("plain: %v, encryption %v, slow path %v", err, c.Encryption, c.SlowPath)
	}
}

func TestSpeakRefuses(t *testing.T) {
	for want, change := range map[string]func(*ts.Speech){
		"--security":                   func(s *ts.Speech) { s.Security = "ssh" },
		"--encryption":                 func(s *ts.Speech) { s.Encryption = "57" },
		"--key-bits 768":               func(s *ts.Speech) { s.KeyBits = 768 },
		"--certificate":                func(s *ts.Speech) { s.Certificate = "pgp" },
		"--output":                     func(s *ts.Speech) { s.Output = "" },
		`--behavior: "rude"`:           func(s *ts.Speech) { s.Behavior = []string{"alert", "rude"} },
		"send= and refuse= say both":   func(s *ts.Speech) { s.Behavior = []string{"send=4/2", "refuse=no-license"} },
		"alert takes no value":         func(s *ts.Speech) { s.Behavior = []string{"alert=1"} },
		`send=4/x: transition "x"`:     func(s *ts.Speech) { s.Behavior = []string{"send=4/x"} },
		`code "": want a number or`:    func(s *ts.Speech) { s.Behavior = []string{"send"} },
		`refusal ""`:                   func(s *ts.Speech) { s.Behavior = []string{"refuse"} },
		"from 0x100 to 0x10A":          func(s *ts.Speech) { s.Behavior = []string{"refuse=0x10b"} },
		"no-license-server, no-licens": func(s *ts.Speech) { s.Behavior = []string{"refuse=because"} },
	} {
		s := plainSpeech()
		change(&s)
		if err := new(ts.Config).Speak(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to name %s", err, want)
		}
	}
}

// TestAnyAlert: every code with every transition reaches the client as it was asked for,
// and the connection ends.
func TestAnyAlert(t *testing.T) {
	codes := []licensing.Code{
		licensing.InvalidServerCertificate, licensing.NoLicense, licensing.InvalidMAC, licensing.InvalidScope, licensing.NoLicenseServer,
		licensing.StatusValidClient, licensing.InvalidClient, licensing.InvalidProductID, licensing.InvalidMessageLength, 0x77,
	}
	for _, code := range codes {
		for _, transition := range []licensing.Transition{licensing.TotalAbort, licensing.NoTransition, licensing.ResetPhaseToStart, licensing.ResendLastMessage, 0, 0x55} {
			words := fmt.Sprintf("send=%v/%v", code, transition)
			if code == 0x77 || transition == 0 || transition == 0x55 { // without a name
				words = fmt.Sprintf("send=%#x/%d", uint32(code), uint32(transition))
			}
			s := plainSpeech()
			s.Behavior = []string{words}
			var c ts.Config
			if err := c.Speak(s); err != nil {
				t.Fatal(err)
			}
			l := newLab(t, func(config *ts.Config) { config.Alert = c.Alert })
			h := l.byHand(t, nil)
			h.ask()
			h.challenged()
			h.respond(licensing.FormSpecified)
			if got, want := h.last(), alert(byte(code), byte(transition)); got != want || !h.over() {
				t.Errorf("%s: %s, want %s and the end", words, got, want)
			}
			l.stop()
		}
	}
	for words, want := range map[string]string{"ERR_INVALID_CLIENT": "ERR_INVALID_CLIENT, ST_TOTAL_ABORT", "st_valid": "!", "8/st_no_transition": "ERR_INVALID_CLIENT, ST_NO_TRANSITION", "": "!", "8/": "!"} {
		got := "!"
		if a, err := ts.ParseAlert(words); err == nil {
			got = a.Error()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", words, got, want)
		}
	}
}

// TestCertificateForms looks at what SC_SECURITY and the license request carry, and
// is licensed by the key in it, for every form. Real clients meet every size of key.
func TestCertificateForms(t *testing.T) {
	for _, tt := range []struct {
		form             string
		version, request uint32 // dwVersion; 0 for none
		certs, ofRequest uint32 // in the chain
	}{
		{"proprietary", 1, 1, 0, 0},
		{"x509", 2, 2, 2, 2},
		{"x509-chain", 2, 2, 3, 3},
		{"x509-temporary", 0x80000002, 0x80000002, 2, 2},
		{"x509-single", 2, 2, 2, 1},
		{"omitted", 1, 0, 0, 0},
	} {
		for _, bits := range []int{512} { // more would take the race detector long to make
			t.Run(fmt.Sprint(tt.form, " ", bits), func(t *testing.T) {
				l, _ := labWithLicenses(t, func(c *ts.Config) {
					s := plainSpeech()
					s.Certificate, s.KeyBits = tt.form, bits
					if err := c.Speak(s); err != nil {
						t.Fatal(err)
					}
					shareKey(t, c.Dir, bits)
				})
				h := l.byHand(t, nil)
				h.ask()
				checkCertificate(t, "SC_SECURITY", h.conn.ServerCertificate(), tt.version, tt.certs, bits)
				checkCertificate(t, "the license request", h.request.ServerCertificate, tt.request, tt.ofRequest, bits)
				h.challenged()
				h.respond(licensing.FormSpecified)
				h.given()
				h.conn.Abort()
			})
		}
	}
}

func checkCertificate(t *testing.T, where string, b []byte, version, certs uint32, bits int) {
	t.Helper()
	if version == 0 {
		if len(b) > 0 {
			t.Errorf("%s carries a certificate of %d bytes", where, len(b))
		}
		return
	}
	key, err := rdpsec.ParseServerCertificate(b)
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	got := []uint32{binary.LittleEndian.Uint32(b), 0}
	if certs > 0 {
		got[1] = binary.LittleEndian.Uint32(b[4:])
	}
	if diff := cmp.Diff([]uint32{version, certs}, got); diff != "" || key.N.BitLen() != bits {
		t.Errorf("%s: a key of %d bits, want %d; -want +got\n%s", where, key.N.BitLen(), bits, diff)
	}
}

// TestOmittedWhereNeeded: clients hang up on a request without a certificate under
// TLS and without encryption.
func TestOmittedWhereNeeded(t *testing.T) {
	for security, change := range map[string]func(*rdpconn.ClientConfig){
		"TLS":  func(c *rdpconn.ClientConfig) { c.Protocols = rdpconn.TLSOnly },
		"NONE": func(c *rdpconn.ClientConfig) { c.Encryption = []rdpsec.Method{rdpsec.MethodNone} },
	} {
		l, _ := labWithLicenses(t, func(c *ts.Config) { c.Certificate = ts.Omitted })
		h := l.byHand(t, change)
		h.agree()
		if h.conn.Security() != security || len(h.request.ServerCertificate) == 0 {
			t.Errorf("%s, wanted %s: a certificate of %d bytes", h.conn.Security(), security, len(h.request.ServerCertificate))
		}
		h.conn.Abort()
	}
}
