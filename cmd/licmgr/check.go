package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/admin"
	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ls/report"
)

func checkCommand() *cli.Command {
	return &cli.Command{
		Name:     "check",
		Metadata: tscli.Examples(34, "licmgr check --server 127.0.0.1"),
		Usage:    "look through the tokens of all license servers for what should not be",
		Description: "Devices with CALs or temporary tokens of more than one license server, license ids that two devices have (a\n" +
			"license server was restored from an old backup), and computers with more than one hardware id are told, with\n" +
			"what to do about it. The exit status is 3 when there is nothing to tell.",
		Flags: seekFlags(tscli.JSONFlag()),
		Action: func(ctx context.Context, c *cli.Command) error {
			list, failed, err := everywhere(ctx, c, nil, rowsOf)
			if err != nil {
				return err
			}
			var rows []report.Row
			for _, r := range list {
				rows = append(rows, r...)
			}
			found := report.Findings(rows)
			if err := printFindings(c, found, failed); err != nil {
				return err
			}
			if err := complain(c, failed); err != nil {
				return err
			}
			if len(found) == 0 {
				return tscli.Exit(tscli.CodeNothing, errors.New("nothing to tell"))
			}
			return nil
		},
	}
}

// rowsOf asks a license server for its tokens.
func rowsOf(ctx context.Context, conn *transport.Conn) ([]report.Row, error) {
	licenses, err := admin.Licenses(ctx, conn)
	if err != nil {
		return nil, err
	}
	var rows []report.Row
	for _, l := range licenses {
		rows = append(rows, report.Row{Server: conn.Server().Name, LicenseInfo: l})
	}
	return rows, nil
}

// checked is what `licmgr check` tells; its JSON form is stable.
type checked struct {
	Findings []report.Finding `json:"findings"`
	Failed   []failure        `json:"failed"`
}

func printFindings(c *cli.Command, found []report.Finding, failed []failure) error {
	if c.Bool("json") {
		if found == nil {
			found = []report.Finding{}
		}
		return tscli.JSON(c.Root().Writer, checked{found, failed})
	}
	w := c.Root().Writer
	style := tscli.StyleFor(w)
	told := map[string]bool{}
	for i, f := range found {
		if i > 0 {
			fmt.Fprintln(w)
		}
		for j, line := range wrap(f.Text, tscli.Width) {
			if j == 0 {
				line = style.Strong(line)
			}
			fmt.Fprintln(w, line)
		}
		for _, t := range f.Tokens {
			fmt.Fprintln(w, " ", tscli.Printable(t))
		}
		told[f.Kind] = true
	}
	return advise(w, told)
}

// advise says once what to do about each kind of findings.
func advise(w io.Writer, told map[string]bool) error {
	for _, kind := range []string{report.TwoCALs, report.TwoTemporary, report.SameID, report.ManyDevices} {
		if !told[kind] {
			continue
		}
		fmt.Fprintln(w)
		for _, line := range wrap(report.Remedy(kind), tscli.Width) {
			if _, err := fmt.Fprintln(w, line); err != nil {
				return err
			}
		}
	}
	return nil
}
