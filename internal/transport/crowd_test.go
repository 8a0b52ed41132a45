package transport_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/tsls"
)

// refusals collects what a server says of the connections that it ended.
type refusals chan string

func (r refusals) limits(l transport.Limits) transport.Limits {
	l.Refused = func(peer net.Addr, reason error) { r <- reason.Error() }
	return l
}

func (r refusals) next(t *testing.T) string {
	t.Helper()
	select {
	case reason := <-r:
		return reason
	case <-time.After(10 * time.Second):
		t.Fatal("no word of a refused connection")
	}
	return ""
}

// TestCrowd: connections that stall before their hello crowd out each other and
// nobody else.
func TestCrowd(t *testing.T) {
	for name, limits := range map[string]transport.Limits{
		"half-open": {HalfOpen: 5}, "all": {Conns: 5}, "one address": {ConnsPerSource: 5},
	} {
		t.Run(name, func(t *testing.T) {
			said := make(refusals, 100)
			lab := newLab(t, echo, said.limits(limits))
			standing := lab.dial(t)
			var stalled []net.Conn
			for range 20 {
				conn, err := net.Dial("tcp", lab.addr)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				stalled = append(stalled, conn)
			}
			if got := said.next(t); got != "too many unfinished connections; this was the oldest" {
				t.Errorf("reason %q", got)
			}
			stalled[0].SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, err := stalled[0].Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the oldest stalled connection: %v", err)
			}
			if _, err := standing.Call(t.Context(), tsls.Ping{}); err != nil {
				t.Errorf("a connection that stood before: %v", err)
			}
			if _, err := lab.dial(t).Call(t.Context(), tsls.Ping{}); err != nil {
				t.Errorf("an honest one in the crowd: %v", err)
			}
		})
	}
}

// TestRefused: whatever a peer does wrong is said once; one that goes away is nobody.
func TestRefused(t *testing.T) {
	said := make(refusals, 100)
	lab := newLab(t, echo, said.limits(transport.Limits{Handshake: 200 * time.Millisecond, Frame: 200 * time.Millisecond}))
	for _, tt := range []struct {
		name string
		do   func()
		want string
	}{
		{"not TLS", func() {
			conn, err := net.Dial("tcp", lab.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
			io.Copy(io.Discard, conn)
		}, "TLS handshake: tls: first record does not look like a TLS handshake"},
		{"silent", func() {
			conn, err := net.Dial("tcp", lab.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.Copy(io.Discard, conn)
		}, "i/o timeout"},
		{"no hello", func() { lab.raw(t).closed() }, "hello: "},
		{"another version", func() {
			r := lab.raw(t)
			r.frame(6, 7, []byte{1, 9, 0, 1, 2, 3})
			r.receive()
			r.closed()
		}, "hello: "},
		{"a frame that is too large", func() {
			r := lab.raw(t)
			r.send(0, tsls.Hello{})
			r.receive()
			r.frame(tsls.MaxMessage+1, 1, nil)
			r.refused(1, tsls.CodeMalformed, "want 1 to")
			r.closed()
		}, "message of 1048577 bytes"},
		{"half a frame", func() {
			r := lab.raw(t)
			r.send(0, tsls.Hello{})
			r.receive()
			r.frame(100, 1, []byte("half"))
			r.closed()
		}, "request: "},
	} {
		tt.do()
		if got := said.next(t); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	lab.dial(t).Close()
	lab.raw(t).Close() // ends before its hello
	if got := said.next(t); !strings.Contains(got, "hello: ") {
		t.Errorf("%q", got)
	}
	if len(said) > 0 {
		t.Errorf("%q was said of a connection that came to its end", <-said)
	}
}
