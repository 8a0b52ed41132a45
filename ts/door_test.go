package ts_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/ts"
)

// TestStalledClients: whoever connects and stalls crowds out himself.
func TestStalledClients(t *testing.T) {
	l := newLab(t, func(c *ts.Config) { c.Limits.HalfOpen = 20 })
	var stalled []net.Conn
	for range 100 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		stalled = append(stalled, c)
	}
	if _, err := connect(t, l.device(t, "PC-1")); err != nil {
		t.Errorf("an honest client among stalled ones: %v", err)
	}
	stalled[0].SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := stalled[0].Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("the oldest stalled connection: %v, want it ended", err)
	}
	if e := l.await(t, "connection.refused"); !strings.Contains(e.Fields["reason"], "too many unfinished connections") {
		t.Errorf("the event says %q", e.Fields["reason"])
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

// TestGarbage sends what is not RDP.
func TestGarbage(t *testing.T) {
	l := newLab(t, nil)
	for _, text := range []string{
		"GET / HTTP/1.0\r\n\r\n", "\x03", "\x03\x00\x00\x00", "\x03\x00\xff\xff", "\x16\x03\x01\x00\x05hello", "",
		"\x03\x00\x00\x0b\x06\xe0\x00\x00\x00\x00\x00" + strings.Repeat("\xff", 100), strings.Repeat("A", 1<<16),
	} {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, text)
		c.(*net.TCPConn).CloseWrite()
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.Copy(io.Discard, c); isTimeout(err) {
			t.Errorf("%.20q: the connection stays open", text)
		}
		c.Close()
		l.await(t, "connection.refused")
	}
	if s := l.Status(); s.Connections != 0 {
		t.Errorf("%d connections are left", s.Connections)
	}
}

// TestSilentClient: each step has its deadline.
func TestSilentClient(t *testing.T) {
	l := newLab(t, func(c *ts.Config) { c.Limits.Step = 50 * time.Millisecond })
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	l.await(t, "connection.refused")

	l.peer(t, nil).begin() // silent in the licensing phase
	l.await(t, "connection.refused")
}

func TestTooManyConnections(t *testing.T) {
	l := newLab(t, func(c *ts.Config) { c.Limits.PerSource = 2 })
	for range 2 {
		s, err := client.Connect(t.Context(), l.device(t, "PC-1"))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
	}
	if _, err := connect(t, l.device(t, "PC-2")); err == nil {
		t.Error("a third connection of one address was taken")
	}
	if e := l.await(t, "connection.refused"); !strings.Contains(e.Fields["reason"], "too many connections from this address") {
		t.Errorf("the event says %q", e.Fields["reason"])
	}
}

// TestStopEndsSessions: a server that stops says good-bye.
func TestStopEndsSessions(t *testing.T) {
	l := newLab(t, nil)
	s, err := client.Connect(t.Context(), l.device(t, "PC-1"))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Stay(t.Context()) }()
	l.stop()
	if err := <-done; err != nil {
		t.Errorf("the session ended with %v", err)
	}
	if e := l.await(t, "session.ended"); !strings.Contains(e.Fields["reason"], "stopped") {
		t.Errorf("the event says %q", e.Fields["reason"])
	}
}

// TestLimitsSet reads limits as the command line gives them.
func TestLimitsSet(t *testing.T) {
	var l ts.Limits
	for _, text := range []string{"connections=7", "per-source=6", "half-open=5", "step=4s", "logon=3m", "call=2ms"} {
		if err := l.Set(text); err != nil {
			t.Error(err)
		}
	}
	want := ts.Limits{Connections: 7, PerSource: 6, HalfOpen: 5, Step: 4 * time.Second, Logon: 3 * time.Minute, Call: 2 * time.Millisecond}
	if l != want {
		t.Errorf("%+v, want %+v", l, want)
	}
	for text, says := range map[string]string{
		"connections=0": "N from 1", "half-open": "N from 1", "step=4": "step=20s", "call=-1s": "call=20s", "depth=1": "want connections, per-source",
	} {
		if err := l.Set(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want an error with %q", text, err, says)
		}
	}
}

// TestSourceEach: among connections that stall from an address each, the oldest
// makes room, not the honest one that has come since.
func TestSourceEach(t *testing.T) {
	l := newLab(t, func(c *ts.Config) { c.Limits.HalfOpen = 10 })
	stall := func(from byte) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, from)}}
		c, err := d.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	for i := range 20 {
		stall(byte(1 + i))
	}
	honest := l.peer(t, nil).begin()
	for i := range 9 {
		stall(byte(101 + i))
	}
	honest.challenged() // still there
	stall(200)
	for range 11 { // the twenty stalled but nine
		l.await(t, "connection.refused")
	}
}
