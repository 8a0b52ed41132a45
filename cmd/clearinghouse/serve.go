package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/urfave/cli/v3"
	"golang.org/x/sync/errgroup"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/program"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/clearinghouse/web"
)

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:     "serve",
		Metadata: tscli.Examples(1, "clearinghouse serve --state house"),
		Usage:    "answer license servers' administrators over HTTPS: the licensing tool's, and in a browser",
		Description: "A folder without a clearinghouse gets one, with a root certificate of its own, which `clearinghouse root`\n" +
			"and https://ADDR/root.pem give out. The other commands go on working while it runs.",
		Flags: append(tscli.DaemonFlags("127.0.0.1:8443"),
			&cli.StringFlag{Name: "name", Usage: "`NAME` in a new root certificate", Value: "TSLab Clearinghouse"},
			&cli.StringSliceFlag{Name: "dns", Usage: "`NAME` by which browsers and tools reach it, besides the host's and localhost"}),
		Action: func(ctx context.Context, c *cli.Command) error {
			if _, err := tscli.Args(c, 0, 0); err != nil {
				return err
			}
			return serve(ctx, tscli.DaemonFrom(c), c.String("name"), c.StringSlice("dns"), c.Root().Writer)
		},
	}
}

func serve(ctx context.Context, d tscli.Daemon, name string, names []string, out io.Writer) (err error) {
	p, err := program.Open(self, d, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	socket, err := control.Listen(p.State)
	if err != nil {
		return err
	}
	defer socket.Close()
	open := clearinghouse.Open
	if !clearinghouse.Exists(p.State) {
		open = func(dir string, cal clock.Clock) (*clearinghouse.Clearinghouse, error) {
			return clearinghouse.Init(dir, name, cal)
		}
	}
	h, err := open(p.State, p.Clock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	err = run(ctx, p, h, socket, d.Listen, append(names, p.Host))
	p.Stopped(err)
	return err
}

// run serves HTTPS and the control socket until ctx ends.
func run(ctx context.Context, p *program.Program, h *clearinghouse.Clearinghouse, socket net.Listener, address string, names []string) error {
	l, err := program.Listen(address)
	if err != nil {
		return err
	}
	defer l.Close()
	cert, err := h.WebCertificate(append(names, self, "localhost"), addresses(l.Addr()))
	if err != nil {
		return err
	}
	site, err := web.New(h, func(peer string, op clearinghouse.Op, a clearinghouse.Answer, err error) {
		tell(p.Log, peer, op, a, err)
	})
	if err != nil {
		return err
	}
	server := site.Server(nil, log.New(io.Discard, "", 0))
	config := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, KeyLogWriter: p.KeyLog, NextProtos: []string{"http/1.1"}}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var g errgroup.Group
	g.Go(func() error {
		defer cancel()
		if err := server.Serve(tls.NewListener(l, config)); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		defer cancel()
		err := control.ServeListener(ctx, socket, h.Controls(func(op clearinghouse.Op, a clearinghouse.Answer, err error) { tell(p.Log, self, op, a, err) }))
		if ctx.Err() != nil {
			return nil
		}
		return err
	})
	g.Go(func() error {
		<-ctx.Done()
		ending, done := context.WithTimeout(context.Background(), lastAnswers)
		defer done()
		return server.Shutdown(ending)
	})
	p.Ready(l.Addr().String())
	return g.Wait()
}

// lastAnswers is how long answers under way may take when the program ends.
const lastAnswers = 2 * time.Second

// tell records what was answered.
func tell(l *eventlog.Log, peer string, op clearinghouse.Op, a clearinghouse.Answer, err error) {
	if err != nil {
		l.Event(eventlog.OrderRefused, eventlog.F("op", op), eventlog.F("peer", peer), eventlog.F("reason", err))
		return
	}
	l.Event(eventlog.OrderAnswered, eventlog.F("op", op), eventlog.F("peer", peer), eventlog.F("text", a.Text))
}

// addresses are this machine's own, which the certificate vouches for; one of the
// loopback network that it listens on is no interface's.
func addresses(listening net.Addr) []net.IP {
	list := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	if at, ok := listening.(*net.TCPAddr); ok && at.IP.IsLoopback() {
		list = append(list, at.IP)
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return list
	}
	for _, a := range own {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() {
			list = append(list, n.IP)
		}
	}
	return list
}
