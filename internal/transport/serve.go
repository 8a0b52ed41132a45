package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/tslab/tslab/wire/tsls"
)

// Peer is who sent a request.
type Peer struct {
	Addr        net.Addr
	Certificate *x509.Certificate // shown in the TLS handshake; nil when the configuration asks for none
	Hello       tsls.Hello        // said when the connection was made
	Binding     []byte            // what ties a proof to the connection (RFC 9266)
}

// Handler answers one request; it may be called at once from many goroutines. The
// first call of a connection is with its [tsls.Hello], of the right version, and
// is answered with [tsls.ServerInfo], or [tsls.Error] to turn the peer away. The
// context ends when the time for a request is over, not when the server stops.
type Handler func(ctx context.Context, peer Peer, m tsls.Message) tsls.Message

// Serve accepts connections and answers requests until the context ends. Then it
// takes no new request, lets those at work finish, closes the connections and
// returns nil once all its goroutines have ended. It closes the listener.
func Serve(ctx context.Context, l net.Listener, config *tls.Config, handler Handler, limits Limits) error {
	s := &server{config: config, handler: handler, limits: limits.withDefaults(),
		conns: map[*serverConn]struct{}{}, sources: map[string]int{}}
	stop := context.AfterFunc(ctx, func() {
		l.Close()
		s.stop()
	})
	defer stop()
	err := s.accept(ctx, l)
	l.Close()
	s.stop()
	s.all.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

type server struct {
	config  *tls.Config
	handler Handler
	limits  Limits
	all     sync.WaitGroup

	mu      sync.Mutex
	stopped bool
	conns   map[*serverConn]struct{}
	half    []*serverConn  // of them, those before the end of their hello, oldest first
	sources map[string]int // connections of an address
}

// accept takes connections until the listener fails. A lack of file descriptors
// passes: it waits a little and goes on.
func (s *server) accept(ctx context.Context, l net.Listener) error {
	pause := 5 * time.Millisecond
	for {
		raw, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
				return fmt.Errorf("accept: %w", err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			if pause *= 2; pause > 5*time.Second {
				return fmt.Errorf("accept: %w", err)
			}
			continue
		}
		pause = 5 * time.Millisecond
		if tcp, ok := raw.(*net.TCPConn); ok {
			_ = tcp.SetKeepAlive(false) // a connection that is kept for the next ping costs nothing in between
		}
		c := &serverConn{server: s, raw: raw, source: source(raw.RemoteAddr())}
		if err := s.add(c); err != nil {
			raw.Close()
			s.limits.Refused(raw.RemoteAddr(), err)
			continue
		}
		s.all.Go(func() {
			err := c.serve(context.WithoutCancel(ctx))
			if crowded := s.remove(c); crowded {
				err = errCrowded
			}
			if err != nil && ctx.Err() == nil {
				s.limits.Refused(raw.RemoteAddr(), err)
			}
		})
	}
}

// source is what connections are counted by: the address without the port.
func source(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}

// Why a connection is not kept.
var (
	errTooMany  = errors.New("too many connections")
	errSource   = errors.New("too many connections from this address")
	errCrowded  = errors.New("too many unfinished connections; this was the oldest")
	errStopping = errors.New("the server stops")
)

// add counts the connection, or says why it cannot be taken. Unfinished ones make
// room: the oldest of the address, or of all.
func (s *server) add(c *serverConn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return errStopping
	case s.sources[c.source] >= s.limits.ConnsPerSource && !s.crowdOut(func(h *serverConn) bool { return h.source == c.source }):
		return errSource
	case len(s.conns) >= s.limits.Conns && !s.crowdOut(func(*serverConn) bool { return true }):
		return errTooMany
	}
	if len(s.half) >= s.limits.HalfOpen {
		s.crowdOut(func(*serverConn) bool { return true })
	}
	s.conns[c] = struct{}{}
	s.half = append(s.half, c)
	s.sources[c.source]++
	return nil
}

// crowdOut ends the oldest unfinished connection that is one of those meant; false
// when there is none. Its place is free at once. It needs the lock.
func (s *server) crowdOut(meant func(*serverConn) bool) bool {
	for _, h := range s.half {
		if meant(h) {
			h.crowded = true
			s.forget(h)
			h.raw.Close()
			return true
		}
	}
	return false
}

// forget needs the lock and does nothing for a connection that is not counted.
func (s *server) forget(c *serverConn) {
	if _, ok := s.conns[c]; !ok {
		return
	}
	delete(s.conns, c)
	s.promote(c)
	if s.sources[c.source]--; s.sources[c.source] == 0 {
		delete(s.sources, c.source)
	}
}

// promote takes c out of the unfinished; it needs the lock.
func (s *server) promote(c *serverConn) {
	if i := slices.Index(s.half, c); i >= 0 {
		s.half = slices.Delete(s.half, i, i+1)
	}
}

// finished says that c's hello is over.
func (s *server) finished(c *serverConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.promote(c)
}

// remove gives the connection's place back; crowded says that it had to make room.
func (s *server) remove(c *serverConn) (crowded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(c)
	return c.crowded
}

// stop makes every connection end after the requests that it has read.
func (s *server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	for c := range s.conns {
		c.stop()
	}
}
