package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/control"
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
		Name:     "deactivate",
		Metadata: tscli.Examples(60, "licmgr deactivate --lserver ls1"),
		Usage:    "deactivate a license server on this machine",
		Description: "Key packs and issued licenses stay, and CALs work until they end; only temporary tokens are issued until\n" +
			"the license server is activated again, under another License Server ID.",
		Flags: []cli.Flag{lserverFlag()},
		Action: func(ctx context.Context, c *cli.Command) error {
			var answer struct {
				ServerID string `json:"server_id"`
			}
			if err := callLocal(ctx, c, "deactivate", &answer); err != nil {
				return err
			}
			_, err := fmt.Fprintf(c.Root().Writer, "Deactivated; it was %s.\n", answer.ServerID)
			return err
		},
	}
}

func callLocal(ctx context.Context, c *cli.Command, op string, out any) error {
	if _, err := tscli.Args(c, 0, 0); err != nil {
		return err
	}
	return control.Call(ctx, c.String("lserver"), op, nil, out)
}
