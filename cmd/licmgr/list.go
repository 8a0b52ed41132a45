package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/tslab/tslab/discovery"
	"github.com/tslab/tslab/internal/admin"
	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/hostport"
)

// defaultEvery is how often the list is made anew, as the viewer of the era did.
const defaultEvery = 5 * time.Minute

func listCommand() *cli.Command {
	return &cli.Command{
		Name:      "list",
		Metadata:  tscli.Examples(13, "licmgr list 127.0.0.1"),
		Usage:     "list the license servers that can be found, by broadcast or in a domain",
		ArgsUsage: "[ADDR ...]",
		Description: "Every license server that answers a broadcast on the networks of this machine is listed, or with --domain\n" +
			"those on the domain controllers that DNS names, or those at the addresses given. With --watch the list is\n" +
			"made again and again, and what has changed is told. The exit status is 3 when there is none.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "watch", Usage: "go on, and tell what changes"},
			&cli.DurationFlag{Name: "every", Usage: "with --watch, look again after `TIME`", Value: defaultEvery},
			&cli.StringFlag{Name: "workgroup", Usage: "only those of the workgroup `NAME`", DefaultText: "all"},
			&cli.StringFlag{Name: "domain", Usage: "those of the domain `NAME`", DefaultText: "none: by broadcast"},
			&cli.StringFlag{Name: "dc", Usage: "ask the domain controller at `ADDR` for the names of the domain", DefaultText: "the machine's DNS"},
			&cli.DurationFlag{Name: "wait", Usage: "wait `TIME` for the answers to a broadcast", Value: time.Second},
			&cli.StringFlag{Name: "state", Usage: "keep the tool's key and the keys of servers met in `DIR`", DefaultText: "the user's state folder"},
			&cli.StringFlag{Name: "keylog", Usage: "append TLS secrets for Wireshark to `FILE`", DefaultText: "none"},
			tscli.JSONFlag(),
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			args, err := tscli.Args(c, 0, -1)
			if err != nil {
				return err
			}
			desk, err := admin.Open("licmgr", c.String("state"), c.String("keylog"))
			if err != nil {
				return err
			}
			defer desk.Close()
			finder, err := newFinder(c, desk, args)
			if err != nil {
				return err
			}
			if c.Bool("watch") {
				return watch(ctx, c.Root().Writer, finder, c.Duration("every"), c.Bool("json"))
			}
			return listOnce(ctx, c, finder)
		},
	}
}

// newFinder seeks as the command line says.
func newFinder(c *cli.Command, desk *admin.Desk, args []string) (*discovery.Finder, error) {
	for _, arg := range args {
		if _, err := hostport.Parse(arg, admin.DefaultPort); err != nil {
			return nil, tscli.Usage("%v", err)
		}
	}
	return desk.Finder(admin.Search{Servers: args, Workgroup: c.String("workgroup"), Domain: c.String("domain"), Controller: c.String("dc"), Wait: c.Duration("wait")})
}

// found is a license server of the list; its JSON form is stable.
type found struct {
	Name      string `json:"name"`
	Address   string `json:"address"`
	Scope     string `json:"scope"`
	Edition   string `json:"edition"`
	Activated bool   `json:"activated"`
	ServerID  string `json:"server_id,omitempty"`
}

// look makes a pass and returns those that answer, by name.
func look(ctx context.Context, f *discovery.Finder) []found {
	list := []found{}
	for _, s := range admin.Look(ctx, f) {
		list = append(list, found{s.Info.Name, s.Address, s.Info.Scope, s.Info.Edition, s.Info.Activated, s.Info.ServerID})
	}
	return list
}

func listOnce(ctx context.Context, c *cli.Command, f *discovery.Finder) error {
	list := look(ctx, f)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var err error
	switch {
	case c.Bool("json"):
		err = tscli.JSON(c.Root().Writer, list)
	case len(list) > 0:
		err = printList(c.Root().Writer, list)
	}
	if err == nil && len(list) == 0 {
		err = tscli.Exit(tscli.CodeNothing, errors.New("no license server answers: look whether one runs in this network, or name its address"))
	}
	return err
}

func printList(w io.Writer, list []found) error {
	t := tscli.Table{Header: []string{"NAME", "ADDRESS", "SCOPE", "EDITION", "STATE"}}
	for _, s := range list {
		t.Row(s.Name, s.Address, s.Scope, s.Edition, s.state())
	}
	return t.Print(w)
}

func (s found) state() string {
	if s.Activated {
		return "activated"
	}
	return "not activated"
}

// watch prints the list, and after that what has changed in it, until ctx ends.
func watch(ctx context.Context, w io.Writer, f *discovery.Finder, every time.Duration, asJSON bool) error {
	before := map[string]found{}
	for first := true; ; first = false {
		list := look(ctx, f)
		if ctx.Err() != nil {
			return nil
		}
		var err error
		switch {
		case asJSON:
			err = tscli.JSON(w, list)
		case first && len(list) > 0:
			err = printList(w, list)
		case first:
			_, err = fmt.Fprintln(w, "no license server answers yet")
		default:
			err = printChanges(w, before, list)
		}
		if err != nil {
			return err
		}
		clear(before)
		for _, s := range list {
			before[s.Address] = s
		}
		timer := time.NewTimer(every)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// printChanges tells who has come, changed and gone, at the machine's time.
func printChanges(w io.Writer, before map[string]found, now []found) error {
	var lines []string
	here := map[string]bool{}
	for _, s := range now {
		here[s.Address] = true
		switch old, known := before[s.Address]; {
		case !known:
			lines = append(lines, fmt.Sprintf("%s at %s is there, %s", s.Name, s.Address, s.state()))
		case old != s:
			lines = append(lines, fmt.Sprintf("%s at %s is %s now, scope %s", s.Name, s.Address, s.state(), s.Scope))
		}
	}
	for addr, s := range before {
		if !here[addr] {
			lines = append(lines, fmt.Sprintf("%s at %s does not answer any more", s.Name, addr))
		}
	}
	slices.Sort(lines)
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, time.Now().Format(time.TimeOnly), tscli.Printable(line)); err != nil {
			return err
		}
	}
	return nil
}
