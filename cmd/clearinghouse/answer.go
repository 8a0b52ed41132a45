package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
)

func activateCommand() *cli.Command {
	return &cli.Command{
		Name:      "activate",
		Usage:     "answer an activation request with an activation",
		ArgsUsage: "REQUEST",
		Flags: flags(outputFlag(),
			&cli.BoolFlag{Name: "again", Usage: "activate a server that is activated already; it gets another License Server ID"}),
		Action: func(_ context.Context, c *cli.Command) error {
			args, err := tscli.Args(c, 1, 1)
			if err != nil {
				return err
			}
			request, err := readDocument(c, args[0])
			if err != nil {
				return err
			}
			if err := checkOutput(c); err != nil {
				return err
			}
			return with(c, func(h *clearinghouse.Clearinghouse) error {
				s, err := h.Activate(request, c.Bool("again"))
				if err != nil {
					return fmt.Errorf("%s: %w", args[0], err)
				}
				return writeOutput(c, s.Document, fmt.Sprintf("activation of %s as %s", s.Name, s.ServerID))
			})
		},
	}
}

func issueCommand() *cli.Command {
	return &cli.Command{
		Name:  "issue",
		Usage: "make a key pack for a license server",
		Flags: flags(outputFlag(),
			&cli.StringFlag{Name: "server", Usage: "the license server's `LSID`", Required: true},
			&cli.Uint32Flag{Name: "count", Aliases: []string{"n"}, Usage: "`N` tokens", Required: true},
			&cli.StringFlag{Name: "kind", Usage: "`KIND` of licenses: cal (per device), per-user or internet-connector", Value: "cal"},
			&cli.StringFlag{Name: "product", Usage: "`PRODUCT` that they license, by name or version; per user it is Windows Server 2003", Value: keypack.Products()[0].Name},
			&cli.StringFlag{Name: "program", Usage: "licensing `PROGRAM` that they were bought by", Value: string(keypack.LicenseCode)}),
		Action: func(_ context.Context, c *cli.Command) error {
			order, err := orderFrom(c)
			if err != nil {
				return err
			}
			if err := checkOutput(c); err != nil {
				return err
			}
			return with(c, func(h *clearinghouse.Clearinghouse) error {
				p, err := h.Issue(order)
				if err != nil {
					return err
				}
				return writeOutput(c, p.Document, fmt.Sprintf("key pack %s, %d x %s", p.PackID, p.Count, p.Kind))
			})
		},
	}
}

func orderFrom(c *cli.Command) (clearinghouse.Order, error) {
	var order clearinghouse.Order
	if _, err := tscli.Args(c, 0, 0); err != nil {
		return order, err
	}
	name := c.String("product")
	switch c.String("kind") {
	case "cal":
		order.Kind = token.CAL
	case "internet-connector":
		order.Kind = token.InternetConnector
	case "per-user":
		order.Kind = token.PerUser
		if !c.IsSet("product") { // there are none for the default
			name = "Windows Server 2003"
		}
	default:
		return order, tscli.Usage("--kind %q: want cal, per-user or internet-connector", c.String("kind"))
	}
	product, err := keypack.ParseProduct(name)
	if err != nil {
		return order, tscli.Usage("--product: %v", err)
	}
	if err := keypack.CheckVersion(order.Kind, product.Version); err != nil {
		return order, tscli.Usage("--kind %s --product %q: %v", c.String("kind"), product.Name, err)
	}
	order.Product = product
	order.ServerID = strings.ToUpper(strings.TrimSpace(c.String("server")))
	order.Program = keypack.Program(c.String("program"))
	order.Count = c.Uint32("count")
	if order.Count == 0 || order.Count > enroll.MaxCount {
		return order, tscli.Usage("--count %d: want 1 to %d", order.Count, enroll.MaxCount)
	}
	return order, nil
}
