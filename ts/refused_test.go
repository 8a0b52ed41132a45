package ts_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
)

// refused is an input that no client may send: what the server says last, byte by
// byte where the protocol has a code for it, and what its event log says.
type refused struct {
	name  string
	setup func(*ts.Config)
	say   func(*testing.T, *lab)
	pdu   string // the last that was sent; empty: nothing
	data  string // its bytes begin so, after what differs every time
	event string
}

const (
	ultimatum = "0300000902f0802080" // MCS Disconnect Provider Ultimatum, rn-provider-initiated
	farewell  = "0300000902f0802180" // the same, rn-user-requested
	failure   = "030000130ed000001234000300080000000000"
)

// abort is an ERROR_ALERT with ST_TOTAL_ABORT, MS-RDPELE 2.2.2.7.1.
func abort(code string) string { return "ff031000" + code + "0001000000" }

func refusals() []refused {
	plain := func(*ts.Config) {}
	only := func(p rdpconn.Protocols) func(*ts.Config) { return func(c *ts.Config) { c.Security = p } }
	bytesOf := func(text string) func(*testing.T, *lab) {
		return func(t *testing.T, l *lab) { sayRaw(t, l, text) }
	}
	// The n-th packet of a client is another one.
	instead := func(n int, packet []byte) func(*testing.T, *lab) {
		return func(t *testing.T, l *lab) {
			words := wordsOf(t, l, rdpsec.MethodNone)
			sayRaw(t, l, string(bytes.Join(append(words[:n:n], packet), nil)))
		}
	}
	mcs := func(m rdp.MCS) []byte { return rdp.AppendX224Data(nil, m.Append(nil)) }
	data := func(b ...byte) []byte {
		return mcs(rdp.MCS{Kind: rdp.MCSSendRequest, Initiator: 1004, Channel: rdp.IOChannel, Data: b})
	}
	const last = 6 // Client Info, when there is no channel but the two
	cut := func(t *testing.T, l *lab) {
		words := wordsOf(t, l, rdpsec.MethodNone)
		sayRaw(t, l, string(bytes.Join(words[:3], nil))+string(words[3][:5]))
	}
	return []refused{
		{"HTTP", plain, bytesOf("GET / HTTP/1.0\r\n\r\n"), "", "", "rdp negotiation, received: first byte 0x47"},
		{"oversized", plain, bytesOf("\x03\x00\xff\xff\x27\xe0\x00\x00\x00\x00\x00"), "", "", "packet of 65535 bytes"},
		{"truncated", plain, bytesOf("\x03\x00\x00\x13\x0e\xe0"), "", "", "rdp negotiation, received: unexpected EOF"},
		{"CredSSP alone", plain, bytesOf("\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x02\x00\x00\x00"),
			"X.224 Connection Confirm", failure[:30] + "01000000", "SSL_REQUIRED_BY_SERVER"},
		{"TLS alone, not taken", only(rdpconn.RDPOnly), bytesOf("\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x01\x00\x00\x00"),
			"X.224 Connection Confirm", failure[:30] + "02000000", "SSL_NOT_ALLOWED_BY_SERVER"},
		{"no TLS, insisted on", only(rdpconn.TLSOnly), bytesOf("\x03\x00\x00\x0b\x06\xe0\x00\x00\x00\x00\x00"),
			"X.224 Connection Confirm", failure[:30] + "01000000", "SSL_REQUIRED_BY_SERVER"},
		{"a connect of nonsense", plain, instead(1, rdp.AppendX224Data(nil, []byte{0x7f, 0x65, 1, 2})), "X.224 Connection Confirm", "", "rdp MCS connect, received"},
		{"no encryption in common", func(c *ts.Config) { c.Encryption = []rdpsec.Method{rdpsec.Method56} }, func(t *testing.T, l *lab) {
			dialWith(t, l, rdpsec.Method40)
		}, "X.224 Connection Confirm", "", "client offers encryption methods"},
		{"joins before it is attached", plain, instead(2, mcs(rdp.MCS{Kind: rdp.MCSJoinRequest, Initiator: 1004, Channel: 1003})),
			"Disconnect Provider Ultimatum", ultimatum, "Channel Join Request, want Erect Domain"},
		{"cut off in a packet", plain, cut, "MCS Connect-Response", "", "rdp channel join, received: unexpected EOF"},
		{"Client Info of nonsense", plain, instead(last, data(0x40, 0, 0, 0, 1, 2, 3)), "Disconnect Provider Ultimatum", ultimatum, "rdp client info, received"},
		{"no Client Info", plain, instead(last, data(0x80, 0, 0, 0, 1, 2, 3)), "Disconnect Provider Ultimatum", ultimatum, "want client info"},
		{"wrong MAC", plain, func(t *testing.T, l *lab) { // a client that was heard before: the keys are others now
			sayRaw(t, l, string(bytes.Join(wordsOf(t, l, rdpsec.Method128), nil)))
		}, "Disconnect Provider Ultimatum", ultimatum, "wrong message authentication code"},
		{"licensing: truncated", plain, byPeer(func(p *peer) { p.raw([]byte{0x13, 3, 4, 0}) }), "licensing", abort("0c0000"), "ERR_INVALID_MESSAGE_LEN"},
		{"licensing: out of order", plain, byPeer(func(p *peer) { p.write(p.request) }), "licensing", abort("080000"), "ERR_INVALID_CLIENT"},
		{"licensing: wrong MAC", plain, byPeer(func(p *peer) {
			m := &licensing.LicenseInfo{ClientKeys: p.first, License: []byte("x")}
			m.Seal(p.keys, peerID)
			m.MAC[0] ^= 1
			p.write(m)
		}), "licensing", abort("030000"), "ERR_INVALID_MAC"},
		{"licensing: for another certificate", plain, byPeer(func(p *peer) {
			setAll(p.first.EncryptedPremaster)
			p.write(&licensing.NewLicenseRequest{ClientKeys: p.first, User: "lab", Machine: "PC"})
		}), "licensing", abort("080000"), "premaster secret"},
		{"licensing: refused", func(c *ts.Config) { c.Refuse = 0x101 }, byPeer(func(p *peer) {
			p.write(licensing.SealResponse(p.keys, p.challenged(), peerID))
		}), "licensing", abort("060000"), "every client is refused"},
		{"activation: nonsense", plain, func(t *testing.T, l *lab) {
			p := admitted(t, l)
			p.WriteLicense([]byte{1, 2, 3})
			p.wait()
		}, "Disconnect Provider Ultimatum", farewell, "rdp activation, received"},
		{"session: nonsense", plain, func(t *testing.T, l *lab) {
			p := admitted(t, l)
			if err := p.Activate(rdp.Desktop{}); err != nil {
				t.Fatal(err)
			}
			l.await(t, "session.started")
			p.WriteLicense([]byte{1, 2, 3})
			p.wait()
		}, "Disconnect Provider Ultimatum", farewell, "the connection broke"},
	}
}

// TestRefusedInput holds what the transcript shows of every input that is refused:
// the right error code on the wire, and one event that says why.
func TestRefusedInput(t *testing.T) {
	for _, tt := range refusals() {
		t.Run(tt.name, func(t *testing.T) {
			var text lockedBuffer
			l := newLab(t, func(c *ts.Config) {
				c.Transcript = &text
				tt.setup(c)
			})
			tt.say(t, l)
			var why string
			var told eventlog.Event
			for told.Name == "" {
				select {
				case e := <-l.events:
					if isEnd(e) && strings.Contains(e.Text, tt.event) {
						told = e
					} else if isEnd(e) {
						why += e.Text + "\n"
					}
				case <-time.After(10 * time.Second):
					t.Fatalf("no event says %q, but %q", tt.event, why)
				}
			}
			l.stop()
			for _, e := range l.rest() { // an honest client may have been there before
				if peer := told.Fields["peer"]; isEnd(e) && (peer == "" || peer == e.Fields["peer"]) {
					t.Errorf("a second event: %s", e.Text)
				}
			}
			pdu, data := lastSent(t, text.String())
			if pdu != tt.pdu || !strings.HasPrefix(data, tt.data) {
				t.Errorf("the server says %q %s last, want %q %s", pdu, data, tt.pdu, tt.data)
			}
		})
	}
}

// isEnd reports an event that says how a connection ended.
func isEnd(e eventlog.Event) bool {
	return e.Name == "connection.refused" || e.Name == "license.denied" || e.Name == "session.ended"
}

// lastSent is the last PDU of the last connection that the server has said; the
// farewell behind a licensing message does not count.
func lastSent(t *testing.T, transcript string) (pdu, data string) {
	t.Helper()
	newest := 0
	for line := range strings.Lines(transcript) {
		var l struct {
			Connection           int
			Direction, PDU, Data string
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if l.Connection > newest {
			newest, pdu, data = l.Connection, "", ""
		}
		if l.Connection == newest && l.Direction == "sent" && (pdu != "licensing" || l.Data != farewell) {
			pdu, data = l.PDU, l.Data
		}
	}
	return pdu, data
}

// sayRaw says it and waits until the server has hung up.
func sayRaw(t *testing.T, l *lab, text string) {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, text)
	c.(*net.TCPConn).CloseWrite()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.Copy(io.Discard, c); isTimeout(err) {
		t.Error("the connection stays open")
	}
}

// said keeps what a client says, a packet each.
type said struct {
	net.Conn
	packets [][]byte
}

func (s *said) Write(p []byte) (int, error) {
	s.packets = append(s.packets, bytes.Clone(p))
	return s.Conn.Write(p)
}

func dialWith(t *testing.T, l *lab, m rdpsec.Method) *said {
	t.Helper()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := &said{Conn: nc}
	conn, err := rdpconn.Dial(t.Context(), s, &rdpconn.ClientConfig{
		Protocols: rdpconn.RDPOnly, Encryption: []rdpsec.Method{m}, ClientName: "PEER", User: "lab", StepTimeout: 10 * time.Second,
		Desktop: rdp.Desktop{Width: 640, Height: 480, Bpp: 16},
	})
	if err == nil {
		conn.Abort()
	}
	return s
}

// wordsOf is what an honest client says up to the licensing phase.
func wordsOf(t *testing.T, l *lab, m rdpsec.Method) [][]byte {
	t.Helper()
	return dialWith(t, l, m).packets
}

// byPeer lets a client that has come to the licensing phase do something, and waits
// until the server has hung up.
func byPeer(do func(*peer)) func(*testing.T, *lab) {
	return func(t *testing.T, l *lab) {
		p := l.peer(t, nil).begin()
		do(p)
		p.wait()
	}
}

// wait reads until the server hangs up.
func (p *peer) wait() {
	for {
		if _, err := p.ReadLicense(); err != nil {
			p.Abort()
			return
		}
	}
}

// admitted is a client behind the licensing phase.
func admitted(t *testing.T, l *lab) *peer {
	t.Helper()
	p := l.peer(t, nil).begin()
	p.write(licensing.SealResponse(p.keys, p.challenged(), peerID))
	if m, ok := p.read().(*licensing.ErrorAlert); !ok || !m.IsValidClient() {
		t.Fatalf("not admitted: %v", m)
	}
	return p
}
