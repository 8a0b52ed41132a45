// Command lsreport writes what license servers have issued into a tab-delimited file,
// with the arguments of the reporting tool of the Windows 2000 Server Resource Kit.
package main

import (
	"bytes"
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
	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/ls/report"
)

func main() { tscli.Main(context.Background(), command()) }

const description = `Writes a line for each license token that the license servers have issued, tab-delimited and
with a header, into lsreport.txt. Times are UTC. License servers that are not named are looked for: on the
domain controllers of the domain that this tool is a member of (labdc join), else by broadcast.
It reports tokens of Terminal Services only: Server and BackOffice CALs are no license server's business.

   /F filename     write to this file instead; - is the screen
   /D start [end]  only tokens issued from the day start to the day end, today unless told
                   otherwise; 2003-03-31 or 3/31/2003
   /T              only temporary tokens
   /?              this summary

-F, -D, -T and -? are the same, for shells; flags and servers may stand in any order. Besides:

   --json, --csv   JSON or CSV, on the screen unless /F names a file
   --domain NAME   look for license servers on the domain controllers of this domain only
   --dc ADDR       ask the domain controller at ADDR for the domain's names
   --timeout TIME  give up a license server after TIME (10s)
   --clock FILE    take today's date from the lab's calendar in FILE
   --state DIR     keep the tool's key and the keys of servers met in DIR, not where licmgr keeps them
   --keylog FILE   append TLS secrets for Wireshark to FILE

A license server that does not answer costs its own lines only, is named on standard error, and makes
the exit status 1; if none answers, no file is written. The exit status is 2 for a wrong command line.`

func command() *cli.Command {
	return &cli.Command{
		Name:            "lsreport",
		Metadata:        tscli.Examples(40, "lsreport 127.0.0.1", "lsreport /T /F temporary.txt 127.0.0.1"),
		Usage:           "report the tokens of license servers",
		UsageText:       "lsreport [/F filename] [/D start [end]] [/T] [/?] [serverlist]",
		Description:     description,
		SkipFlagParsing: true, // the original's arguments are not of this world
		HideHelp:        true,
		Action: func(ctx context.Context, c *cli.Command) error {
			a, err := parse(c.Args().Slice())
			if err != nil {
				return err
			}
			if a.help {
				return cli.ShowRootCommandHelp(c)
			}
			return run(ctx, a, c.Root().Writer, c.Root().ErrWriter)
		},
	}
}

// run asks, filters and writes.
func run(ctx context.Context, a arguments, stdout, stderr io.Writer) error {
	if err := a.untilToday(); err != nil {
		return err
	}
	desk, err := admin.Open("lsreport", a.state, a.keylog)
	if err != nil {
		return err
	}
	defer desk.Close()
	servers, err := serverList(ctx, desk, a)
	if err != nil {
		return err
	}
	if len(servers) == 0 {
		return tscli.Exit(tscli.CodeRefused, errors.New("no license server can be found, and nothing was written: name one, or its domain with --domain"))
	}
	each, errs := admin.AskAll(ctx, desk, a.timeout, servers, admin.Rows)
	failed := 0
	for _, err := range errs {
		if err != nil {
			failed++
			fmt.Fprintf(stderr, "lsreport: %s; its tokens are not in the report\n", tscli.Printable(err.Error()))
		}
	}
	if failed == len(servers) {
		return tscli.Exit(tscli.CodeRefused, errors.New("no license server answered; nothing was written"))
	}
	var text bytes.Buffer
	if err := a.write(&text, a.filter.Apply(slices.Concat(each...))); err != nil {
		return err
	}
	if a.file == screen {
		_, err = stdout.Write(text.Bytes())
	} else {
		err = durable.WriteFile(a.file, text.Bytes(), 0o644)
	}
	if err == nil && failed > 0 {
		err = tscli.Exit(tscli.CodeRefused, nil)
	}
	return err
}

// serverList is the servers that are named, or else the list that the domain controllers
// have, of the domain that is named or that this tool is a member of; without a domain,
// or if it has none, those that answer a broadcast.
func serverList(ctx context.Context, desk *admin.Desk, a arguments) ([]string, error) {
	search := admin.Search{Servers: a.servers, Domain: a.domain, Controller: a.dc}
	if a.domain == "" {
		search.Domain = desk.Domain()
	}
	servers, err := desk.Servers(ctx, search)
	if err != nil || len(servers) > 0 || a.domain != "" || search.Domain == "" {
		return servers, err
	}
	search.Domain = ""
	return desk.Servers(ctx, search)
}

// untilToday ends a period that has no end with the current date.
func (a *arguments) untilToday() error {
	if a.filter.First.IsZero() || !a.filter.Last.IsZero() {
		return nil
	}
	today, closer, err := clock.Open(a.clock)
	if err != nil {
		return fmt.Errorf("--clock: %w", err)
	}
	defer closer.Close()
	a.filter.Last = today.Now().UTC().Truncate(24 * time.Hour)
	if a.filter.Last.Before(a.filter.First) {
		return tscli.Usage("/D: %s is after today, %s", a.filter.First.Format(time.DateOnly), a.filter.Last.Format(time.DateOnly))
	}
	return nil
}

func (a arguments) write(w io.Writer, rows []report.Row) error {
	switch a.format {
	case "json":
		return report.JSON(w, rows)
	case "csv":
		return report.CSV(w, rows)
	}
	return report.Text(w, rows)
}
