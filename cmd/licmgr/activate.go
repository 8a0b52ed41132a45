package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/admin"
	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/tsls"
)

func requestCommand() *cli.Command {
	return &cli.Command{
		Name:  "request",
		Usage: "write the server's activation request, to be answered by `clearinghouse activate`",
		Flags: flags(
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to `FILE`", DefaultText: "standard output"},
			&cli.StringFlag{Name: "company", Usage: "`NAME` of the company"},
			&cli.StringFlag{Name: "contact", Usage: "`NAME` of the administrator"},
			&cli.StringFlag{Name: "email", Usage: "`ADDRESS` of the administrator"},
			&cli.StringFlag{Name: "country", Usage: "`NAME` of the country"}),
		Action: func(ctx context.Context, c *cli.Command) error {
			return with(ctx, c, func(ctx context.Context, conn *transport.Conn) error {
				answer, err := admin.Ask[tsls.ActivationRequest](ctx, conn, tsls.GetActivationRequest{
					Company: c.String("company"), Contact: c.String("contact"), Email: c.String("email"), Country: c.String("country"),
				})
				if err != nil {
					return err
				}
				if c.String("output") == "" {
					_, err := c.Root().Writer.Write(answer.Document)
					return err
				}
				if err := durable.WriteFile(c.String("output"), answer.Document, 0o644); err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.Root().Writer, "activation request of %s: %s\n", conn.Server().Name, c.String("output"))
				return err
			})
		},
	}
}

func activateCommand() *cli.Command {
	return &cli.Command{
		Name:  "activate",
		Usage: "bring the clearinghouse's activation to the server",
		Flags: flags(fileFlag("`FILE` that `clearinghouse activate` wrote")),
		Action: func(ctx context.Context, c *cli.Command) error {
			document, err := readDocument(c)
			if err != nil {
				return err
			}
			if _, err := enroll.ParseActivation(document); err != nil {
				return fmt.Errorf("%s: %w", c.String("file"), err)
			}
			return with(ctx, c, func(ctx context.Context, conn *transport.Conn) error {
				info, err := admin.Ask[tsls.ServerInfo](ctx, conn, tsls.Activate{Document: document})
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.Root().Writer, "%s is activated as %s\n", info.Name, info.ServerID)
				return err
			})
		},
	}
}

func installCommand() *cli.Command {
	return &cli.Command{
		Name:  "install",
		Usage: "install a key pack at the server",
		Flags: flags(fileFlag("`FILE` that `clearinghouse issue` wrote")),
		Action: func(ctx context.Context, c *cli.Command) error {
			document, err := readDocument(c)
			if err != nil {
				return err
			}
			if err := enroll.Expect(document, enroll.KindKeyPack); err != nil {
				return fmt.Errorf("%s: %w", c.String("file"), err)
			}
			return with(ctx, c, func(ctx context.Context, conn *transport.Conn) error {
				installed, err := admin.Ask[tsls.KeyPackInstalled](ctx, conn, tsls.InstallKeyPack{Document: document})
				if err != nil {
					return err
				}
				p := installed.Pack
				_, err = fmt.Fprintf(c.Root().Writer, "key pack %s is installed at %s: %d x %s, %s\n", p.ID, conn.Server().Name, p.Total, p.Kind, p.Product)
				return err
			})
		},
	}
}
