package rdpconn_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
)

// script is a net.Conn whose peer has said everything beforehand.
type script struct {
	in   *bytes.Reader
	mu   sync.Mutex
	out  bytes.Buffer
	done bool
}

func newScript(said []byte) *script { return &script{in: bytes.NewReader(said)} }

func (s *script) Read(p []byte) (int, error) { return s.in.Read(p) }

func (s *script) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return 0, net.ErrClosed
	}
	return s.out.Write(p)
}

func (s *script) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = true
	return nil
}

func (s *script) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// tap is a connection that keeps what was written to it.
type tap struct {
	net.Conn
	mu  sync.Mutex
	out bytes.Buffer
}

func (c *tap) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.out.Write(p)
	c.mu.Unlock()
	return c.Conn.Write(p)
}

// queued is a connection that takes what is written at once and passes it on from a
// goroutine, as a kernel's buffer does: both ends of a net.Pipe may then write.
type queued struct {
	net.Conn
	queue chan []byte
	once  sync.Once
}

// pipe is a net.Pipe with buffers.
func pipe() (a, b net.Conn) {
	a, b = net.Pipe()
	return newQueued(a), newQueued(b)
}

func newQueued(c net.Conn) *queued {
	q := &queued{Conn: c, queue: make(chan []byte, 1000)}
	go func() {
		for b := range q.queue {
			c.Write(b)
		}
		c.Close()
	}()
	return q
}

func (q *queued) Write(p []byte) (int, error) {
	q.queue <- bytes.Clone(p)
	return len(p), nil
}

func (q *queued) SetWriteDeadline(time.Time) error { return nil }

// Close ends the queue; what is in it still goes out. Nobody writes any more by then.
func (q *queued) Close() error {
	q.once.Do(func() { close(q.queue) })
	return nil
}

// packets splits what a peer said.
func packets(t testing.TB, said []byte) (all [][]byte) {
	t.Helper()
	for len(said) > 0 {
		n, _, err := rdp.PacketLen(said)
		if err != nil || n == 0 || n > len(said) {
			t.Fatalf("packet %d: %d bytes of %d, %v", len(all), n, len(said), err)
		}
		all, said = append(all, said[:n]), said[n:]
	}
	return all
}

// seeded is random bytes that are the same every time.
func seeded(b byte) io.Reader { return rand.NewChaCha8([32]byte{b}) }

// fixedKey is a server's key that is the same every time.
var fixedKey = sync.OnceValues(func() (*rdpsec.PrivateKey, error) { return rdpsec.GenerateKey(seeded(9), 512) })

// replayConfigs are configurations whose conversations are the same every time.
func replayConfigs(t testing.TB, m rdpsec.Method) (*rdpconn.ServerConfig, *rdpconn.ClientConfig) {
	t.Helper()
	key, err := fixedKey()
	if err != nil {
		t.Fatal(err)
	}
	sc := &rdpconn.ServerConfig{Key: key, Encryption: []rdpsec.Method{m}, Rand: seeded(1)}
	cc := &rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly, Rand: seeded(2), ClientName: "LABHOST", User: "lab", Password: "secret",
		Channels: []rdp.Channel{{Name: "rdpdr"}}, EncryptLicensing: true, SaltedMAC: true}
	return sc, cc
}

// converse runs both roles to a clean end of the client and returns what each said.
func converse(t testing.TB, m rdpsec.Method) (serverSaid, clientSaid []byte) {
	t.Helper()
	a, b := pipe()
	server, client := &tap{Conn: a}, &tap{Conn: b}
	sc, cc := replayConfigs(t, m)
	errs := make(chan error, 1)
	go func() { errs <- serverPart(t, server, sc) }()
	if err := clientPart(t, client, cc); err != nil {
		t.Errorf("client: %v", err)
	}
	b.Close()
	if err := <-errs; err != nil {
		t.Errorf("server: %v", err)
	}
	return server.out.Bytes(), client.out.Bytes()
}

// serverPart is a whole connection of the server: it answers one licensing message,
// draws a little, and reads input until the client leaves.
func serverPart(t testing.TB, nc net.Conn, sc *rdpconn.ServerConfig) error {
	c, err := rdpconn.Accept(t.Context(), nc, sc)
	if err != nil {
		return err
	}
	defer c.Abort()
	if _, err := c.ReadLicense(); err != nil {
		return err
	}
	if err := c.WriteLicense(validClient); err != nil {
		return err
	}
	if err := c.Activate(c.Desktop()); err != nil {
		return err
	}
	if err := c.WriteBitmap([]rdp.BitmapRect{rectangle(0, 0, 9, 3, 16)}); err != nil {
		return err
	}
	for {
		events, err := c.ReadInput()
		if err != nil {
			return err
		}
		if events[0].Kind == rdp.InputSync { // the last of clientPart
			return c.WriteLogon()
		}
	}
}

// clientPart is a whole connection of the client.
func clientPart(t testing.TB, nc net.Conn, cc *rdpconn.ClientConfig) error {
	c, err := rdpconn.Dial(t.Context(), nc, cc)
	if err != nil {
		return err
	}
	defer c.Abort()
	if err := c.WriteLicense(validClient); err != nil {
		return err
	}
	if _, err := c.ReadLicense(); err != nil {
		return err
	}
	if err := c.Activate(rdp.Desktop{}); err != nil {
		return err
	}
	if _, err := c.ReadUpdate(); err != nil {
		return err
	}
	for _, events := range [][]rdp.InputEvent{{{Kind: rdp.InputKey, Code: 0x1e}}, {{Kind: rdp.InputMouse, X: 1}}, {{Kind: rdp.InputSync}}} {
		if err := c.WriteInput(events); err != nil {
			return err
		}
	}
	for {
		if u, err := c.ReadUpdate(); err != nil || u.Logon {
			return err
		}
	}
}
