package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/tslab/tslab/wire/tsls"
)

// Peer is who sent a request.
type Peer struct {
	Addr        net.Addr
	Certificate *x509.Certificate // shown in the TLS handshake; nil when the configuration asks for none
	Hello       tsls.Hello        // said when the connection was made
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
		c := &serverConn{server: s, raw: raw, source: source(raw.RemoteAddr())}
		if !s.add(c) {
			raw.Close()
			continue
		}
		s.all.Go(func() {
			defer s.remove(c)
			c.serve(context.WithoutCancel(ctx))
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

// add counts the connection; false when a limit is reached.
func (s *server) add(c *serverConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || len(s.conns) >= s.limits.Conns || s.sources[c.source] >= s.limits.ConnsPerSource {
		return false
	}
	s.conns[c] = struct{}{}
	s.sources[c.source]++
	return true
}

func (s *server) remove(c *serverConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.sources[c.source]--; s.sources[c.source] == 0 {
		delete(s.sources, c.source)
	}
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
