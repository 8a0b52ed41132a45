package ts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/tsls"
)

// upstream is one license server, and the one connection that all clients share.
type upstream struct {
	addr string
	dial func(ctx context.Context, addr string) (*transport.Conn, error)
	wait time.Duration // for a connection

	mu      sync.Mutex
	conn    *transport.Conn
	silent  map[*transport.Conn]bool // did not answer in time; calls may still wait on them
	attempt *attempt                 // under way, nil otherwise
	pulse   *attempt                 // a sign of life that is waited for, nil otherwise
	closed  bool
	said    tsls.ServerInfo // what the license server has said last of itself
	saidOn  *transport.Conn // and where
	all     sync.WaitGroup
}

// attempt is a connection being made. All who need it wait for the same.
type attempt struct {
	cancel context.CancelFunc
	done   chan struct{}
	conn   *transport.Conn
	err    error
}

var errClosed = errors.New("terminal server is stopping")

// call asks the license server and waits so long for the answer. A standing
// connection that turns out to be dead is made anew, once.
func (u *upstream) call(ctx context.Context, m tsls.Message, wait time.Duration) (tsls.Message, tsls.ServerInfo, error) {
	conn, fresh, err := u.connect(ctx)
	if err != nil {
		return nil, tsls.ServerInfo{}, err
	}
	answer, err := u.callOn(ctx, conn, m, wait)
	if errors.Is(err, transport.ErrClosed) && !fresh {
		if conn, _, err = u.connect(ctx); err != nil {
			return nil, tsls.ServerInfo{}, err
		}
		answer, err = u.callOn(ctx, conn, m, wait)
	}
	if err != nil {
		return nil, tsls.ServerInfo{}, err
	}
	return answer, u.latest(conn, answer), nil
}

// latest is what the license server has said last about itself: in this answer, in an
// earlier one, or when the connection was made. It may have been activated since then.
func (u *upstream) latest(conn *transport.Conn, answer tsls.Message) tsls.ServerInfo {
	u.mu.Lock()
	defer u.mu.Unlock()
	if info, ok := answer.(tsls.ServerInfo); ok {
		u.said, u.saidOn = info, conn
	}
	if u.saidOn == conn {
		return u.said
	}
	return conn.Server()
}

func (u *upstream) callOn(ctx context.Context, conn *transport.Conn, m tsls.Message, wait time.Duration) (tsls.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	answer, err := conn.Call(ctx, m)
	if errors.Is(err, context.DeadlineExceeded) {
		u.distrust(conn, wait)
	}
	return answer, err
}

// quiet is how long an answer may be missing before a sign of life is asked for.
const quiet = 200 * time.Millisecond

// watched is call, given up early when the license server, silent for a moment, does
// not answer a ping within patience either.
func (u *upstream) watched(ctx context.Context, m tsls.Message, wait, patience time.Duration) (tsls.Message, tsls.ServerInfo, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(quiet, func() {
		if err := u.alive(ctx, patience); err != nil {
			cancel(err)
		}
	})
	defer timer.Stop()
	answer, info, err := u.call(ctx, m, wait)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return answer, info, err
}

// alive asks for a sign of life on the standing connection. All who want one wait for
// the same. A connection that breaks tells its callers itself.
func (u *upstream) alive(ctx context.Context, patience time.Duration) error {
	u.mu.Lock()
	conn, a := u.conn, u.pulse
	if conn == nil || u.closed {
		u.mu.Unlock()
		return nil
	}
	if a == nil {
		a = &attempt{done: make(chan struct{})}
		u.pulse = a
		u.all.Go(func() {
			_, err := u.callOn(context.Background(), conn, tsls.Ping{}, patience)
			if errors.Is(err, context.DeadlineExceeded) {
				a.err = fmt.Errorf("license server %s does not answer, nor does it a ping in %v", u.addr, patience)
			}
			u.mu.Lock()
			defer u.mu.Unlock()
			u.pulse = nil
			close(a.done)
		})
	}
	u.mu.Unlock()
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		return nil
	}
}

// distrust makes the next call use another connection than one that did not answer
// in time. Calls that wait on it keep it until their own time is over.
func (u *upstream) distrust(conn *transport.Conn, wait time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.conn != conn {
		return
	}
	u.conn = nil
	if u.closed {
		conn.Close()
		return
	}
	if u.silent == nil {
		u.silent = map[*transport.Conn]bool{}
	}
	u.silent[conn] = true
	u.all.Go(func() {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-conn.Done():
		}
		conn.Close()
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.silent, conn)
	})
}

// connect is the standing connection; fresh says that it was made for this call.
func (u *upstream) connect(ctx context.Context) (conn *transport.Conn, fresh bool, err error) {
	u.mu.Lock()
	if u.closed {
		u.mu.Unlock()
		return nil, false, errClosed
	}
	if u.conn != nil && u.conn.Err() == nil {
		defer u.mu.Unlock()
		return u.conn, false, nil
	}
	a := u.attempt
	if a == nil {
		ctx, cancel := context.WithTimeout(context.Background(), u.wait)
		a = &attempt{cancel: cancel, done: make(chan struct{})}
		u.attempt = a
		u.all.Go(func() { u.attemptNow(ctx, a) })
	}
	u.mu.Unlock()
	select {
	case <-a.done:
		return a.conn, true, a.err
	case <-ctx.Done():
		return nil, false, fmt.Errorf("license server %s: %w", u.addr, ctx.Err())
	}
}

func (u *upstream) attemptNow(ctx context.Context, a *attempt) {
	defer a.cancel()
	conn, err := u.dial(ctx, u.addr)
	u.mu.Lock()
	defer u.mu.Unlock()
	if err == nil && u.closed {
		conn.Close()
		conn, err = nil, errClosed
	}
	a.conn, a.err = conn, err
	u.conn, u.attempt = conn, nil
	close(a.done)
}

// close ends every connection, also one that is being made, and waits for what is
// under way.
func (u *upstream) close() {
	u.mu.Lock()
	u.closed = true
	conns := slices.Collect(maps.Keys(u.silent))
	if u.conn != nil {
		conns = append(conns, u.conn)
	}
	if u.attempt != nil {
		u.attempt.cancel()
	}
	u.mu.Unlock()
	for _, conn := range conns {
		conn.Close()
	}
	u.all.Wait()
}
