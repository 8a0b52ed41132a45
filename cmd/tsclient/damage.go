package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/urfave/cli/v3"

	"github.com/tslab/tslab/client"
	tscli "github.com/tslab/tslab/internal/cli"
)

func damageCommand() *cli.Command {
	return &cli.Command{
		Name: "damage", Metadata: tscli.Examples(71, "tsclient damage --state pc1 --byte 20"),
		Usage: "spoil the stored license, as a bad disk or another program would",
		Description: "Turns over a bit of --byte N, counted from the front; the same once more mends it. Or it puts the license\n" +
			"of another maker in its place (--foreign). The exit status is 3 when no license is stored.",
		Flags: append(storeFlags(),
			&cli.IntFlag{Name: "byte", Usage: "turn over the lowest bit of byte `N`"},
			&cli.BoolFlag{Name: "foreign", Usage: "put the license of another maker in its place"}),
		Action: damage,
	}
}

func damage(_ context.Context, c *cli.Command) error {
	if _, err := tscli.Args(c, 0, 0); err != nil {
		return err
	}
	if c.IsSet("byte") == c.Bool("foreign") {
		return tscli.Usage("want --byte N or --foreign")
	}
	_, store, err := openStore(c)
	if err != nil {
		return err
	}
	licenses := store.Licenses()
	if len(licenses) == 0 {
		return tscli.Exit(tscli.CodeNothing, fmt.Errorf("%s holds no license", store))
	}
	l := client.StoredLicense{Scope: licenses[0].Scope, Company: licenses[0].Company, Product: licenses[0].Product}
	if c.Bool("foreign") {
		l.License = []byte("0\x1f\x02\x01\x02 a license of another maker")
	} else {
		l.License = bytes.Clone(licenses[0].License)
		n := c.Int("byte")
		if n < 0 || n >= len(l.License) {
			return tscli.Usage("--byte %d: the license has bytes 0 to %d", n, len(l.License)-1)
		}
		l.License[n] ^= 1
	}
	if err := store.Put(l); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Root().Writer, "spoiled the license in %s\n", store)
	return err
}
