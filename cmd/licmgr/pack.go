package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v3"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/enroll"
)

func packCommand() *cli.Command {
	return &cli.Command{
		Name: "pack", Metadata: tscli.Examples(43, "licmgr pack --roots root.pem connector.txt"),
		Usage:     "show what is in a key pack document, and check its signature",
		ArgsUsage: "FILE",
		Description: "The signature must be that of the clearinghouse whose root --roots names or, without it, that of the\n" +
			"clearinghouse that has activated the license server.",
		Flags: flags(tscli.RootsFlag("the license server's"), tscli.JSONFlag()),
		Action: func(ctx context.Context, c *cli.Command) error {
			args, err := tscli.Args(c, 1, 1)
			if err != nil {
				return err
			}
			document, err := tscli.ReadInput(c, args[0])
			if err != nil {
				return err
			}
			roots, err := rootsFor(ctx, c)
			if err != nil {
				return err
			}
			return dumpPack(c, args[0], document, roots)
		},
	}
}

// rootsFor are the roots that --roots names, or those of the license server.
func rootsFor(ctx context.Context, c *cli.Command) (roots []*x509.Certificate, err error) {
	if path := c.String("roots"); path != "" {
		return tscli.Roots(path)
	}
	err = connect(ctx, c, func(_ context.Context, conn *transport.Conn) error {
		for _, der := range conn.Server().Roots {
			root, err := x509.ParseCertificate(der)
			if err != nil {
				return fmt.Errorf("root certificate: %w", err)
			}
			roots = append(roots, root)
		}
		if roots == nil {
			return fmt.Errorf("license server %s is not activated, and knows no clearinghouse's root; name one with --roots", conn.Server().Name)
		}
		return nil
	})
	return roots, err
}

// dumped is what `licmgr pack` shows; its JSON form is stable.
type dumped struct {
	PackID   string    `json:"pack_id"`
	ServerID string    `json:"server_id"`
	Kind     string    `json:"kind"`
	Product  string    `json:"product"`
	Version  string    `json:"version"`
	Program  string    `json:"program"`
	Count    uint32    `json:"count"`
	Issued   time.Time `json:"issued"`
	SignedBy string    `json:"signed_by"`
}

func dumpPack(c *cli.Command, path string, document []byte, roots []*x509.Certificate) error {
	var failed error
	for _, root := range roots {
		p, err := enroll.ParseKeyPack(document, root)
		if err != nil {
			failed = err
			continue
		}
		return printPack(c, dumped{p.PackID, p.ServerID, p.Kind, p.Product, fmt.Sprintf("%d.%d", p.Major, p.Minor), p.Program, p.Count, p.Issued, root.Subject.CommonName})
	}
	return fmt.Errorf("%s: %w", path, failed)
}

func printPack(c *cli.Command, d dumped) error {
	if c.Bool("json") {
		return tscli.JSON(c.Root().Writer, d)
	}
	var t tscli.Table
	t.Row("Key Pack ID", d.PackID)
	t.Row("License Server ID", d.ServerID)
	t.Row("Licenses", fmt.Sprintf("%d x %s", d.Count, d.Kind))
	t.Row("Product", fmt.Sprintf("%s (%s)", d.Product, d.Version))
	t.Row("Program", d.Program)
	t.Row("Issued", d.Issued.Format(time.DateOnly))
	t.Row("Signed by", d.SignedBy)
	return t.Print(c.Root().Writer)
}

// assignCommand stands there for those who look for it: "Terminal Services Licensing
// ... is designed to manage" what was counted by hand before (white paper, Introduction).
func assignCommand() *cli.Command {
	return &cli.Command{
		Name: "assign", Hidden: true, SkipFlagParsing: true,
		Usage: "refused: tokens are issued by the protocol only",
		Action: func(context.Context, *cli.Command) error {
			return tscli.Exit(tscli.CodeUsage, errors.New("there is no command \"assign\": a token is issued to the device that connects, and to nobody by hand"))
		},
	}
}
