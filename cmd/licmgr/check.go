package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/admin"
	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/ls/report"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/tsls"
)

func checkCommand() *cli.Command {
	return &cli.Command{
		Name:     "check",
		Metadata: tscli.Examples(34, "licmgr check --server 127.0.0.1"),
		Usage:    "look through the tokens of all license servers for what should not be",
		Description: "Devices with CALs or temporary tokens of more than one license server, or several CALs of one, license ids that\n" +
			"two devices have (a license server was restored from an old backup), computers with more than one hardware id,\n" +
			"and built-in tokens of devices that by their hardware id are no Professional systems are told, with what to do.\n" +
			"The exit status is 3 when there is nothing to tell.\n\n" +
			"After an old backup was restored, --former names the store that was there before, which `licmgr restore` has\n" +
			"kept: every token in it that the license server does not know any more, or has given to another device since,\n" +
			"is told by its license id.",
		Flags: seekFlags(
			&cli.StringFlag{Name: "former", Usage: "compare with a license server's store of before, in `FILE`"},
			&cli.StringFlag{Name: "clock", Usage: "take the calendar from `FILE`", DefaultText: "the machine's clock"},
			tscli.JSONFlag()),
		Action: func(ctx context.Context, c *cli.Command) error {
			former, now, err := formerRows(c)
			if err != nil {
				return err
			}
			list, failed, err := everywhere(ctx, c, nil, admin.Rows)
			if err != nil {
				return err
			}
			rows := slices.Concat(list...)
			if former != nil && !slices.ContainsFunc(rows, func(r report.Row) bool { return r.Server == former[0].Server }) {
				return fmt.Errorf("the store %s is that of license server %s, which is none of those that were asked or has issued nothing; name it with --server", c.String("former"), former[0].Server)
			}
			found := append(report.Lost(rows, former, now), report.Findings(rows)...)
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

// formerRows reads the tokens of the store that --former names, and the date.
func formerRows(c *cli.Command) (rows []report.Row, now time.Time, err error) {
	path := c.String("former")
	if path == "" {
		return nil, now, nil
	}
	date, closer, err := clock.Open(c.String("clock"))
	if err != nil {
		return nil, now, err
	}
	defer closer.Close()
	about, err := store.Read(path, func(l store.License, p store.Pack) error {
		rows = append(rows, report.Row{LicenseInfo: tsls.LicenseInfo{
			LicenseID: l.ID, Kind: l.Kind.String(), Product: p.Product, State: l.State.String(), HardwareID: l.HardwareID,
			Machine: l.Machine, User: l.User, Issued: l.Issued, Expires: l.Expires, Validated: l.Validated,
		}})
		return nil
	})
	for i := range rows {
		rows[i].Server = about.Name
	}
	return rows, date.Now(), err
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

// advise says once what to do about the findings.
func advise(w io.Writer, told map[string]bool) error {
	said := map[string]bool{}
	for _, kind := range []string{report.TwoCALs, report.TwoTemporary, report.SameID, report.NoRow, report.ManyDevices} {
		remedy := report.Remedy(kind)
		if !told[kind] || said[remedy] {
			continue
		}
		said[remedy] = true
		fmt.Fprintln(w)
		for _, line := range wrap(remedy, tscli.Width) {
			if _, err := fmt.Fprintln(w, line); err != nil {
				return err
			}
		}
	}
	return nil
}
