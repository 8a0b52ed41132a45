package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/keypack"
)

// lserverFlag names the license server by its state folder: what it allows is for
// those who may write there.
func lserverFlag() cli.Flag {
	return &cli.StringFlag{Name: "lserver", Usage: "the running license server's state folder `DIR`", Required: true}
}

func confirmClockCommand() *cli.Command {
	return &cli.Command{
		Name:     "confirm-clock",
		Metadata: tscli.Examples(37, "licmgr confirm-clock --lserver ls1"),
		Usage:    "tell a license server on this machine that its calendar is right",
		Description: "A license server whose calendar goes ahead by more than max_step (2 days) at once returns nothing to its\n" +
			"pool, until the calendar goes back or this command says that it is right.",
		Flags: []cli.Flag{lserverFlag()},
		Action: func(ctx context.Context, c *cli.Command) error {
			var answer struct{ Doubted bool }
			if err := callLocal(ctx, c, "confirm-clock", &answer); err != nil {
				return err
			}
			if !answer.Doubted {
				return tscli.Exit(tscli.CodeNothing, errors.New("the license server had no doubt about its calendar"))
			}
			_, err := fmt.Fprintln(c.Root().Writer, "The calendar is taken as it is.")
			return err
		},
	}
}

func deactivateCommand() *cli.Command {
	return &cli.Command{
		Name: "deactivate", Metadata: tscli.Session(tscli.Step{At: 60, Line: `licmgr deactivate --country Norway`}, tscli.Step{At: 62, Line: `licmgr deactivate --confirmation LAB-D...`}),
		Usage: "deactivate a license server, with the confirmation code that the clearinghouse says on the telephone",
		Description: "It is first told whom to call and what to say, and then, with --confirmation, what the agent answered\n" +
			"(`clearinghouse agent`). Key packs and issued licenses stay, and CALs work until they end; only temporary tokens\n" +
			"are issued until the license server is activated again, under another License Server ID.\n\n" +
			"With --lserver it is done on the license server's own machine, and no clearinghouse is asked: for one that is\n" +
			"to go over to another clearinghouse.",
		Flags: flags(numberFlag(keypack.ConfirmationField()),
			&cli.StringFlag{Name: "country", Usage: "`NAME` of the country; it says whom to call", DefaultText: "as in the properties"},
			&cli.StringSliceFlag{Name: "set", Usage: "turn a knob of the license server's edition, `KNOB=VALUE`"},
			&cli.StringFlag{Name: "lserver", Usage: "without the clearinghouse: the running license server's state folder `DIR`"}),
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.String("lserver") != "" {
				return deactivateHere(ctx, c)
			}
			return deactivate(ctx, c, somebody(c))
		},
	}
}

// deactivate takes the activation back by telephone.
func deactivate(ctx context.Context, c *cli.Command, ask *asker) error {
	d, err := newDealer(c, ask)
	if err != nil {
		return err
	}
	if typed := c.String("confirmation"); typed != "" {
		number, err := keypack.ConfirmationField().Check(typed)
		if err != nil {
			return err
		}
		return d.tell(ctx, byNumber(clearinghouse.OpDeactivate, number))
	}
	if err := d.meet(ctx); err != nil {
		return err
	}
	if !d.server.Activated {
		return tscli.Exit(tscli.CodeNothing, fmt.Errorf("license server %s is not activated", d.server.Name))
	}
	if d.method, err = keypack.ParseMethod(&d.profile, string(keypack.Phone)); err != nil {
		return err
	}
	return d.byHand(ctx, form{clearinghouse.OpDeactivate, map[string]string{}})
}

// deactivateHere takes it back without asking anybody.
func deactivateHere(ctx context.Context, c *cli.Command) error {
	if c.String("confirmation") != "" {
		return tscli.Usage("--lserver needs no --confirmation; give one of the two")
	}
	var answer struct {
		ServerID string `json:"server_id"`
	}
	if err := callLocal(ctx, c, "deactivate", &answer); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.Root().Writer, "Deactivated; it was %s.\n", answer.ServerID)
	return err
}

func callLocal(ctx context.Context, c *cli.Command, op string, out any) error {
	if _, err := tscli.Args(c, 0, 0); err != nil {
		return err
	}
	return control.Call(ctx, c.String("lserver"), op, nil, out)
}
