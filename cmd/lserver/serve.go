package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"runtime/debug"

	"golang.org/x/sync/errgroup"

	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/program"
	"github.com/tslab/tslab/internal/tamper"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ls"
)

// gcPercent keeps the heap small: a license server stays under 10 MB of memory.
const gcPercent = 25

// serve runs the license server until ctx ends, and prints its events to out.
func serve(ctx context.Context, o options, out io.Writer) (err error) {
	p, err := program.Open(ls.Program, o.Daemon, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if err := o.settleScope(p.State); err != nil {
		return err
	}
	debug.SetGCPercent(gcPercent)
	listener, err := program.Listen(o.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	d := &daemon{Program: p, o: o, faults: &tamper.Table{}, near: &neighbors{}}
	config := ls.Config{
		Limits: transport.Limits{Tamper: d.faults},
		Name:   p.Host, Dir: p.State, Clock: p.Clock, Log: p.Log, Edition: o.edition, Scope: o.scope, Seed: o.seed, Idle: trim,
	}
	if o.gossip.wanted() {
		config.Peers, config.Ask = d.near, d.near.Ask
	}
	if config.Clearinghouse, err = reachClearinghouse(o, p.KeyLog); err != nil {
		return err
	}
	if d.server, err = ls.New(config); err != nil {
		return err
	}
	if err = installProduct(ctx, d.server, o.product); err == nil {
		err = d.run(ctx, listener)
	}
	err = errors.Join(err, d.server.Close())
	p.Stopped(err)
	return err
}

// installProduct installs the product document that lies in file; "" is none.
func installProduct(ctx context.Context, server *ls.Server, file string) error {
	if file == "" {
		return nil
	}
	document, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("--product: %w", err)
	}
	if err := server.SetProduct(ctx, document); err != nil {
		return fmt.Errorf("--product %s: %w", file, err)
	}
	return nil
}

// daemon is a license server with what is around it.
type daemon struct {
	*program.Program
	o      options
	server *ls.Server
	faults *tamper.Table
	near   *neighbors
}

// run serves terminal servers, tools and the control socket, and says when it is
// ready.
func (d *daemon) run(ctx context.Context, l net.Listener) error {
	id, err := hostKey(ctx, d.Program, d.server) // once the state folder is known to be ours
	if err != nil {
		return err
	}
	d.near.ask = asker(d.Program, id)
	socket, err := control.Listen(d.State)
	if err != nil {
		return err
	}
	defer socket.Close()
	joined, err := d.enterDomain(ctx, id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	broadcasts := hearBroadcasts(d.Program, d.o, d.server, l.Addr())
	g.Go(func() error {
		broadcasts.Run(ctx)
		return nil
	})
	shares, err := d.startSharing(ctx, g, id, joined, l.Addr())
	if err != nil {
		return errors.Join(err, socket.Close())
	}
	g.Go(func() error {
		defer cancel()
		return d.server.Run(ctx, l, id.ServerTLS(identity.AnyPeer, d.KeyLog))
	})
	g.Go(func() error {
		err := control.ServeListener(ctx, socket, handlers(d.server, d.faults, shares))
		if ctx.Err() != nil {
			return nil
		}
		return err
	})
	g.Go(func() error {
		select {
		case <-d.server.Ready():
			d.Ready(l.Addr().String())
		case <-ctx.Done():
		}
		return nil
	})
	return g.Wait()
}

// handlers are the operations of the control socket.
func handlers(server *ls.Server, faults *tamper.Table, shares *sharing) map[string]control.Handler {
	return map[string]control.Handler{
		tamper.Operation: faults.Control,
		"status":         func(context.Context, json.RawMessage) (any, error) { return server.Status() },
		"stats":          func(context.Context, json.RawMessage) (any, error) { return server.Stats() },
		"scope":          shares.control,
		"confirm-clock": func(context.Context, json.RawMessage) (any, error) {
			return map[string]bool{"doubted": server.ConfirmClock()}, nil
		},
		"backup": func(_ context.Context, in json.RawMessage) (any, error) {
			var path string
			if err := json.Unmarshal(in, &path); err != nil {
				return nil, err
			}
			return server.Backup(path)
		},
		"deactivate": func(ctx context.Context, _ json.RawMessage) (any, error) {
			id, err := server.Deactivate(ctx)
			return map[string]string{"server_id": id}, err
		},
	}
}

// hostKey is the key of this machine, which the store belongs to. A store of another
// machine is refused, and gets no key made.
func hostKey(ctx context.Context, p *program.Program, server *ls.Server) (*identity.Identity, error) {
	host, err := server.Host()
	if err != nil {
		return nil, err
	}
	if _, err := identity.Load(p.State); host != "" && errors.Is(err, fs.ErrNotExist) {
		return nil, server.Bind(ctx, "")
	}
	id, err := identity.LoadOrCreate(p.State, p.Host)
	if err != nil {
		return nil, err
	}
	return id, server.Bind(ctx, identity.Fingerprint(id.Certificate))
}
