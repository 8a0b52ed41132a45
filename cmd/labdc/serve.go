package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/tslab/tslab/discovery/dc"
	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/program"
)

// serve runs the domain controller until ctx ends, and prints its events to out.
func serve(ctx context.Context, o options, out io.Writer) (err error) {
	p, err := program.Open(dc.Program, o.Daemon, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if o.forest == "" {
		o.forest = filepath.Join(p.State, "forest.pem")
	}
	if o.dc.Forest, err = dc.OpenForest(o.forest, o.dc.Domain); err != nil {
		return err
	}
	if len(o.dc.Addresses) == 0 {
		if o.dc.Addresses, err = ownAddresses(); err != nil {
			return err
		}
	}
	sockets, err := listen(o)
	if err != nil {
		return err
	}
	defer func() { // Run has closed them, unless it did not come to that
		sockets.UDP.Close()
		sockets.TCP.Close()
		sockets.Enroll.Close()
	}()
	socket, err := control.Listen(p.State)
	if err != nil {
		return err
	}
	defer socket.Close()
	o.dc.Host, o.dc.Dir, o.dc.Log, o.dc.KeyLog = identity.HostLabel(p.Host), p.State, p.Log, p.KeyLog
	server, err := dc.New(o.dc)
	if err != nil {
		return err
	}
	err = run(ctx, p, server, sockets, socket)
	p.Stopped(err)
	return err
}

// run serves hosts and the control socket, and says when it is ready.
func run(ctx context.Context, p *program.Program, server *dc.Controller, sockets dc.Sockets, socket net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var g errgroup.Group
	g.Go(func() error {
		defer cancel()
		return server.Run(ctx, sockets)
	})
	g.Go(func() error {
		err := control.ServeListener(ctx, socket, handlers(server, sockets.UDP.LocalAddr().String()))
		if ctx.Err() != nil {
			return nil
		}
		cancel()
		return err
	})
	p.Ready(sockets.Enroll.Addr().String())
	return g.Wait()
}

// listen opens the sockets. With port 0 DNS by UDP and TCP get the same.
func listen(o options) (s dc.Sockets, err error) {
	if s.Enroll, err = program.Listen(o.Listen); err != nil {
		return s, err
	}
	for range 10 {
		if s.TCP, err = net.Listen("tcp", o.dns); err != nil {
			break
		}
		if s.UDP, err = net.ListenPacket("udp", s.TCP.Addr().String()); err == nil {
			return s, nil
		}
		s.TCP.Close()
	}
	s.Enroll.Close()
	if errors.Is(err, syscall.EADDRINUSE) {
		return s, fmt.Errorf("%s is in use by another name server; stop it or choose another --listen-dns, such as 127.0.0.1:5353", o.dns)
	}
	return s, fmt.Errorf("cannot listen on %s: %w; choose another --listen-dns, such as 127.0.0.1:5353", o.dns, err)
}

// ownAddresses are those of the interfaces; of loopback when there is no other.
func ownAddresses() ([]netip.Addr, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var own, loopback []netip.Addr
	for _, a := range list {
		prefix, err := netip.ParsePrefix(a.String())
		switch a := prefix.Addr().Unmap(); {
		case err != nil:
		case a.IsLoopback():
			loopback = append(loopback, a)
		case a.IsGlobalUnicast():
			own = append(own, a)
		}
	}
	if len(own) == 0 {
		own = loopback
	}
	return own, nil
}

func loadTrust(path string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	all, err := cli.Certificates(text)
	if err != nil {
		return nil, fmt.Errorf("trust: %s: %w", path, err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("trust: %s holds no certificate in PEM; give another forest's file, or its certificate", path)
	}
	return all, nil
}
