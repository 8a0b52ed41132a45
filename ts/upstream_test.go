package ts

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/tsls"
)

var errNobody = errors.New("nobody there")

// TestOneAttemptForAll: a hundred clients that need a license server which takes no
// connections wait for one attempt, and no longer than it lasts.
func TestOneAttemptForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		u := &upstream{addr: "ls1:3343", wait: time.Second, dial: func(ctx context.Context, _ string) (*transport.Conn, error) {
			attempts++
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		began := time.Now()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if _, _, err := u.call(t.Context(), tsls.Ping{}, time.Second); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error %v", err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); attempts != 1 || took != time.Second {
			t.Errorf("%d attempts in %v", attempts, took)
		}
		u.close()
	})
}

// TestCloseDoesNotWait: neither a license server that has stopped answering nor one
// that takes no connection keeps the terminal server from stopping.
func TestCloseDoesNotWait(t *testing.T) {
	id, err := identity.LoadOrCreate(t.TempDir(), "ls1")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	welcome := func(context.Context, transport.Peer, tsls.Message) tsls.Message { return tsls.ServerInfo{Name: "ls1"} }
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- transport.Serve(ctx, l, id.ServerTLS(identity.AnyPeer, nil), welcome, transport.Limits{})
	}()
	defer func() {
		cancel()
		<-served
	}()
	pins := identity.OpenPins(t.TempDir())
	dialed := 0
	redial := make(chan struct{})
	u := &upstream{addr: l.Addr().String(), wait: time.Hour, dial: func(ctx context.Context, addr string) (*transport.Conn, error) {
		if dialed++; dialed == 1 {
			return transport.Dial(ctx, addr, id.ClientTLS(addr, pins, nil), tsls.Hello{})
		}
		close(redial)
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	conn, _, err := u.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	u.distrust(conn, time.Hour)
	waits := make(chan error, 1)
	go func() {
		_, _, err := u.call(t.Context(), tsls.Ping{}, time.Hour)
		waits <- err
	}()
	<-redial
	began := time.Now()
	u.close()
	if err := <-waits; !errors.Is(err, context.Canceled) || conn.Err() == nil {
		t.Errorf("the call: %v; the connection: %v", err, conn.Err())
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

func TestClientThatLeavesDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{wait: time.Second, dial: func(ctx context.Context, _ string) (*transport.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		began := time.Now()
		if _, _, err := u.call(ctx, tsls.Ping{}, time.Second); err == nil || time.Since(began) != time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		u.close()
	})
}

func TestEveryCallTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		u := &upstream{wait: time.Second, dial: func(context.Context, string) (*transport.Conn, error) {
			attempts++
			return nil, errNobody
		}}
		for range 3 {
			if _, _, err := u.call(t.Context(), tsls.Ping{}, time.Second); !errors.Is(err, errNobody) {
				t.Errorf("error %v", err)
			}
		}
		u.close()
		if _, _, err := u.call(t.Context(), tsls.Ping{}, time.Second); !errors.Is(err, errClosed) || attempts != 3 {
			t.Errorf("after the end: %v, %d attempts", err, attempts)
		}
	})
}
