package main

import (
	"context"

	"github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/admin"
	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/hostport"
	"github.com/tslab/tslab/internal/transport"
)

// with connects to the license server that --server names and runs f within the
// time that --timeout gives.
func with(ctx context.Context, c *cli.Command, f func(context.Context, *transport.Conn) error) error {
	if _, err := tscli.Args(c, 0, 0); err != nil {
		return err
	}
	return connect(ctx, c, f)
}

// connect is with for a command that has arguments.
func connect(ctx context.Context, c *cli.Command, f func(context.Context, *transport.Conn) error) error {
	if _, err := hostport.Parse(c.String("server"), admin.DefaultPort); err != nil {
		return tscli.Usage("--server %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Duration("timeout"))
	defer cancel()
	desk, err := admin.Open("licmgr", c.String("state"), c.String("keylog"))
	if err != nil {
		return err
	}
	defer desk.Close()
	conn, err := desk.Dial(ctx, c.String("server"))
	if err != nil {
		return err
	}
	defer conn.Close()
	return f(ctx, conn)
}

// readDocument reads the file that --file names, "-" standing for standard input.
func readDocument(c *cli.Command) ([]byte, error) { return tscli.ReadInput(c, c.String("file")) }
