// Package onebox is a terminal server and its license server in one process, with
// everything that a license needs behind it: a clearinghouse that activates the
// license server and issues it a key pack when the box is set up. They speak their
// real protocols with each other, over TLS on the loopback interface.
package onebox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/ts"
)

// Config is what a box is made of.
type Config struct {
	Dir    string        // state folder of all
	Host   string        // host name of all
	CALs   uint32        // in the key pack that a new box gets; 0: none, it has temporary tokens only
	Clock  clock.Clock   // nil: the machine's
	Events *eventlog.Log // nil: none
	KeyLog io.Writer     // TLS secrets; may be nil

	Profile edition.Profile // of both servers; zero: w2k-sp3
	// LicenseServer is the license server's own profile in a mixed farm; zero: Profile.
	LicenseServer edition.Profile
	// Connectors are Internet Connector licenses in a second key pack of a new box.
	Connectors uint32
	Seed       uint64 // of license ids and random lifetimes of a new box; 0: random

	// TermServ is the terminal server's own: the listener, its security and its
	// users. The box fills in what it has itself.
	TermServ ts.Config
}

// Box is the two servers.
type Box struct {
	config   Config
	listener net.Listener // of the license server
	tls      *tls.Config
	ls       *ls.Server
	ts       *ts.Server
}

// New sets the box up in its state folder, or opens what was set up there before.
// A Box must be run, or closed.
func New(ctx context.Context, c Config) (*Box, error) {
	if c.Profile.Edition == 0 {
		c.Profile = edition.W2KSP3()
	}
	if c.LicenseServer.Edition == 0 {
		c.LicenseServer = c.Profile
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Host == "" {
		c.Host = "tslab"
	}
	if c.Events == nil {
		c.Events = eventlog.New(nil, c.Host, "tslab", c.Clock, nil)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("license server on the loopback interface: %w", err)
	}
	b := &Box{config: c, listener: listener}
	if err := b.open(ctx); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func (b *Box) open(ctx context.Context) error {
	c := b.config
	dir := filepath.Join(c.Dir, "lserver")
	id, err := identity.LoadOrCreate(dir, c.Host)
	if err != nil {
		return err
	}
	b.tls = id.ServerTLS(identity.AnyPeer, c.KeyLog)
	b.ls, err = ls.New(ls.Config{
		Name: c.Host, Dir: dir, Clock: c.Clock, Log: c.Events.For(ls.Program), Edition: c.LicenseServer, Seed: c.Seed,
	})
	if err != nil {
		return err
	}
	if err := b.enroll(ctx); err != nil {
		return err
	}
	t := c.TermServ
	t.Host, t.Dir, t.Profile = c.Host, filepath.Join(c.Dir, "termsrv"), c.Profile
	t.Clock, t.Events, t.KeyLog = c.Clock, c.Events.For("termsrv"), c.KeyLog
	t.LicenseServer = b.listener.Addr().String()
	b.ts, err = ts.New(t)
	return err
}

// LicenseServer is the license server inside.
func (b *Box) LicenseServer() *ls.Server { return b.ls }

// TerminalServer is the terminal server inside.
func (b *Box) TerminalServer() *ts.Server { return b.ts }

// Ready is closed when clients are served and the calendar may be moved.
func (b *Box) Ready() <-chan struct{} { return b.ts.Ready() }

// Addr is where the terminal server listens.
func (b *Box) Addr() net.Addr { return b.ts.Addr() }

// LicenseServerAddr is where the license server listens, on the loopback interface.
func (b *Box) LicenseServerAddr() net.Addr { return b.listener.Addr() }

// Close gives up a box that is not run.
func (b *Box) Close() error {
	err := b.listener.Close()
	if b.ls != nil {
		err = errors.Join(err, b.ls.Close())
	}
	return err
}

// Run serves until ctx ends. The terminal server starts when the license server is
// ready, and stops before it.
func (b *Box) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	inner, stopInner := context.WithCancel(context.WithoutCancel(ctx))
	defer stopInner()
	var g errgroup.Group
	g.Go(func() error {
		defer cancel()
		return b.ls.Run(inner, b.listener, b.tls)
	})
	g.Go(func() error {
		defer stopInner()
		select {
		case <-b.ls.Ready():
		case <-ctx.Done():
			return nil
		}
		return b.ts.Run(ctx)
	})
	return errors.Join(g.Wait(), b.ls.Close())
}
