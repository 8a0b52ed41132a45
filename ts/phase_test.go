package ts_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// alert is an ERROR_ALERT as it stands on the wire: code, transition, an empty blob.
func alert(code, transition byte) string {
	return fmt.Sprintf("ff031000%02x000000%02x00000004000000", code, transition)
}

// labWithLicenses is a terminal server with a license server that gives everybody a
// temporary token.
func labWithLicenses(t *testing.T, change func(*ts.Config)) (*lab, *licenseServer) {
	t.Helper()
	var l *lab
	ls := serveLicenses(t, "127.0.0.1:0", func() time.Time { return l.clock.Now() })
	l = newLab(t, func(c *ts.Config) {
		c.LicenseServer = ls.addr
		if change != nil {
			change(c)
		}
	})
	return l, ls
}

// TestNew is the flow of a client with nothing, in the three forms in which real
// clients answer the challenge.
func TestNew(t *testing.T) {
	l, _ := labWithLicenses(t, nil)
	for _, form := range []licensing.ResponseForm{licensing.FormSpecified, licensing.FormEcho, licensing.FormPadded} {
		t.Run(form.String(), func(t *testing.T) {
			h := l.byHand(t, nil)
			h.ask()
			h.challenged()
			if len(h.challenge) != 10 {
				t.Errorf("a challenge of %d bytes; rdesktop dies of all but 10", len(h.challenge))
			}
			h.respond(form)
			got, err := token.Parse(h.given())
			if err != nil || got.Kind != token.Temporary || got.HardwareID != h.id {
				t.Errorf("given %+v, %v, want a temporary token for %v", got, err, h.id)
			}
		})
	}
}

// TestStored shows a license: a valid CAL is enough, anything else brings a challenge
// and perhaps an upgrade.
func TestStored(t *testing.T) {
	l, ls := labWithLicenses(t, nil)
	sign := func(kind token.Kind, id hwid.ID, left time.Duration) []byte {
		now := l.clock.Now().Truncate(time.Second)
		blob, err := token.Sign(token.License{
			Kind: kind, LicenseID: "LAB-C-1", HardwareID: id, Product: "W2K", Version: token.Version{Major: 5},
			Machine: "PC-1", Issued: now.Add(-day), Expires: now.Add(left), Issuer: "ls1",
		}, ls.signer)
		if err != nil {
			t.Fatal(err)
		}
		return blob
	}
	pushed := sign(token.CAL, l.byHand(t, nil).id, 60*day)
	answer := func(code tsls.Answer) func(tsls.Message) tsls.Message {
		return func(m tsls.Message) tsls.Message {
			if m.Type() != tsls.TypeAllocate {
				return nil
			}
			return tsls.Allocated{Answer: code, License: pushed, Validated: true}
		}
	}
	for _, tt := range []struct {
		name   string
		kind   token.Kind
		left   time.Duration
		answer tsls.Answer
		want   licensing.Type
	}{
		{"temporary, a CAL is free", token.Temporary, 80 * day, tsls.AnswerCALTake, licensing.TypeUpgradeLicense},
		{"temporary expired, a CAL is free", token.Temporary, -time.Hour, tsls.AnswerCALTake, licensing.TypeUpgradeLicense},
		{"CAL with 6 days left", token.CAL, 6 * day, tsls.AnswerCALRenew, licensing.TypeUpgradeLicense},
		{"CAL expired", token.CAL, -time.Hour, tsls.AnswerCALTake, licensing.TypeUpgradeLicense},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ls.script(answer(tt.answer))
			h := l.byHand(t, nil)
			h.show(sign(tt.kind, h.id, tt.left))
			h.challenged()
			h.respond(licensing.FormSpecified)
			if m := h.read(); m.Type() != tt.want {
				t.Errorf("%v, want %v", m.Type(), tt.want)
			}
		})
	}
	t.Run("CAL with 60 days left", func(t *testing.T) {
		h := l.byHand(t, nil)
		h.show(sign(token.CAL, h.id, 60*day))
		if got, want := h.last(), alert(7, 2); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
	t.Run("CAL of another device", func(t *testing.T) {
		h := l.byHand(t, nil)
		h.show(sign(token.CAL, hwid.New(1, [16]byte{1}), 60*day))
		if got, want := h.last(), alert(8, 1); got != want || !h.over() {
			t.Errorf("%s, want %s and the end", got, want)
		}
	})
}

// TestNone is a server that licenses nobody: one message, and no license server is
// asked.
//
// proves R6
func TestNone(t *testing.T) {
	l, ls := labWithLicenses(t, func(c *ts.Config) { c.Mode = policy.ModeAdmin })
	h := l.byHand(t, nil)
	if got, want := h.last(), alert(7, 2); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if err := h.conn.Activate(rdp.Desktop{}); err != nil {
		t.Error(err)
	}
	if len(ls.asked) > 0 {
		t.Errorf("the license server was asked: %+v", ls.asked)
	}
}

// badClient is a client that goes wrong: what it says, the answer, and what the event
// names.
type badClient struct {
	name string
	say  func(h *hand)
	want string
	why  string
}

// badSecrets are clients whose cryptography does not hold.
func badSecrets() []badClient {
	return []badClient{
		{"wrong MAC of a response", func(h *hand) {
			h.ask()
			h.challenged()
			m := licensing.SealResponse(h.keys, h.challenge, h.id)
			m.MAC[3] ^= 1
			h.write(m)
		}, alert(3, 1), "PLATFORM_CHALLENGE_RESPONSE"},
		{"wrong MAC of a license", func(h *hand) {
			m := &licensing.LicenseInfo{ClientKeys: h.agree(), License: []byte("x")}
			m.Seal(h.keys, h.id)
			m.MAC[15] ^= 0x80
			h.write(m)
		}, alert(3, 1), "LICENSE_INFO"},
		{"another premaster secret", func(h *hand) {
			keys := h.agree()
			m := &licensing.LicenseInfo{ClientKeys: keys, License: []byte("x")}
			other, err := rdpsec.NewLicenseKeys(make([]byte, rdpsec.PremasterSize), keys.ClientRandom[:], h.request.ServerRandom[:])
			if err != nil {
				h.t.Fatal(err)
			}
			m.Seal(other, h.id)
			h.write(m)
		}, alert(3, 1), "LICENSE_INFO"},
		{"premaster secret larger than the modulus", func(h *hand) {
			keys := h.agree()
			keys.EncryptedPremaster = bytes.Repeat([]byte{0xff}, len(keys.EncryptedPremaster))
			h.write(&licensing.NewLicenseRequest{ClientKeys: keys})
		}, alert(8, 1), "premaster"},
		{"answer to another challenge", func(h *hand) {
			h.ask()
			h.challenged()
			h.challenge = []byte("0123456789")
			h.respond(licensing.FormSpecified)
		}, alert(8, 1), "challenge"},
		{"another hardware id in the response", func(h *hand) {
			h.show([]byte("nothing that anybody signed"))
			h.challenged()
			h.id[7] ^= 1
			h.respond(licensing.FormEcho)
		}, alert(8, 1), "hardware id"},
	}
}

// badOrder are clients that say what has no place.
func badOrder() []badClient {
	return []badClient{
		{"cut off", func(h *hand) {
			b := licensing.Append(nil, &licensing.NewLicenseRequest{ClientKeys: h.agree()}, licensing.Version3)
			h.send(b[:len(b)-5])
		}, alert(0x0c, 1), "truncated"},
		{"no message at all", func(h *hand) {
			h.agree()
			h.send([]byte{0x13, 3})
		}, alert(0x0c, 1), "truncated"},
		{"unknown message", func(h *hand) {
			h.agree()
			h.send([]byte{0x14, 3, 4, 0})
		}, alert(8, 1), "0x14"},
		{"the server's own message", func(h *hand) {
			h.agree()
			h.write(h.request)
		}, alert(8, 1), "out of order"},
		{"response before the challenge", func(h *hand) {
			h.agree()
			h.write(licensing.SealResponse(h.keys, []byte("0123456789"), h.id))
		}, alert(8, 1), "out of order"},
		{"request in place of a response", func(h *hand) {
			h.ask()
			h.challenged()
			h.write(&licensing.NewLicenseRequest{})
		}, alert(8, 1), "out of order"},
	}
}

// TestRefusedByHand is what a server says to each kind of bad client, to the byte,
// and that it hangs up whatever the client would like to do next.
func TestRefusedByHand(t *testing.T) {
	for _, tt := range slices.Concat(badSecrets(), badOrder()) {
		t.Run(tt.name, func(t *testing.T) {
			l, _ := labWithLicenses(t, func(c *ts.Config) {
				c.Profile = edition.W2KSP3()
				c.Profile.StrangerCAL = edition.BlobNone
			})
			h := l.byHand(t, nil)
			tt.say(h)
			if got := h.last(); got != tt.want || !h.over() {
				t.Errorf("%s, want %s and the end", got, tt.want)
			}
			if e := l.await(t, "connection.refused"); !strings.Contains(e.Fields["reason"], tt.why) {
				t.Errorf("the event says %q, want it to name %q", e.Fields["reason"], tt.why)
			}
		})
	}
}

// TestRefusedByTheRules: no license server after the grace period, one that issues
// nothing, and none within the grace period, which admits.
func TestRefusedByTheRules(t *testing.T) {
	ask := func(l *lab) *hand {
		h := l.byHand(t, nil)
		h.ask()
		h.challenged()
		h.respond(licensing.FormSpecified)
		return h
	}
	l := newLab(t, nil)
	if got, want := ask(l).last(), alert(7, 2); got != want {
		t.Errorf("within the grace period: %s, want %s", got, want)
	}
	l.await(t, "license.none")
	if err := l.clock.AdvanceBySteps(t.Context(), 91*day, day); err != nil {
		t.Fatal(err)
	}
	if h := ask(l); h.last() != alert(6, 1) || !h.over() {
		t.Errorf("after the grace period: not %s and the end", alert(6, 1))
	}
	l, ls := labWithLicenses(t, nil)
	ls.script(func(m tsls.Message) tsls.Message {
		if m.Type() != tsls.TypeAllocate {
			return nil
		}
		return tsls.Allocated{Answer: tsls.AnswerDenyExpired}
	})
	if h := ask(l); h.last() != alert(8, 1) || !h.over() {
		t.Errorf("a license server that issues nothing: not %s and the end", alert(8, 1))
	}
}

// TestClientAborts: a client may refuse the certificate, or to be licensed; the
// server says why the connection ended and nothing more.
func TestClientAborts(t *testing.T) {
	l, _ := labWithLicenses(t, nil)
	for code, name := range map[licensing.Code]string{
		licensing.InvalidServerCertificate: "received ERR_INVALID_SERVER_CERTIFICATE, ST_TOTAL_ABORT",
		licensing.NoLicense:                "received ERR_NO_LICENSE, ST_TOTAL_ABORT",
		licensing.InvalidMAC:               "received ERR_INVALID_MAC, ST_TOTAL_ABORT",
	} {
		h := l.byHand(t, nil)
		h.agree()
		h.write(licensing.Abort(code))
		if !h.over() {
			t.Errorf("%v: the server goes on", code)
		}
		if e := l.await(t, "connection.refused"); !strings.Contains(e.Fields["reason"], name) {
			t.Errorf("the event says %q, want %q", e.Fields["reason"], name)
		}
	}
}

// TestErrorInfo is the other way to tell a refused client: through licensing, and out
// again with the reason. Who did not announce that it understands gets the alert.
func TestErrorInfo(t *testing.T) {
	for _, behavior := range []string{"alert", "errorinfo"} {
		for code := ts.Refusal(0x100); code <= 0x10A; code++ {
			for _, announced := range []bool{true, false} {
				if code > 0x101 && (behavior == "alert" || !announced) {
					continue // one alert is like another
				}
				t.Run(fmt.Sprintf("%s %v %v", behavior, code, announced), func(t *testing.T) {
					l, _ := labWithLicenses(t, func(c *ts.Config) {
						err := c.Speak(ts.Speech{Security: "both", KeyBits: 512, Certificate: "proprietary", Output: "fast",
							Behavior: []string{behavior, "refuse=" + code.String()}})
						if err != nil {
							t.Fatal(err)
						}
					})
					h := l.byHand(t, func(c *rdpconn.ClientConfig) { c.NoErrorInfo = !announced })
					h.ask()
					h.challenged()
					h.respond(licensing.FormSpecified)
					got := h.last()
					if behavior == "alert" || !announced {
						if !strings.HasSuffix(got, "0100000004000000") || got == alert(7, 1) || !h.over() {
							t.Errorf("%s, want an alert that aborts, and the end", got)
						}
						return
					}
					if got != alert(7, 2) {
						t.Fatalf("%s, want %s first", got, alert(7, 2))
					}
					h.wantErrorInfo(uint32(code))
				})
			}
		}
	}
}

// wantErrorInfo activates the session and expects it to end with the reason.
func (h *hand) wantErrorInfo(code uint32) {
	h.t.Helper()
	err := h.conn.Activate(rdp.Desktop{})
	for err == nil {
		_, err = h.conn.ReadUpdate()
	}
	h.conn.Abort()
	peer, ok := errors.AsType[*rdpconn.PeerError](err)
	if !ok || peer.Code != code || !errors.Is(err, rdpconn.ErrDisconnected) {
		h.t.Errorf("the session ended with %v, want reason %#x", err, code)
	}
}
