//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/drills"
	"github.com/tslab/tslab/netlab/netns"
	"github.com/tslab/tslab/netlab/report"
	"github.com/tslab/tslab/netlab/script"
)

// codeInterrupted is the exit status of a run that the user ended.
const codeInterrupted = 130

func runCommand() *ucli.Command {
	return &ucli.Command{
		Name: "run", Metadata: cli.Examples(101, "tslab run first-logon", "tslab run --seed 2 --out runs/again first-logon"),
		Usage:     "run a drill: build its network, start its programs, tell what happens, capture every link",
		ArgsUsage: "DRILL | --all",
		Description: "DRILL is one of `tslab list`, or a file that ends in .star. No privilege is needed: the network lives in\n" +
			"namespaces of this user's own, which end with the run. (Only --engine ebpf needs root.) The run leaves a\n" +
			"folder with the capture, the event logs, run.json and report.html, a page to look at. The exit status is 0\n" +
			"when every expectation was met.",
		Flags: []ucli.Flag{
			outFlag(),
			&ucli.BoolFlag{Name: "all", Usage: "run every drill that tslab list shows"},
			&ucli.IntFlag{Name: "j", Usage: "with --all, `N` drills at once", Value: 1},
			&ucli.StringFlag{Name: "junit", Usage: "write JUnit XML, an expectation a test, to `FILE`"},
			&ucli.BoolFlag{Name: "json", Usage: "print the records of all runs as JSON, and the story to standard error"},
			&ucli.StringFlag{Name: "edition", Usage: "run only this leg, `NAME`, of a drill with an edition matrix", DefaultText: "all"},
			engineFlag(),
			seedFlag(), dateFlag(),
		},
		Action: func(ctx context.Context, c *ucli.Command) error {
			engine, ground, err := chosenEngine(c)
			if err != nil {
				return err
			}
			if c.Bool("all") {
				if _, err := cli.Args(c, 0, 0); err != nil {
					return err
				}
				if c.Int("j") < 1 {
					return cli.Usage("-j %d: want 1 or more", c.Int("j"))
				}
				return runAll(ctx, c, c.Int("j"))
			}
			return runNamed(ctx, c, engine, ground)
		},
	}
}

// runNamed runs the drill that the command line names.
func runNamed(ctx context.Context, c *ucli.Command, engine netlab.Engine, ground netns.Ground) error {
	drill, err := drillOf(c)
	if err != nil {
		return err
	}
	tell := func(records []*netlab.Record) error { return writeReports(records, c.String("junit"), c.Bool("json")) }
	if err := drill.Check(); err != nil { // told where it is looked for, too, not only here
		unread := netlab.Unbuilt(netlab.Options{Name: drill.Name, Title: drill.Title}, time.Now(), netlab.Broken, err)
		return errors.Join(err, tell([]*netlab.Record{unread}))
	}
	o, err := drillOptions(c, drill)
	if err != nil {
		return err
	}
	if !netns.Inside() {
		return reexec(ground)
	}
	story := c.Root().Writer
	if c.Bool("json") {
		story = os.Stderr
	}
	o.Engine, o.Out, o.Width, o.Report = engine, story, terminal(story), report.Write
	return runInside(ctx, drill, tell, o)
}

func runInside(ctx context.Context, drill script.Drill, tell func([]*netlab.Record) error, o script.Options) error {
	ctx, err := netns.Enter(ctx)
	if err != nil {
		return err
	}
	// Who reads the story may stop reading; the run goes on to its end. Notified, not
	// ignored, so that programs in the lab have the signal as usual.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	records, err := script.RunAll(ctx, drill, o)
	err = errors.Join(err, tell(records))
	if slices.ContainsFunc(records, func(r *netlab.Record) bool { return r.Verdict == netlab.Interrupted }) {
		return cli.Exit(codeInterrupted, err)
	}
	if err != nil {
		return err
	}
	if slices.ContainsFunc(records, func(r *netlab.Record) bool { return r.Verdict != netlab.Passed }) {
		return cli.Exit(cli.CodeRefused, nil) // the story has said why
	}
	return nil
}

func listCommand() *ucli.Command {
	return &ucli.Command{
		Name: "list", Metadata: cli.Examples(100, "tslab list"),
		Usage: "list the drills that come with the lab",
		Flags: []ucli.Flag{cli.JSONFlag()},
		Action: func(_ context.Context, c *ucli.Command) error {
			if _, err := cli.Args(c, 0, 0); err != nil {
				return err
			}
			all, err := script.List(drills.Files)
			if err != nil {
				return err
			}
			if len(all) == 0 {
				return errors.New("no drill is built in")
			}
			if c.Bool("json") {
				type entry struct {
					Name  string `json:"name"`
					Title string `json:"title"`
				}
				var entries []entry
				for _, d := range all {
					entries = append(entries, entry{d.Name, d.Title})
				}
				return cli.JSON(c.Root().Writer, entries)
			}
			return printDrills(c.Root().Writer, all, columns(c.Root().Writer))
		},
	}
}

// printDrills lists drills. On a terminal that is so wide their titles go on under
// themselves; 0 is none.
func printDrills(w io.Writer, all []script.Drill, wide int) error {
	widest := len("DRILL")
	for _, d := range all {
		widest = max(widest, len(d.Name))
	}
	t := cli.Table{Header: []string{"DRILL", "SHOWS"}}
	for _, d := range all {
		lines := strings.Split(wrap(d.Title, wide, widest+2), "\n")
		t.Row(d.Name, lines[0])
		for _, line := range lines[1:] {
			t.Row("", strings.TrimSpace(line))
		}
	}
	return t.Print(w)
}

// wordsCommand documents the words of drills: `tslab help drill`.
func wordsCommand() *ucli.Command {
	var text strings.Builder
	text.WriteString("A drill is a program in Starlark, a small Python: a file that ends in .star. These are the words it has\n" +
		"beyond the language, each with an example; read from the first to the last, the examples are a drill.")
	for _, w := range script.Vocabulary() {
		fmt.Fprintf(&text, "\n\n%s\n    %s", strings.ReplaceAll(w.Usage, "; ", "\n"), w.Text)
	}
	return &ucli.Command{
		Name: "drill", Metadata: cli.Examples(100, "tslab drill"), Aliases: []string{"words"},
		Usage:       "the language of drills: every word with an example",
		Description: text.String(),
		Action: func(_ context.Context, c *ucli.Command) error {
			if _, err := cli.Args(c, 0, 0); err != nil {
				return err
			}
			_, err := fmt.Fprintln(c.Root().Writer, text.String())
			return err
		},
	}
}
