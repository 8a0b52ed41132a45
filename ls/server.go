// Package ls is the license server. A request is handled in four steps that never
// change places: decide, commit, log, reply. The decision is made inside the store's
// transaction, so that no other request stands between what it saw and what it does;
// nothing is told to anybody, event log included, before the store has it on the
// disk; and a token is signed from the committed row. A server that dies at any
// moment has therefore every license in its store that anyone was ever given.
//
// What to answer is decided by ls/policy, which is pure; this package carries it out.
package ls

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/tsls"
)

// Program is the license server's name in event logs.
const Program = "lserver"

// Config is what a license server is made of.
type Config struct {
	Name    string // host name; the store remembers it
	Dir     string // state folder
	Clock   clock.Clock
	Log     *eventlog.Log
	Edition edition.Profile
	Scope   string // "enterprise", "domain", "workgroup"; empty: workgroup
	Seed    uint64 // of license ids and random lifetimes of a new store; 0: random
	Limits  transport.Limits

	// Peers are the other license servers of the scope; nil: this one shares its
	// inventory with nobody, and refers nobody.
	Peers Peers
	// Ask puts a question to the license server at an address; nil: nobody is asked.
	Ask func(ctx context.Context, addr string, m tsls.Message) (tsls.Message, error)

	// Clearinghouse sends a form to the clearinghouse over the network and returns the
	// documents of its answer; nil: this server was not told where one is.
	Clearinghouse func(ctx context.Context, operation string, form map[string]string) (documents []string, err error)

	// Idle is called once whenever no request has come for two seconds of elapsed
	// time; it may be nil.
	Idle func()
}

const idleAfter = 2 * time.Second

// keep is how long the connection of a terminal server that asks nothing is kept: from
// one ping to the next (verify_min), so that a ping need not make it anew.
const keep = 150 * time.Minute

// Server is a license server with its store open.
type Server struct {
	config Config
	store  *store.Store
	stats  counters
	work   chan struct{} // tells the sweep that an earlier expiry may have come
	ready  chan struct{}
	domain Domain
	idle   *time.Timer // nil: nobody wants to know
	watch  watch       // over the calendar

	announcer announcer

	standing sync.Mutex // held while the activation changes, in the store and in id

	mu    sync.RWMutex
	id    identity
	scope string
}

// counters are what the server has done since it was started.
type counters struct {
	requests, issued, denied, expired atomic.Uint64
}

// New opens the store in the state folder, or begins one. Errors are one sentence
// that says what to do. The Server must be closed.
func New(c Config) (*Server, error) {
	if c.Name == "" {
		return nil, errors.New("license server: no name; give one with --host")
	}
	if c.Scope == "" {
		c.Scope = "workgroup"
	}
	st, err := store.Open(c.Dir, store.Options{Name: c.Name, Seed: c.Seed})
	if err != nil {
		return nil, err
	}
	if c.Limits.Idle == 0 {
		c.Limits.Idle = keep
	}
	if c.Limits.Refused == nil {
		c.Limits.Refused = func(peer net.Addr, reason error) {
			c.Log.Event(eventlog.ConnectionRefused, eventlog.F("peer", peer), eventlog.F("reason", reason))
		}
	}
	s := &Server{config: c, scope: c.Scope, store: st, work: make(chan struct{}, 1), ready: make(chan struct{})}
	if err := s.begin(); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	s.watch.believe(c.Clock.Now())
	if c.Idle != nil {
		s.idle = time.AfterFunc(idleAfter, c.Idle)
	}
	return s, nil
}

func (s *Server) begin() error {
	if err := s.loadIdentity(); err != nil {
		return err
	}
	return s.upgrade()
}

// Close closes the store. Nothing is being handled then: Run has returned.
func (s *Server) Close() error {
	if s.idle != nil {
		s.idle.Stop()
	}
	return s.store.Close()
}

// Run serves l, which it closes, and returns licenses to the pool as they expire,
// until ctx ends. A request that has begun is answered first. A nil l serves nobody:
// only Handle answers. Run once.
func (s *Server) Run(ctx context.Context, l net.Listener, config *tls.Config) error {
	s.announceAgain(s.config.Clock.Now())
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.sweepLoop(ctx) })
	if l != nil {
		g.Go(func() error { return transport.Serve(ctx, l, config, s.Handle, s.config.Limits) })
	}
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("license server: %w", err)
	}
	return nil
}

// Scope is the discovery scope: "enterprise", "domain" or "workgroup".
func (s *Server) Scope() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.scope
}

// SetScope changes it: whoever asks from now on is told so. The other license servers
// are told by [Server.Announce], when they can be.
func (s *Server) SetScope(scope string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scope = scope
}

// Ready is closed when Run has taken up its duties; the calendar may be moved then.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Handle answers one message; it is a [transport.Handler].
func (s *Server) Handle(ctx context.Context, peer transport.Peer, m tsls.Message) tsls.Message {
	s.stats.requests.Add(1)
	if s.idle != nil {
		s.idle.Reset(idleAfter)
	}
	err := s.admit(peer, m)
	var answer tsls.Message
	if err == nil {
		answer, err = s.handle(ctx, peer, m)
	}
	if err != nil {
		return wireError(err)
	}
	if standsElse(m) {
		s.announce()
	}
	return answer
}

func (s *Server) handle(ctx context.Context, peer transport.Peer, m tsls.Message) (tsls.Message, error) {
	switch m := m.(type) {
	case tsls.Hello:
		return s.welcome(peer, m)
	case tsls.Ping:
		return s.info()
	case tsls.Allocate:
		return s.allocate(ctx, peer, m)
	case tsls.Mark:
		return s.mark(ctx, m)
	case tsls.Return:
		return s.giveBack(ctx, m)
	case tsls.Inquire:
		return s.inquired(m)
	case tsls.Close:
		return s.closeTemp(ctx, m)
	case tsls.Peers:
		return s.peerList()
	case tsls.GetActivationRequest:
		return s.activationRequest(m)
	case tsls.Activate:
		return s.activate(ctx, m)
	case tsls.InstallKeyPack:
		return s.installKeyPack(ctx, m)
	case tsls.ActivateByNumber:
		return s.activateByNumber(ctx, m)
	case tsls.InstallByNumber:
		return s.installByNumber(ctx, m)
	case tsls.GetOrder:
		return s.order(m)
	case tsls.Automatic:
		return s.automatic(ctx, m)
	case tsls.Deactivate:
		return s.deactivateBy(ctx, m)
	case tsls.KeyPacks:
		return s.keyPacks()
	case tsls.Licenses:
		return s.licenses(m)
	}
	return nil, tsls.Errorf(tsls.CodeUnknownType, "%v is no request that a license server answers", m.Type())
}

// wireError is the message that an error is answered with: itself when it is one of
// the protocol's, otherwise an internal one with its text.
func wireError(err error) tsls.Error {
	if e, ok := errors.AsType[tsls.Error](err); ok {
		return e
	}
	return tsls.Errorf(tsls.CodeInternal, "%v", err)
}
