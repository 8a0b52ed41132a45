package transport_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/tsls"
)

// raw is a client that sends what it likes.
type raw struct {
	t *testing.T
	*tls.Conn
}

func (l *lab) raw(t *testing.T) raw {
	t.Helper()
	conn, err := tls.Dial("tcp", l.addr, l.tls())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return raw{t, conn}
}

// frame sends a frame whose length may be a lie.
func (r raw) frame(length, id uint32, message []byte) {
	r.t.Helper()
	b := binary.LittleEndian.AppendUint32(nil, length)
	b = binary.LittleEndian.AppendUint32(b, id)
	if _, err := r.Write(append(b, message...)); err != nil {
		r.t.Fatal(err)
	}
}

func (r raw) send(id uint32, m tsls.Message) {
	r.t.Helper()
	b, err := tsls.Append(nil, m)
	if err != nil {
		r.t.Fatal(err)
	}
	r.frame(uint32(len(b)), id, b)
}

func (r raw) receive() (uint32, tsls.Message) {
	r.t.Helper()
	head := make([]byte, 8)
	if _, err := io.ReadFull(r, head); err != nil {
		r.t.Fatal(err)
	}
	message := make([]byte, binary.LittleEndian.Uint32(head))
	if _, err := io.ReadFull(r, message); err != nil {
		r.t.Fatal(err)
	}
	m, err := tsls.Parse(message)
	if err != nil {
		r.t.Fatal(err)
	}
	return binary.LittleEndian.Uint32(head[4:]), m
}

// refused expects an Error with the code, for the request id.
func (r raw) refused(id uint32, code tsls.Code, text string) {
	r.t.Helper()
	got, m := r.receive()
	if e, ok := m.(tsls.Error); !ok || got != id || e.Code != code || !strings.Contains(e.Text, text) {
		r.t.Errorf("request %d is answered with %d %+v, want code %v and %q", id, got, m, code, text)
	}
}

// closed expects that the server has closed.
func (r raw) closed() {
	r.t.Helper()
	if n, err := r.Read(make([]byte, 1)); err != io.EOF {
		r.t.Errorf("the connection stands: %d bytes, %v", n, err)
	}
}

func TestBeforeHello(t *testing.T) {
	lab := newLab(t, echo, transport.Limits{})
	for _, tt := range []struct {
		name string
		send func(raw)
		code tsls.Code
		text string
	}{
		{"ping first", func(r raw) { r.send(7, tsls.Ping{}) }, tsls.CodeHelloFirst, "Ping comes before Hello"},
		{"newer version", func(r raw) { r.frame(6, 7, []byte{1, 9, 0, 1, 2, 3}) }, tsls.CodeVersion, "protocol version 9 is not spoken here: this license server speaks version 1"},
		{"malformed", func(r raw) { r.frame(2, 7, []byte{1, 1}) }, tsls.CodeMalformed, "Hello: version at offset 1: truncated"},
		{"unknown type", func(r raw) { r.frame(1, 7, []byte{0x7f}) }, tsls.CodeUnknownType, "unknown message type 0x7f"},
		{"empty frame", func(r raw) { r.frame(0, 7, nil) }, tsls.CodeMalformed, "message of 0 bytes"},
		{"large frame", func(r raw) { r.frame(8193, 7, nil) }, tsls.CodeMalformed, "message of 8193 bytes, want 1 to 8192"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := lab.raw(t)
			tt.send(r)
			r.refused(7, tt.code, tt.text)
			r.closed()
		})
	}
}

// TestAfterHello: what is wrong with one request leaves the connection standing.
func TestAfterHello(t *testing.T) {
	lab := newLab(t, echo, transport.Limits{})
	r := lab.raw(t)
	r.send(0, tsls.Hello{Name: "ts1"})
	if id, m := r.receive(); id != 0 || m.Type() != tsls.TypeServerInfo {
		t.Fatalf("Hello is answered with %d %+v", id, m)
	}
	r.send(1, tsls.Hello{})
	r.refused(1, tsls.CodeHelloFirst, "Hello was said already")
	r.send(2, tsls.Marked{})
	r.refused(2, tsls.CodeUnknownType, "Marked is no request")
	r.send(3, tsls.KeyPacks{})
	r.refused(3, tsls.CodeUnknownType, "KeyPacks is not answered here")
	r.frame(1, 4, []byte{0x7f})
	r.refused(4, tsls.CodeUnknownType, "this server speaks protocol version 1")
	r.frame(2, 5, []byte{2, 0})
	r.refused(5, tsls.CodeMalformed, "Ping: trailing bytes")
	r.send(1<<32-1, tsls.Ping{})
	if id, m := r.receive(); id != 1<<32-1 || m.Type() != tsls.TypeServerInfo {
		t.Errorf("Ping is answered with %d %+v", id, m)
	}
	r.frame(tsls.MaxMessage+1, 6, nil)
	r.refused(6, tsls.CodeMalformed, "message of 1048577 bytes, want 1 to 1048576")
	r.closed()
}

// TestHandlerTurnsAway: a Hello answered with an error ends the connection.
func TestHandlerTurnsAway(t *testing.T) {
	lab := newLab(t, func(context.Context, transport.Peer, tsls.Message) tsls.Message {
		return tsls.Errorf(tsls.CodeForbidden, "terminal servers of this group only")
	}, transport.Limits{})
	r := lab.raw(t)
	r.send(1, tsls.Hello{})
	r.refused(1, tsls.CodeForbidden, "of this group only")
	r.closed()
}

func TestUnsendableAnswer(t *testing.T) {
	lab := newLab(t, func(_ context.Context, _ transport.Peer, m tsls.Message) tsls.Message {
		if m.Type() == tsls.TypeHello {
			return tsls.ServerInfo{}
		}
		return tsls.ServerInfo{Name: "\xff"}
	}, transport.Limits{})
	_, err := lab.dial(t).Call(t.Context(), tsls.Ping{})
	if !errors.Is(err, tsls.Error{Code: tsls.CodeInternal}) || !strings.Contains(err.Error(), "name: text is not UTF-8") {
		t.Errorf("%v", err)
	}
}

func TestDeadlines(t *testing.T) {
	const short = 30 * time.Millisecond
	t.Run("handshake", func(t *testing.T) {
		lab := newLab(t, echo, transport.Limits{Handshake: short})
		conn, err := net.Dial("tcp", lab.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if n, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("read %d bytes", n)
		}
	})
	t.Run("hello", func(t *testing.T) {
		lab := newLab(t, echo, transport.Limits{Handshake: short})
		lab.raw(t).closed()
	})
	t.Run("idle", func(t *testing.T) {
		lab := newLab(t, echo, transport.Limits{Idle: short})
		conn := lab.dial(t)
		<-conn.Done()
		_, err := conn.Call(t.Context(), tsls.Ping{})
		if !errors.Is(err, transport.ErrClosed) || !errors.Is(err, io.EOF) {
			t.Errorf("%v", err)
		}
	})
	t.Run("frame", func(t *testing.T) {
		lab := newLab(t, echo, transport.Limits{Frame: short})
		r := lab.raw(t)
		r.send(1, tsls.Hello{})
		r.receive()
		r.frame(100, 2, []byte("the rest never comes"))
		r.closed()
	})
	t.Run("request", func(t *testing.T) {
		lab := newLab(t, func(ctx context.Context, _ transport.Peer, m tsls.Message) tsls.Message {
			if m.Type() == tsls.TypeHello {
				return tsls.ServerInfo{}
			}
			<-ctx.Done()
			return tsls.Errorf(tsls.CodeBusy, "%v", ctx.Err())
		}, transport.Limits{Request: short})
		if _, err := lab.dial(t).Call(t.Context(), tsls.Ping{}); !errors.Is(err, tsls.Error{Code: tsls.CodeBusy}) {
			t.Errorf("%v", err)
		}
	})
}

func TestConnectionLimits(t *testing.T) {
	for _, limits := range []transport.Limits{{Conns: 2}, {ConnsPerSource: 2}} {
		lab := newLab(t, echo, limits)
		first := lab.dial(t)
		lab.dial(t)
		hello := tsls.Hello{Program: "termsrv"}
		if conn, err := transport.Dial(t.Context(), lab.addr, lab.tls(), hello); err == nil {
			conn.Close()
			t.Errorf("%+v: a third connection", limits)
		}
		first.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		for { // until the server has noticed the close
			conn, err := transport.Dial(ctx, lab.addr, lab.tls(), hello)
			if err == nil {
				conn.Close()
				break
			}
			if ctx.Err() != nil {
				t.Errorf("%+v: no connection in place of the closed one: %v", limits, err)
				break
			}
		}
		cancel()
	}
}
