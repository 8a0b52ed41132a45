package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/control"
)

// stateFlag is that of every command that speaks with the server; it may stand behind
// the command or behind the one under it.
func stateFlag() ucli.Flag {
	return &ucli.StringFlag{Name: "state", Usage: "the domain controller's state folder `DIR`"}
}

func flagsOf(own ...ucli.Flag) []ucli.Flag { return append([]ucli.Flag{stateFlag()}, own...) }

func call(ctx context.Context, c *ucli.Command, op string, in, out any) error {
	if c.String("state") == "" {
		return cli.Usage("say --state DIR, the domain controller's state folder")
	}
	err := control.Call(ctx, c.String("state"), op, in, out)
	if errors.Is(err, control.ErrNotRunning) {
		return fmt.Errorf("%w: start the domain controller first", err)
	}
	return err
}

// action is a command with a number of arguments that asks for one operation.
func action(args int, op string, in func(args []string, c *ucli.Command) (any, error)) ucli.ActionFunc {
	return func(ctx context.Context, c *ucli.Command) error {
		words, err := cli.Args(c, args, args)
		if err != nil {
			return err
		}
		request, err := in(words, c)
		if err != nil {
			return cli.Exit(cli.CodeUsage, err)
		}
		return call(ctx, c, op, request, nil)
	}
}

func recordCommand() *ucli.Command {
	return &ucli.Command{
		Name:  "record",
		Usage: "list, add or remove names",
		Flags: flagsOf(),
		Commands: []*ucli.Command{
			{
				Name: "list", Metadata: cli.Examples(82, "labdc record --state dc1 list"), Usage: "print all records, as a zone file has them", Flags: []ucli.Flag{cli.JSONFlag()},
				Action: func(ctx context.Context, c *ucli.Command) error {
					var d status
					if _, err := cli.Args(c, 0, 0); err != nil {
						return err
					}
					if err := call(ctx, c, "status", nil, &d); err != nil {
						return err
					}
					if c.Bool("json") {
						return cli.JSON(c.Root().Writer, d.Records)
					}
					for _, line := range d.Records {
						fmt.Fprintln(c.Root().Writer, cli.Printable(strings.ReplaceAll(line, "\t", " ")))
					}
					return nil
				},
			},
			{
				Name: "add", Metadata: cli.Examples(81, "labdc record --state dc1 add ts1 A 10.0.0.2"), Usage: "add a record, such as 'ts1 A 10.0.0.2'", ArgsUsage: "NAME [TTL] TYPE DATA...",
				Action: func(ctx context.Context, c *ucli.Command) error {
					words, err := cli.Args(c, 1, -1)
					if err != nil {
						return err
					}
					return call(ctx, c, "record-add", recordIn{strings.Join(words, " ")}, nil)
				},
			},
			{
				Name: "remove", Metadata: cli.Examples(89, "labdc record --state dc1 remove ts1 A"), Usage: "remove a name, its records of a type, or one record", ArgsUsage: "NAME [TYPE [DATA...]]",
				Action: removeRecords,
			},
		},
	}
}

func removeRecords(ctx context.Context, c *ucli.Command) error {
	words, err := cli.Args(c, 1, -1)
	if err != nil {
		return err
	}
	in := removeIn{Name: words[0]}
	if len(words) > 1 {
		in.Type, in.Content = words[1], strings.Join(words[2:], " ")
	}
	var n removed
	if err := call(ctx, c, "record-remove", in, &n); err != nil {
		return err
	}
	if n.Records == 0 {
		return cli.Exit(cli.CodeNothing, fmt.Errorf("%s has no such record", words[0]))
	}
	return nil
}

func staleCommand() *ucli.Command {
	return &ucli.Command{
		Name: "stale", Metadata: cli.Examples(84, "labdc stale --state dc1 ts1"), Usage: "let the records of a name outlive every update", ArgsUsage: "NAME",
		Flags: flagsOf(&ucli.BoolFlag{Name: "off", Usage: "let updates change them again"}), Action: action(1, "stale", faultOf),
	}
}

func hideCommand() *ucli.Command {
	return &ucli.Command{
		Name: "hide", Metadata: cli.Examples(85, "labdc hide --state dc1 ts1"), Usage: "answer about a name as if it were not there (NXDOMAIN)", ArgsUsage: "NAME",
		Flags: flagsOf(&ucli.BoolFlag{Name: "off", Usage: "answer about it again"}), Action: action(1, "hide", faultOf),
	}
}

func faultOf(args []string, c *ucli.Command) (any, error) {
	return faultIn{Name: args[0], On: !c.Bool("off")}, nil
}

func groupCommand() *ucli.Command {
	change := func(name, usage string, in bool) *ucli.Command {
		return &ucli.Command{Name: name, Usage: usage, ArgsUsage: "HOST GROUP",
			Metadata: cli.Examples(map[bool]int{true: 91, false: 92}[in], "labdc group --state dc1 "+name+" desk 'Terminal Server Computers'"),
			Action:   action(2, "group", func(args []string, _ *ucli.Command) (any, error) { return groupIn{args[0], args[1], in}, nil })}
	}
	return &ucli.Command{
		Name: "group", Usage: "put hosts into security groups", Flags: flagsOf(),
		Description: "It counts from the host's next join, which is when its programs are started.",
		Commands: []*ucli.Command{
			change("add", "put a host into a group, such as 'Terminal Server Computers'", true),
			change("remove", "take a host out of a group", false),
		},
	}
}

func siteCommand() *ucli.Command {
	return &ucli.Command{
		Name: "site", Usage: "change the site map", Flags: flagsOf(),
		Commands: []*ucli.Command{
			{
				Name: "set", Metadata: cli.Examples(86, "labdc site --state dc1 set 10.7.0.0/16 Oslo"), Usage: "put a subnet into a site", ArgsUsage: "SUBNET SITE",
				Action: action(2, "site", func(args []string, _ *ucli.Command) (any, error) {
					s, err := subnet(args)
					return siteIn{s.Prefix, s.Site}, err
				}),
			},
			{
				Name: "remove", Metadata: cli.Examples(87, "labdc site --state dc1 remove 10.7.0.0/16"), Usage: "take a subnet out of the site map", ArgsUsage: "SUBNET",
				Action: action(1, "site", func(args []string, _ *ucli.Command) (any, error) {
					prefix, err := netip.ParsePrefix(args[0])
					return siteIn{prefix, ""}, err
				}),
			},
		},
	}
}

func showCommand() *ucli.Command {
	return &ucli.Command{
		Name: "show", Metadata: cli.Examples(81, "labdc show --state dc1"), Usage: "show members, groups, sites and their license servers", Flags: flagsOf(cli.JSONFlag()),
		Action: func(ctx context.Context, c *ucli.Command) error {
			var d status
			if _, err := cli.Args(c, 0, 0); err != nil {
				return err
			}
			if err := call(ctx, c, "status", nil, &d); err != nil {
				return err
			}
			if c.Bool("json") {
				return cli.JSON(c.Root().Writer, d)
			}
			return show(c.Root().Writer, d)
		},
	}
}

func show(w io.Writer, d status) error {
	fmt.Fprintf(w, "Domain %s, %d records, DNS on %s\n", d.Domain, len(d.Records), d.DNS)
	groups := map[string]string{}
	for _, g := range d.Groups {
		groups[g.Host] = strings.Join(g.Groups, ", ")
	}
	hosts := cli.Table{Header: []string{"HOST", "ROLE", "ADDRESS", "JOINED", "GROUPS GIVEN"}}
	for _, h := range d.Hosts {
		hosts.Row(h.Name, h.Role, h.Address, h.Joined.Format("2006-01-02 15:04"), groups[h.Name])
	}
	sites := cli.Table{Header: []string{"SUBNET", "SITE"}}
	for _, s := range d.Subnets {
		sites.Row(s.Prefix, s.Site)
	}
	entries := cli.Table{Header: []string{"SITE", "LICENSE SERVER", "ADDRESS", "DOMAIN"}}
	for _, e := range d.Entries {
		entries.Row(e.Site, e.Server, e.Address, e.Domain)
	}
	faults := cli.Table{Header: []string{"NAME", "FAULT"}}
	for _, name := range d.Stale {
		faults.Row(name, "stale")
	}
	for _, name := range d.Hidden {
		faults.Row(name, "hidden")
	}
	for _, t := range []cli.Table{hosts, sites, entries, faults} {
		if len(t.Rows) == 0 {
			continue
		}
		fmt.Fprintln(w)
		if err := t.Print(w); err != nil {
			return err
		}
	}
	return nil
}
