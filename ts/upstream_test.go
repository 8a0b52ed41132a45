package ts

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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
