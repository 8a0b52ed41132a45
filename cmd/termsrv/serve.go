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

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/program"
	"github.com/tslab/tslab/ts"
)

// serve runs the terminal server until ctx ends, and prints its events to out.
func serve(ctx context.Context, d cli.Daemon, config ts.Config, transcript string, out io.Writer) (err error) {
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
	server, err := ts.New(config)
	if err != nil {
		return err
	}
	err = run(ctx, p, server, socket)
	p.Stopped(err)
	return err
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
