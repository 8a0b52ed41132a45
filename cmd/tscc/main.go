// Command tscc configures a running terminal server, as Terminal Services
// Configuration does: its mode, its license server, its knobs, its Internet Connector
// license. What it sets survives a restart.
package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/program"
	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/ts/policy"
)

func main() { cli.Main(context.Background(), command()) }

func command() *ucli.Command {
	return &ucli.Command{
		Name:  "tscc",
		Usage: "configure a running terminal server",
		Description: "Speaks with the terminal server of --state, or with the newest of this user that runs. What is set\n" +
			"survives a restart and counts before the command line of termsrv.\n" +
			"The exit status is 0 when it is done, 1 when it is refused, 2 for a wrong command line, 3 when there was\n" +
			"nothing to do.",
		Commands: []*ucli.Command{showCommand(), setCommand(), registryCommand(), catalogCommand(), discoverCommand(), connectorCommand()},
	}
}

// flags are those of every command, and more.
func flags(more ...ucli.Flag) []ucli.Flag {
	return append([]ucli.Flag{
		&ucli.StringFlag{Name: "state", Usage: "the terminal server's state folder `DIR`", DefaultText: "that of the newest that runs"},
		cli.JSONFlag(),
	}, more...)
}

// call asks the terminal server for one operation.
func call(ctx context.Context, c *ucli.Command, op string, in, out any) error {
	state := c.String("state")
	if state == "" {
		server, err := program.Newest(ctx, "termsrv", "tslab")
		if err != nil {
			return err
		}
		state = server.State
	}
	err := control.Call(ctx, state, op, in, out)
	if errors.Is(err, control.ErrNotRunning) {
		return fmt.Errorf("%w: start the terminal server first", err)
	}
	return err
}

// operate asks for an operation that is done or refused, and reports it.
func operate(ctx context.Context, c *ucli.Command, op string, in any) error {
	var done ts.Operated
	if err := call(ctx, c, op, in, &done); err != nil {
		return err
	}
	if c.Bool("json") {
		if err := cli.JSON(c.Root().Writer, done); err != nil {
			return err
		}
	}
	switch done.Result {
	case policy.OperationRefused.String():
		return cli.Exit(cli.CodeRefused, errors.New(done.Text))
	case policy.OperationNothing.String():
		return cli.Exit(cli.CodeNothing, errors.New(done.Text))
	}
	if !c.Bool("json") {
		fmt.Fprintln(c.Root().Writer, done.Text)
	}
	return nil
}

func setCommand() *ucli.Command {
	return &ucli.Command{
		Name: "set", Metadata: cli.Examples(52, "tscc set --state ts1 mode=device"),
		Usage:     "set the mode, the license server, knobs",
		ArgsUsage: "NAME=VALUE ...",
		Description: "mode=device, mode=user (Windows Server 2003) or mode=admin (remote administration, not licensed);\n" +
			"DefaultLicenseServer=NAME (Windows 2000) or LicenseServers=NAME,... (Windows Server 2003), as the knob override\n" +
			"says: one name there, several here, an empty one for none; either by its path in the registry, too (see\n" +
			"`tscc registry`); KNOB=VALUE for a knob that a terminal server reads (see `tscc show`, `tslab editions`).\n" +
			"All of them are set, or none.",
		Flags: flags(),
		Action: func(ctx context.Context, c *ucli.Command) error {
			args, err := cli.Args(c, 1, -1)
			if err != nil {
				return err
			}
			for i, arg := range args {
				if name, _, ok := strings.Cut(arg, "="); !ok || name == "" {
					return cli.Usage("set: %q: want NAME=VALUE", arg)
				}
				if args[i], err = fromRegistry(arg); err != nil {
					return err
				}
			}
			return operate(ctx, c, ts.ConfigureOperation, ts.Settings{Set: args})
		},
	}
}

func connectorCommand() *ucli.Command {
	sub := func(step int, name, usage, args, example string, more ...ucli.Flag) *ucli.Command {
		return &ucli.Command{Name: name, Metadata: cli.Examples(step, "tscc ic --state ts1 "+name+example), Usage: usage, ArgsUsage: args, Flags: more, Action: func(ctx context.Context, c *ucli.Command) error {
			n := len(strings.Fields(args))
			words, err := cli.Args(c, n, n)
			if err != nil {
				return err
			}
			r := ts.ConnectorRequest{Verb: c.Name}
			if n > 0 {
				r.Password = words[0]
			}
			r.Force = c.IsSet("force") && c.Bool("force")
			return operate(ctx, c, ts.ConnectorOperation, r)
		}}
	}
	force := &ucli.BoolFlag{Name: "force", Usage: "end anonymous sessions that are live, and forget a license that the license server does not know"}
	return &ucli.Command{
		Name:  "ic",
		Usage: "the Internet Connector mode of Windows 2000: up to 200 anonymous sessions under one license",
		Flags: flags(),
		Commands: []*ucli.Command{
			sub(55, "enable", "pull an Internet Connector license from the license server and turn the mode on", "", ""),
			sub(58, "disable", "give the license back to the license server that issued it and license per device again", "", "", force),
			sub(57, "repair", "delete the account TSInternetUser and make it anew, as event 1007 wants", "", ""),
			sub(56, "password", "change the password of TSInternetUser, so that nobody can log on (event 1007)", "PASSWORD", " somebody-knows-it"),
		},
	}
}
