package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/tslab/tslab/discovery/domain"
	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/program"
	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/wire/enroll"
)

// serve runs the terminal server until ctx ends, and prints its events to out.
func serve(ctx context.Context, d cli.Daemon, in cli.Domain, config ts.Config, transcript string, out io.Writer) (err error) {
	p, err := program.Open("termsrv", d, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	socket, err := control.Listen(p.State)
	if err != nil {
		return err
	}
	defer socket.Close()
	if config.Listener, err = program.Listen(d.Listen); err != nil {
		return err
	}
	defer config.Listener.Close()
	if cli.LocalOnly(config.Listener.Addr()) {
		config.Discovery = nil // there is nobody to find
	}
	if transcript != "" {
		f, err := os.OpenFile(transcript, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("transcript: %w", err)
		}
		defer f.Close()
		config.Transcript = f
	}
	config.Host, config.Dir, config.Clock, config.Events, config.KeyLog = p.Host, p.State, p.Clock, p.Log, p.KeyLog
	if in.Name != "" {
		if err := enterDomain(ctx, p, in, &config); err != nil {
			return err
		}
	}
	server, err := ts.New(config)
	if err != nil {
		return err
	}
	err = run(ctx, p, server, socket)
	p.Stopped(err)
	return err
}

// enterDomain makes this host a member of its domain, where license servers are then
// sought.
func enterDomain(ctx context.Context, p *program.Program, in cli.Domain, config *ts.Config) error {
	id, err := identity.LoadOrCreate(p.State, p.Host)
	if err != nil {
		return err
	}
	d, err := domain.Enter(ctx, id, domain.Config{
		Domain: in.Name, Controller: in.Controller, Secret: in.Secret, Role: enroll.RoleTerminalServer, Log: p.Log, KeyLog: p.KeyLog,
	})
	if err != nil {
		return err
	}
	config.Identity = id
	if config.Discovery != nil {
		config.Discovery.Domain, config.Discovery.Site = in.Name, d.Site
	}
	return nil
}

// run serves clients and the control socket.
func run(ctx context.Context, p *program.Program, server *ts.Server, socket net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var g errgroup.Group
	g.Go(func() error {
		defer cancel()
		return server.Run(ctx)
	})
	g.Go(func() error {
		err := control.ServeListener(ctx, socket, server.Controls())
		if ctx.Err() != nil {
			return nil
		}
		cancel()
		return err
	})
	g.Go(func() error {
		select {
		case <-server.Ready():
			remove, err := program.Register("termsrv", p.State, server.Addr().String())
			if err == nil {
				defer remove()
			} else {
				slog.Warn("tscc needs --state", "err", err)
			}
			p.Ready(server.Addr().String())
			<-ctx.Done()
		case <-ctx.Done():
		}
		return nil
	})
	return g.Wait()
}
