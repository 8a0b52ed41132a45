package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v3"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/hostport"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/tsls"
)

const (
	defaultPort    = "3343" // of the license server protocol
	defaultTimeout = 10 * time.Second
	maxInput       = 1 << 20 // bytes read as a document
)

// with connects to the license server that --server names and runs f within the
// time that --timeout gives.
func with(ctx context.Context, c *cli.Command, f func(context.Context, *transport.Conn) error) error {
	if _, err := tscli.Args(c, 0, 0); err != nil {
		return err
	}
	addr, err := hostport.Parse(c.String("server"), defaultPort)
	if err != nil {
		return tscli.Usage("--server %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Duration("timeout"))
	defer cancel()
	state := c.String("state")
	if state == "" {
		if state, err = tscli.StateDir("licmgr"); err != nil {
			return err
		}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "licmgr"
	}
	own, err := identity.LoadOrCreate(state, host)
	if err != nil {
		return err
	}
	keys, err := keyLog(c.String("keylog"))
	if err != nil {
		return err
	}
	if keys != nil {
		defer keys.Close()
	}
	config := own.ClientTLS(addr, identity.OpenPins(state), nil)
	if keys != nil {
		config.KeyLogWriter = keys
	}
	conn, err := transport.Dial(ctx, addr, config, tsls.Hello{Program: "licmgr", Name: host})
	if err != nil {
		return err
	}
	defer conn.Close()
	return f(ctx, conn)
}

func keyLog(path string) (*os.File, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--keylog: %w", err)
	}
	return f, nil
}

// ask is a call whose answer must be of type T.
func ask[T tsls.Message](ctx context.Context, conn *transport.Conn, request tsls.Message) (T, error) {
	var want T
	answer, err := conn.Call(ctx, request)
	if err != nil {
		return want, err
	}
	got, ok := answer.(T)
	if !ok {
		return want, fmt.Errorf("license server %s answers %v with %v; use programs of the same release", conn.Addr(), request.Type(), answer.Type())
	}
	return got, nil
}

// readDocument reads the file that --file names, "-" standing for standard input.
func readDocument(c *cli.Command) ([]byte, error) {
	path := c.String("file")
	if path == "-" {
		return io.ReadAll(io.LimitReader(c.Root().Reader, maxInput))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxInput))
}
