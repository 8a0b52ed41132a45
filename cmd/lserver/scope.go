package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tslab/tslab/discovery/domain"
	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/identity"
)

// The scope of a license server is chosen where it is installed, by --scope, and may be
// changed afterwards, by `licmgr scope`: what was set then counts before the command
// line. It says by whom the server is found, and with whom it shares its inventory.

// The scopes.
const (
	scopeWorkgroup  = "workgroup"
	scopeDomain     = "domain"
	scopeEnterprise = "enterprise"
)

// scopeFile is where the state folder keeps a scope that was set.
const scopeFile = "scope"

// storedScope is the scope that was set in a state folder, "" for none.
func storedScope(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, scopeFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(text)), err
}

// checkScope refuses a scope that there is not, or not with this domain, "" in a
// workgroup.
func checkScope(scope, domain string) error {
	switch {
	case scope != scopeWorkgroup && scope != scopeDomain && scope != scopeEnterprise:
		return errors.New("scope is workgroup, domain or enterprise")
	case scope == scopeWorkgroup && domain != "":
		return errors.New("scope workgroup and --domain exclude each other")
	}
	return nil
}

// sharing is what depends on the scope while a license server runs.
type sharing struct {
	d      *daemon
	id     *identity.Identity
	joined *domain.Domain // nil in a workgroup
	l      net.Addr

	wanted chan wantedScope

	end func() // of what runs now
}

// wantedScope is a scope that an administrator wants.
type wantedScope struct {
	scope string
	done  chan error
}

// begin starts what the present scope needs: to share the inventory, and in the
// enterprise scope the site's entry. Where the inventory cannot be shared and nobody
// asked for it, an event says so and the license server goes on alone.
func (s *sharing) begin(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	s.end = func() { cancel(); all.Wait() }
	if s.d.o.gossip.wanted() {
		shared, err := newGossip(s.d.o.gossip, s.d.server.Scope() == scopeEnterprise, s.d.Program, s.id, s.l)
		switch {
		case err != nil && s.d.o.gossip.asked:
			return err
		case err != nil:
			s.d.Log.Event(eventlog.GossipOff, eventlog.F("reason", err))
		default:
			s.d.near.gossip.Store(shared)
			all.Go(func() {
				if err := shared.Run(ctx); err != nil {
					s.d.Log.Event(eventlog.GossipOff, eventlog.F("reason", err))
				}
			})
		}
	}
	if s.joined != nil && s.d.server.Scope() == scopeEnterprise {
		all.Go(func() {
			select {
			case <-s.d.server.Ready():
				s.d.enterSite(ctx, s.joined, s.l)
			case <-ctx.Done():
			}
		})
	}
	return nil
}

// run changes the scope when that is wanted, until ctx ends.
func (s *sharing) run(ctx context.Context) {
	defer func() { s.end() }()
	for {
		select {
		case w := <-s.wanted:
			w.done <- s.change(ctx, w.scope)
		case <-ctx.Done():
			return
		}
	}
}

// change stores another scope and lives by it.
func (s *sharing) change(ctx context.Context, scope string) error {
	before := s.d.server.Scope()
	if scope == before {
		return nil
	}
	if s.joined != nil {
		if err := s.d.o.mayStand(ctx, scope, s.joined.OnController); err != nil {
			return err
		}
	}
	s.end()
	if s.joined != nil && before == scopeEnterprise {
		if err := s.joined.LeaveSite(ctx); err != nil {
			s.d.Log.Event(eventlog.SiteNotEntered, eventlog.F("reason", fmt.Errorf("the entry cannot be taken back: %w", err)))
		}
	}
	// Stored last: who dies before is of the former scope still, and enters its site again.
	if err := durable.WriteFile(filepath.Join(s.d.State, scopeFile), []byte(scope+"\n"), 0o600); err != nil {
		return errors.Join(err, s.begin(ctx))
	}
	s.d.server.SetScope(scope)
	err := s.begin(ctx)
	s.d.server.Announce()
	return err
}

// control answers the operation of that name: it sets the scope that it is given, and
// says which it is.
func (s *sharing) control(ctx context.Context, in json.RawMessage) (any, error) {
	scope := ""
	if len(in) > 0 {
		if err := json.Unmarshal(in, &scope); err != nil {
			return nil, err
		}
	}
	if scope != "" {
		if err := checkScope(scope, s.d.o.domain.Name); err != nil {
			return nil, err
		}
		w := wantedScope{scope, make(chan error, 1)}
		select {
		case s.wanted <- w:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		select {
		case err := <-w.done:
			if err != nil {
				return nil, err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return map[string]string{"scope": s.d.server.Scope()}, nil
}

// startSharing begins what depends on the scope, and has it go on in g.
func (d *daemon) startSharing(ctx context.Context, g *errgroup.Group, id *identity.Identity, joined *domain.Domain, l net.Addr) (*sharing, error) {
	s := &sharing{d: d, id: id, joined: joined, l: l, wanted: make(chan wantedScope)}
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	g.Go(func() error {
		s.run(ctx)
		return nil
	})
	return s, nil
}
