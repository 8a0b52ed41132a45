package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/tsls"
)

// lab is a server on the loopback and what a client needs to reach it.
type lab struct {
	addr   string
	client *identity.Identity
	pins   *identity.Pins
	stop   context.CancelFunc
	ended  chan struct{} // closed when Serve has returned
}

func newLab(t *testing.T, handler transport.Handler, limits transport.Limits) *lab {
	t.Helper()
	server, err := identity.LoadOrCreate(t.TempDir(), "ls1")
	if err != nil {
		t.Fatal(err)
	}
	client, err := identity.LoadOrCreate(t.TempDir(), "ts1")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	lab := &lab{addr: l.Addr().String(), client: client, pins: identity.OpenPins(t.TempDir()), stop: cancel, ended: make(chan struct{})}
	go func() {
		defer close(lab.ended)
		if err := transport.Serve(ctx, l, server.ServerTLS(identity.AnyPeer, nil), handler, limits); err != nil {
			t.Errorf("Serve: %v", err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-lab.ended
	})
	return lab
}

func (l *lab) tls() *tls.Config { return l.client.ClientTLS(l.addr, l.pins, nil) }

func (l *lab) dial(t *testing.T) *transport.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := transport.Dial(ctx, l.addr, l.tls(), tsls.Hello{Program: "termsrv", Name: "ts1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// echo answers Hello and Ping with a name, and a Return with its license id as an error.
func echo(_ context.Context, peer transport.Peer, m tsls.Message) tsls.Message {
	switch m := m.(type) {
	case tsls.Hello, tsls.Ping:
		return tsls.ServerInfo{Name: "ls1", Scope: peer.Hello.Name}
	case tsls.Return:
		return tsls.Errorf(tsls.CodeNoLicense, "no license %s", m.LicenseID)
	}
	return nil
}

func TestCall(t *testing.T) {
	lab := newLab(t, echo, transport.Limits{})
	conn := lab.dial(t)
	if got := conn.Server(); got.Name != "ls1" || got.Scope != "ts1" {
		t.Errorf("Server() = %+v", got)
	}
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			id := fmt.Sprintf("LAB-%d", i)
			_, err := conn.Call(t.Context(), tsls.Return{LicenseID: id})
			var peer *transport.PeerError
			if !errors.As(err, &peer) || peer.Err.Text != "no license "+id {
				t.Errorf("call %d: %v", i, err)
			}
			if !errors.Is(err, tsls.Error{Code: tsls.CodeNoLicense}) {
				t.Errorf("call %d: %v is not CodeNoLicense", i, err)
			}
		})
	}
	wg.Wait()
}
