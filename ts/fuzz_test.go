package ts_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
)

// The steps of a fuzzed client: each is a byte, and some take the bytes that follow,
// behind their number in another byte.
const (
	stepNext  = iota // the next message of the licensing phase, as it should be
	stepOld          // the same, but a license is shown first
	stepSay          // bytes as a licensing message
	stepBend         // the next message with bytes changed: pairs of place and difference
	stepRaw          // bytes past the protocol
	stepEnter        // capabilities, up to the session
	stepInput        // keys
	steps
)

// FuzzConnection is a client's whole connection with a terminal server that asks a
// license server: negotiation, keys, licensing, logon, session. Whatever it does, the
// connection comes to its end, and one event says why. The first byte chooses the
// security.
func FuzzConnection(f *testing.F) {
	var l *lab
	ls := serveLicenses(f, "127.0.0.1:0", func() time.Time { return l.clock.Now() })
	l = newLab(f, func(c *ts.Config) { c.LicenseServer = ls.addr })
	for security := range byte(4) {
		f.Add([]byte{security, stepNext, stepNext, stepEnter, stepInput, 2, 0x1e, 0x30})
		f.Add([]byte{security, stepOld, stepNext, stepEnter})
		f.Add([]byte{security, stepNext, stepBend, 2, 30, 1, stepNext})
		f.Add([]byte{security, stepOld, stepBend, 4, 4, 1, 60, 9, stepEnter})
		f.Add([]byte{security, stepSay, 4, 0x13, 3, 4, 0})
		f.Add([]byte{security, stepNext, stepSay, 16, 0xff, 3, 16, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0})
		f.Add([]byte{security, stepRaw, 8, 3, 0, 0, 8, 2, 0xf0, 0x80, 0x21})
		f.Add([]byte{security, stepNext, stepNext, stepEnter, stepRaw, 5, 0x44, 5, 0, 1, 2})
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l.count()
		near, far := newWire()
		served := make(chan struct{})
		go func() {
			defer close(served)
			l.Take(t.Context(), near)
		}()
		play(t, far, b)
		far.Close()
		select {
		case <-served:
		case <-time.After(30 * time.Second):
			t.Fatal("the connection does not end")
		}
		ends := 0
		for {
			select {
			case e := <-l.events:
				switch e.Name {
				case "connection.refused", "session.ended", "license.denied":
					ends++
				}
				if strings.Contains(e.Text, "internal error") || strings.Contains(e.Text, "unreachable") {
					t.Errorf("%s: %s", e.Name, e.Text)
				}
				continue
			default:
			}
			break
		}
		if ends != 1 {
			t.Errorf("%d events say how the connection ended, want one", ends)
		}
		if s := l.Status(); s.Connections != 0 || s.Sessions != 0 {
			t.Errorf("%d connections and %d sessions are left", s.Connections, s.Sessions)
		}
	})
}

// fuzzed is the client.
type fuzzed struct {
	*rdpconn.Conn
	t     *testing.T
	wire  net.Conn
	keys  rdpsec.LicenseKeys
	first licensing.ClientKeys

	deaf      bool              // it waits for nothing: the session, or what need not be answered
	answers   int               // of the server that are due
	last      licensing.Message // of the server
	concluded bool
}

// play is the client's part. Nothing that goes wrong in it matters.
func play(t *testing.T, wire net.Conn, b []byte) {
	if len(b) == 0 {
		return
	}
	config := &rdpconn.ClientConfig{
		Protocols: rdpconn.RDPOnly, ClientName: "PC-1", User: "lab", Password: "lab",
		Desktop: rdp.Desktop{Width: 640, Height: 480, Bpp: 8}, StepTimeout: 20 * time.Second,
	}
	method := []rdpsec.Method{rdpsec.MethodNone, rdpsec.Method40, rdpsec.Method56, rdpsec.Method128}[b[0]&3]
	config.Encryption, config.EncryptLicensing = []rdpsec.Method{method}, b[0]&4 != 0
	conn, err := rdpconn.Dial(t.Context(), wire, config)
	if err != nil {
		t.Fatalf("an honest beginning: %v", err)
	}
	c := &fuzzed{Conn: conn, t: t, wire: wire, answers: 1}
	for b = b[1:]; len(b) > 0; {
		op := b[0] % steps
		b = b[1:]
		var data []byte
		if op == stepSay || op == stepBend || op == stepRaw || op == stepInput {
			if len(b) == 0 {
				return
			}
			n := min(int(b[0]), len(b)-1)
			data, b = b[1:1+n], b[1+n:]
		}
		if !c.do(op, data) {
			return
		}
	}
}

// do does one step; false when the connection is over.
func (c *fuzzed) do(op byte, data []byte) bool {
	switch op {
	case stepSay:
		c.answers++
		return c.WriteLicense(data) == nil
	case stepRaw:
		c.deaf = true
		_, err := c.wire.Write(data)
		return err == nil
	case stepEnter:
		for c.answers > 0 && !c.concluded {
			if !c.hear() {
				return false
			}
		}
		if !c.concluded || c.deaf {
			return false
		}
		c.deaf = true
		return c.Activate(rdp.Desktop{}) == nil
	case stepInput:
		for _, code := range data {
			if c.WriteInput([]rdp.InputEvent{{Kind: rdp.InputKind(code % 6), Code: uint16(code), X: uint16(code) * 7}}) != nil {
				return false
			}
		}
		return true
	}
	for c.answers > 0 {
		if !c.hear() {
			return false
		}
	}
	m := c.answer(op == stepOld)
	if m == nil {
		return true
	}
	body := licensing.Append(nil, m, licensing.Version3)
	for ; len(data) > 1; data = data[2:] {
		body[int(data[0])%len(body)] ^= data[1]
	}
	c.answers++
	return c.WriteLicense(body) == nil
}

// hear reads the server's next message; false when there is none.
func (c *fuzzed) hear() bool {
	if c.deaf {
		return false
	}
	c.answers--
	b, err := c.ReadLicense()
	if err != nil {
		return false
	}
	if c.last, err = licensing.Parse(b); err != nil {
		c.t.Errorf("the server says %x: %v", b, err)
		return false
	}
	switch m := c.last.(type) {
	case *licensing.NewLicense, *licensing.UpgradeLicense:
		c.concluded = true
	case *licensing.ErrorAlert:
		c.concluded = m.IsValidClient()
		return c.concluded
	}
	return true
}

// answer is the right answer to the server's last message.
func (c *fuzzed) answer(old bool) licensing.Message {
	switch m := c.last.(type) {
	case *licensing.LicenseRequest:
		key, err := rdpsec.ParseServerCertificate(m.ServerCertificate)
		if err != nil {
			c.t.Fatal(err)
		}
		premaster := bytes.Repeat([]byte{1}, rdpsec.PremasterSize)
		c.first = licensing.ClientKeys{
			KeyExchange: licensing.KeyExchangeRSA, PlatformID: 0xff010000,
			ClientRandom: [32]byte{1, 2, 3}, EncryptedPremaster: key.Encrypt(premaster),
		}
		if c.keys, err = rdpsec.NewLicenseKeys(premaster, c.first.ClientRandom[:], m.ServerRandom[:]); err != nil {
			c.t.Fatal(err)
		}
		if old {
			shown := &licensing.LicenseInfo{ClientKeys: c.first, License: []byte("a license of somebody else")}
			shown.Seal(c.keys, peerID)
			return shown
		}
		return &licensing.NewLicenseRequest{ClientKeys: c.first, User: "lab", Machine: "PC-1"}
	case *licensing.PlatformChallenge:
		challenge, err := m.Open(c.keys)
		if err != nil {
			return nil // for other keys than the client has: its message was bent
		}
		return licensing.SealResponse(c.keys, challenge, peerID)
	}
	return nil
}

// wire is a connection in memory that takes what is written at once.
type wire struct {
	net.Addr
	in, out *stream
}

func newWire() (a, b *wire) {
	up, down := newStream(), newStream()
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}
	return &wire{addr, up, down}, &wire{addr, down, up}
}

func (w *wire) Read(p []byte) (int, error)  { return w.in.read(p) }
func (w *wire) Write(p []byte) (int, error) { return w.out.write(p) }

// Close ends both directions: what is on its way can still be read.
func (w *wire) Close() error {
	w.out.close()
	w.in.close()
	return nil
}

func (w *wire) CloseWrite() error {
	w.out.close()
	return nil
}

func (w *wire) LocalAddr() net.Addr                { return w.Addr }
func (w *wire) RemoteAddr() net.Addr               { return w.Addr }
func (w *wire) SetDeadline(t time.Time) error      { return w.SetReadDeadline(t) }
func (w *wire) SetWriteDeadline(t time.Time) error { return nil }

func (w *wire) SetReadDeadline(t time.Time) error {
	w.in.setDeadline(t)
	return nil
}

// stream is one direction.
type stream struct {
	mu       sync.Mutex
	changed  *sync.Cond
	buf      []byte
	closed   bool
	deadline time.Time
	timer    *time.Timer
}

func newStream() *stream {
	s := &stream{}
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.buf) == 0 && !s.closed {
		if !s.deadline.IsZero() && !time.Now().Before(s.deadline) {
			return 0, os.ErrDeadlineExceeded
		}
		s.changed.Wait()
	}
	n := copy(p, s.buf)
	s.buf = slices.Delete(s.buf, 0, n)
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (s *stream) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, net.ErrClosed
	}
	s.buf = append(s.buf, p...)
	s.changed.Broadcast()
	return len(p), nil
}

func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.changed.Broadcast()
}

func (s *stream) setDeadline(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	if s.timer != nil {
		s.timer.Stop()
	}
	if !t.IsZero() && !s.closed {
		s.timer = time.AfterFunc(time.Until(t), s.changed.Broadcast)
	}
	s.changed.Broadcast()
}
