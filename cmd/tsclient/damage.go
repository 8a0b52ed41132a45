package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/asn1"
	"fmt"

	"github.com/urfave/cli/v3"

	"github.com/tslab/tslab/client"
	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/wire/token"
)

func damageCommand() *cli.Command {
	return &cli.Command{
		Name: "damage", Metadata: tscli.Examples(71, "tsclient damage --state pc1 --byte 20"),
		Usage: "spoil the stored license, as a bad disk or another program would",
		Description: "Turns over a bit of --byte N, counted from the front; the same once more mends it. With --part it is byte N\n" +
			"of that part. Or it puts the license of another maker in its place (--foreign). The exit status is 3 when\n" +
			"no license is stored.",
		Flags: append(storeFlags(),
			&cli.IntFlag{Name: "byte", Usage: "turn over the lowest bit of byte `N`"},
			&cli.StringFlag{Name: "part", Usage: "count from the front of `PART`: header, chain, hwid, dates or signature"},
			&cli.BoolFlag{Name: "foreign", Usage: "put the license of another maker in its place"}),
		Action: damage,
	}
}

func damage(_ context.Context, c *cli.Command) error {
	if _, err := tscli.Args(c, 0, 0); err != nil {
		return err
	}
	if (c.IsSet("byte") || c.IsSet("part")) == c.Bool("foreign") {
		return tscli.Usage("want --byte N, --part PART or --foreign")
	}
	_, store, err := openStore(c)
	if err != nil {
		return err
	}
	licenses := store.Licenses()
	if len(licenses) == 0 {
		return tscli.Exit(tscli.CodeNothing, fmt.Errorf("%s holds no license", store))
	}
	spoiled := "the license"
	l := client.StoredLicense{Scope: licenses[0].Scope, Company: licenses[0].Company, Product: licenses[0].Product}
	if c.Bool("foreign") {
		l.License = []byte("0\x1f\x02\x01\x02 a license of another maker")
	} else {
		l.License = bytes.Clone(licenses[0].License)
		first, size, err := partOf(l.License, c.String("part"))
		if err != nil {
			return err
		}
		n := c.Int("byte")
		if n < 0 || n >= size {
			return tscli.Usage("--byte %d: %s has bytes 0 to %d", n, cmp.Or(c.String("part"), spoiled), size-1)
		}
		l.License[first+n] ^= 1
		spoiled = fmt.Sprintf("byte %d of the license", first+n)
	}
	if err := store.Put(l); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Root().Writer, "spoiled %s in %s\n", spoiled, store)
	return err
}

// partOf is where a part of a license lies in it, all of it when none is named.
func partOf(license []byte, part string) (first, size int, err error) {
	if part == "" {
		return 0, len(license), nil
	}
	t, err := token.Parse(license)
	if err != nil {
		return 0, 0, err
	}
	date, err := asn1.Marshal(t.Leaf.NotBefore)
	if err != nil {
		return 0, 0, err
	}
	return find(license, t, date, part)
}

// find is where a part of a license lies that reads as t, with its first date in DER.
func find(license []byte, t *token.Token, date []byte, part string) (first, size int, err error) {
	chain, leaf := bytes.Index(license, t.Chain[0].Raw), bytes.Index(license, t.Leaf.Raw)
	within := func(b []byte) int {
		if at := bytes.Index(t.Leaf.Raw, b); at >= 0 {
			return leaf + at
		}
		return -1
	}
	switch part {
	case "header": // what is around the certificates
		first, size = 0, chain
	case "chain":
		first, size = chain, leaf-chain
	case "hwid":
		first, size = within(t.HardwareID[:]), len(t.HardwareID)
	case "dates": // two of one length
		first, size = within(date), 2*len(date)
	case "signature":
		first, size = within(t.Leaf.Signature), len(t.Leaf.Signature)
	default:
		return 0, 0, tscli.Usage("--part %q: want header, chain, hwid, dates or signature", part)
	}
	if chain < 0 || leaf < chain || first < 0 {
		return 0, 0, fmt.Errorf("the license has no such part: %s; spoil it with --byte alone", part)
	}
	return first, size, nil
}
