package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v3"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/program"
	"github.com/tslab/tslab/ls/clearinghouse"
)

func initCommand() *cli.Command {
	return &cli.Command{
		Name: "init", Metadata: tscli.Examples(1, "clearinghouse init --state other-house"),
		Usage: "make a clearinghouse with a root certificate of its own",
		Flags: flags(&cli.StringFlag{Name: "name", Usage: "`NAME` in the root certificate", Value: "TSLab Clearinghouse"}),
		Action: func(_ context.Context, c *cli.Command) error {
			if _, err := tscli.Args(c, 0, 0); err != nil {
				return err
			}
			cal, closer, err := clock.Open(c.String("clock"))
			if err != nil {
				return err
			}
			defer closer.Close()
			if err := owned(c); err != nil {
				return err
			}
			h, err := clearinghouse.Init(c.String("state"), c.String("name"), cal)
			if err != nil {
				return err
			}
			defer h.Close()
			program.Own(c.String("state"), self, self)
			_, err = fmt.Fprintf(c.Root().Writer, "clearinghouse %q made in %s\n", h.Root().Subject.CommonName, c.String("state"))
			return err
		},
	}
}

func rootCommand() *cli.Command {
	return &cli.Command{
		Name:     "root",
		Metadata: tscli.Examples(2, "clearinghouse root --state house --output root.pem"),
		Usage:    "print the root certificate in PEM, for --roots of termsrv and tsclient",
		Flags:    flags(outputFlag()),
		Action: func(ctx context.Context, c *cli.Command) error {
			if _, err := tscli.Args(c, 0, 0); err != nil {
				return err
			}
			root, err := ask[string](ctx, c, "root", func(h *clearinghouse.Clearinghouse) (string, error) {
				return string(clearinghouse.EncodeRoot(h.Root())), nil
			})
			if err != nil {
				return err
			}
			return writeOutput(c, []byte(root), "root certificate")
		},
	}
}

func auditCommand() *cli.Command {
	return &cli.Command{
		Name:     "audit",
		Metadata: tscli.Examples(41, "clearinghouse audit --state house"),
		Usage:    "print the audit log, a JSON record a line, check that it is whole, and print what was bought and issued",
		Flags:    flags(),
		Action: func(ctx context.Context, c *cli.Command) error {
			if _, err := tscli.Args(c, 0, 0); err != nil {
				return err
			}
			l, err := ask(ctx, c, "audit", (*clearinghouse.Clearinghouse).Log)
			if err != nil {
				return err
			}
			for _, r := range l.Records {
				if err := tscli.JSON(c.Root().Writer, r); err != nil {
					return err
				}
			}
			return tscli.JSON(c.Root().Writer, struct {
				Balance clearinghouse.Balance `json:"balance"`
			}{l.Balance})
		},
	}
}
