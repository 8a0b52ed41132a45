package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v3"
	"golang.org/x/term"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/eventlog"
)

func eventsCommand() *ucli.Command {
	return &ucli.Command{
		Name: "events", Metadata: cli.Examples(102, "tslab events --id token.issued first-logon"),
		Usage:     "show what happened, as the Event Viewer would",
		ArgsUsage: "[RUN | FOLDER]",
		Description: "Shows the event logs of a run, by its drill's name or its folder, of a program, by its state folder, or of\n" +
			"the newest `tslab serve` of this user that runs, or the lab that `tslab up` keeps if that is newer. Dates are of the lab's calendar, UTC.",
		Flags: []ucli.Flag{
			&ucli.StringFlag{Name: "state", Usage: "show the state folder `DIR`", DefaultText: "that of the newest server that runs"},
			&ucli.StringSliceFlag{Name: "source", Usage: "only of `SOURCE`: a program such as lserver, or TermService or TermServLicensing"},
			&ucli.StringSliceFlag{Name: "id", Usage: "only `ID`: a number such as 1011, a name such as token.issued, or its first part, token"},
			&ucli.StringFlag{Name: "since", Usage: "only since `DATE`, or within a time such as 2d of the last event"},
			&ucli.StringSliceFlag{Name: "host", Usage: "only of `HOST`"},
			&ucli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on until interrupted"},
			&ucli.BoolFlag{Name: "json", Usage: "print the events as they are logged, a line of JSON each"},
		},
		Action: func(ctx context.Context, c *ucli.Command) error {
			v, err := viewFrom(ctx, c)
			if err != nil {
				return err
			}
			return v.show(ctx, c.Bool("follow"))
		},
	}
}

// view is what `tslab events` was asked for.
type view struct {
	out    io.Writer
	folder string
	filter eventlog.Filter
	within time.Duration // of the last event; 0: however old
	json   bool
	wide   int  // columns of the terminal; 0: whole lines
	begun  bool // the header is printed
}

func viewFrom(ctx context.Context, c *ucli.Command) (*view, error) {
	args, err := cli.Args(c, 0, 1)
	if err != nil {
		return nil, err
	}
	v := &view{
		out: c.Root().Writer, folder: c.String("state"), json: c.Bool("json"), wide: columns(c.Root().Writer),
		filter: eventlog.Filter{Sources: c.StringSlice("source"), IDs: c.StringSlice("id"), Hosts: c.StringSlice("host")},
	}
	if since := c.String("since"); since != "" {
		if v.within, err = parseSpan(since); err != nil || v.within < 0 {
			if v.within, v.filter.Since, err = dateOnly(since); err != nil {
				return nil, cli.Usage("--since: %v, nor a time such as 2d", err)
			}
		}
	}
	switch {
	case v.folder != "" && len(args) > 0:
		return nil, cli.Usage("either a run or --state, not both")
	case len(args) == 1:
		v.folder, err = runFolder(args[0])
	case v.folder == "":
		v.folder, err = newestCalendar(ctx)
	}
	return v, err
}

func dateOnly(s string) (time.Duration, time.Time, error) {
	at, err := parseDate(s)
	return 0, at, err
}

// runFolder is the folder that is meant by a folder, a log, or the name of a drill
// that was run here.
func runFolder(name string) (string, error) {
	for _, path := range []string{name, filepath.Join("runs", name)} {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no folder %s and no run %s: `tslab run %s` makes one", name, filepath.Join("runs", name), name)
}

// columns is the width of the terminal that w is, 0 if it is none.
func columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	wide, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return wide
}

// followPause is how often (elapsed time) the logs are looked at.
const followPause = 100 * time.Millisecond

// show prints what there is, and with follow goes on until ctx ends.
func (v *view) show(ctx context.Context, follow bool) error {
	tail := eventlog.NewTail(v.folder)
	events, damage := tail.Read()
	if v.within > 0 && len(events) > 0 {
		v.filter.Since = events[len(events)-1].Lab.Add(-v.within)
	}
	shown, err := v.print(events)
	if err := errors.Join(err, damage); err != nil {
		return err
	}
	if !follow && shown == 0 {
		return cli.Exit(cli.CodeNothing, fmt.Errorf("no such event in %s (%d in all)", v.folder, len(events)))
	}
	for timer := time.NewTimer(followPause); follow; timer.Reset(followPause) {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		events, err := tail.Read()
		if err != nil {
			return err
		}
		if _, err := v.print(events); err != nil {
			return err
		}
	}
	return nil
}

// print writes the events that are wanted, and says how many they were.
func (v *view) print(events []eventlog.Event) (n int, err error) {
	for _, e := range events {
		if !v.filter.Wants(e) {
			continue
		}
		n++
		if v.json {
			err = cli.JSON(v.out, e)
		} else {
			err = v.line(e)
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// The columns of the Event Viewer. Sources and hosts that are longer push the rest.
const eventColumns = "%-11s  %-19s  %-17s  %-4s  %-8s  "

// line prints an event. On a terminal its text goes on under itself.
func (v *view) line(e eventlog.Event) error {
	var b strings.Builder
	if !v.begun {
		v.begun = true
		fmt.Fprintf(&b, eventColumns+"%s\n", "TYPE", "DATE", "SOURCE", "ID", "COMPUTER", "TEXT")
	}
	id := ""
	if e.ID != 0 {
		id = strconv.Itoa(e.ID)
	}
	severity := strings.ToUpper(string(e.Severity[:min(1, len(e.Severity))])) + string(e.Severity[min(1, len(e.Severity)):])
	head := fmt.Sprintf(eventColumns, severity, e.Lab.Format("2006-01-02 15:04:05"), cli.Printable(e.Source()), id, cli.Printable(e.Host))
	b.WriteString(head)
	b.WriteString(wrap(cli.Printable(e.Text), v.wide, len([]rune(head))))
	b.WriteByte('\n')
	_, err := io.WriteString(v.out, b.String())
	return err
}

// leastText is the narrowest column of text that is worth breaking lines for.
const leastText = 20

// wrap breaks text at spaces so that it fits the columns behind an indent; a word
// that does not fit is left whole.
func wrap(text string, wide, indent int) string {
	room := wide - indent
	if wide == 0 {
		return text
	}
	var b strings.Builder
	if room < leastText { // below the rest of the event
		indent, room = 4, max(wide-4, leastText)
		b.WriteString("\n" + strings.Repeat(" ", indent))
	}
	at := 0
	for i, word := range strings.Split(text, " ") {
		n := len([]rune(word))
		switch {
		case i == 0:
		case at+1+n > room:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = 0
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}
