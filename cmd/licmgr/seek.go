package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/admin"
	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/hostport"
	"github.com/tslab/tslab/internal/transport"
)

// thisMachine is the license server that a command asks when none is named.
const thisMachine = "127.0.0.1"

// seekFlags are those of a command that asks any number of license servers, then its own.
func seekFlags(own ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringSliceFlag{Name: "server", Usage: "a license server's `ADDR`, host or host:port; also more than one", DefaultText: "all that can be found"},
		&cli.StringFlag{Name: "workgroup", Usage: "find those of the workgroup `NAME`", DefaultText: "all that hear a broadcast"},
		&cli.StringFlag{Name: "domain", Usage: "find those on the domain controllers of the domain `NAME`", DefaultText: "none: by broadcast"},
		&cli.StringFlag{Name: "dc", Usage: "ask the domain controller at `ADDR` for the names of the domain", DefaultText: "the machine's DNS"},
		&cli.DurationFlag{Name: "wait", Usage: "wait `TIME` for the answers to a broadcast", Value: time.Second},
		&cli.StringFlag{Name: "state", Usage: "keep the tool's key and the keys of servers met in `DIR`", DefaultText: "the user's state folder"},
		&cli.StringFlag{Name: "keylog", Usage: "append TLS secrets for Wireshark to `FILE`", DefaultText: "none"},
		&cli.DurationFlag{Name: "timeout", Usage: "give up a license server after `TIME`", Value: admin.DefaultTimeout},
	}, own...)
}

// searchFrom reads the flags that say where license servers are looked for.
func searchFrom(c *cli.Command) (admin.Search, error) {
	s := admin.Search{Servers: c.StringSlice("server"), Workgroup: c.String("workgroup"), Domain: c.String("domain"),
		Controller: c.String("dc"), Wait: c.Duration("wait")}
	for _, addr := range s.Servers {
		if _, err := hostport.Parse(addr, admin.DefaultPort); err != nil {
			return s, tscli.Usage("--server %v", err)
		}
	}
	return s, nil
}

// failure is a license server that did not answer.
type failure struct {
	Server string `json:"server"`
	Error  string `json:"error"`
}

// everywhere asks all license servers that are named, at once, and returns their
// answers in their order, with those that failed. When none is named it asks those in
// otherwise, and when none is there either, all that can be found.
func everywhere[T any](ctx context.Context, c *cli.Command, otherwise []string, ask func(context.Context, *transport.Conn) (T, error)) ([]T, []failure, error) {
	if _, err := tscli.Args(c, 0, 0); err != nil {
		return nil, nil, err
	}
	search, err := searchFrom(c)
	if err != nil {
		return nil, nil, err
	}
	if len(search.Servers) == 0 {
		search.Servers = otherwise
	}
	desk, err := admin.Open("licmgr", c.String("state"), c.String("keylog"))
	if err != nil {
		return nil, nil, err
	}
	defer desk.Close()
	servers, err := desk.Servers(ctx, search)
	if err != nil {
		return nil, nil, err
	}
	if len(servers) == 0 {
		return nil, nil, tscli.Exit(tscli.CodeNothing, errNoServer)
	}
	answers, errs := admin.AskAll(ctx, desk, c.Duration("timeout"), servers, ask)
	var good []T
	failed := []failure{}
	for i := range servers {
		if errs[i] != nil {
			failed = append(failed, failure{servers[i], errs[i].Error()})
		} else {
			good = append(good, answers[i])
		}
	}
	return good, failed, ctx.Err()
}

var errNoServer = errors.New("no license server answers: look whether one runs in this network, or name its address with --server")

// complain names the license servers that failed on standard error; the command has
// the exit status 1 for them.
func complain(c *cli.Command, failed []failure) error {
	for _, f := range failed {
		fmt.Fprintf(c.Root().ErrWriter, "licmgr: %s\n", tscli.Printable(f.Error))
	}
	if len(failed) > 0 {
		return tscli.Exit(tscli.CodeRefused, nil)
	}
	return nil
}
