package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/program"
)

// clockName is the file of the state folder that the calendar lies in.
const clockName = "clock"

func clockCommand() *ucli.Command {
	return &ucli.Command{
		Name: "clock", Metadata: cli.Examples(116, "tslab clock +1d"),
		Usage:     "show or move the calendar of a running server or lab",
		ArgsUsage: "[show | +1d | +3h | +1w2d | -1h]",
		Description: "Moves the calendar of the newest server of this user that runs, or of the lab under runs/ that `tslab up`\n" +
			"keeps if that is newer, or of that in --state DIR, which need not run. Days pass one by one, so that what is dated happens on its own date.",
		Flags: []ucli.Flag{
			&ucli.StringFlag{Name: "state", Aliases: []string{"run"}, Usage: "the server's state folder, or that of the lab, `DIR`", DefaultText: "that of the newest that runs"},
			&ucli.StringFlag{Name: "begin", Usage: "lay down a calendar in --state that begins on `DATE`, unless there is one"},
			&ucli.StringFlag{Name: "set", Usage: "move to `DATE`, as 2003-06-01 or 2003-06-01T12:00:00Z"},
			cli.JSONFlag(),
		},
		Action: func(ctx context.Context, c *ucli.Command) error {
			move, err := moveFrom(c)
			if err != nil {
				return err
			}
			if err := begin(c.String("begin"), c.String("state")); err != nil {
				return err
			}
			now, err := moveState(ctx, c.String("state"), move)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return cli.JSON(c.Root().Writer, now)
			}
			_, err = fmt.Fprintln(c.Root().Writer, now.Now.Format("2006-01-02 15:04:05 UTC"))
			return err
		},
	}
}

// begin lays down a calendar for programs that are started with --clock DIR/clock.
func begin(date, state string) error {
	switch {
	case date == "":
		return nil
	case state == "":
		return cli.Usage("--begin: in which folder? say --state DIR")
	}
	start, err := parseDate(date)
	if err != nil {
		return cli.Usage("--begin: %v", err)
	}
	if err := os.MkdirAll(state, 0o755); err != nil {
		return err
	}
	lab, err := openClock(state, start)
	if err != nil {
		return err
	}
	return lab.Close()
}

// clockMove is the request of the control socket's operation "clock": by a time, to
// a date, or, with neither, nowhere.
type clockMove struct {
	By time.Duration `json:"by,omitempty"`
	To time.Time     `json:"to,omitzero"`
}

// clockNow is its answer.
type clockNow struct {
	Now    time.Time     `json:"now"`
	Offset time.Duration `json:"offset_ns"` // from the machine's clock
}

func moveFrom(c *ucli.Command) (m clockMove, err error) {
	args, err := cli.Args(c, 0, 1)
	if err != nil {
		return m, err
	}
	set := c.String("set")
	switch {
	case set != "" && len(args) > 0:
		return m, cli.Usage("either a time to move by or --set, not both")
	case set != "":
		if m.To, err = parseDate(set); err != nil {
			return m, cli.Usage("--set: %v", err)
		}
	case len(args) == 1 && args[0] != "show":
		if m.By, err = parseSpan(args[0]); err != nil {
			return m, cli.Usage("%v", err)
		}
	}
	return m, nil
}

// moveState moves the calendar of a state folder: by its server if that runs.
func moveState(ctx context.Context, state string, m clockMove) (now clockNow, err error) {
	if state == "" {
		if state, err = newestCalendar(ctx); err != nil {
			return now, err
		}
	}
	err = control.Call(ctx, state, "clock", m, &now)
	if !errors.Is(err, control.ErrNotRunning) {
		return now, err
	}
	lab, err := clock.OpenLab(filepath.Join(state, clockName))
	if errors.Is(err, fs.ErrNotExist) {
		return now, fmt.Errorf("%s is no state folder of a server: it holds no calendar", state)
	}
	if err != nil {
		return now, err
	}
	defer lab.Close()
	return move(ctx, lab, m, edition.W2KSP3().AdvanceStep)
}

// newestCalendar is the state folder of the newest server that runs, or the folder of
// the lab that `tslab up` keeps under runs, whichever was started last.
func newestCalendar(ctx context.Context) (string, error) {
	server, err := program.Newest(ctx, "tslab")
	lab, since := newestKept(ctx)
	if lab != "" && (err != nil || since.After(server.Started)) {
		return lab, nil
	}
	return server.State, err
}

// move moves the calendar step by step.
func move(ctx context.Context, lab *clock.Lab, m clockMove, step time.Duration) (clockNow, error) {
	by := m.By
	if !m.To.IsZero() {
		by = m.To.Sub(lab.Now())
	}
	var err error
	if by != 0 {
		err = lab.AdvanceBySteps(ctx, by, step)
	}
	return clockNow{Now: lab.Now(), Offset: lab.Offset()}, err
}

// moveClock is the operation "clock" of a running server.
func (s *serving) moveClock(ctx context.Context, in json.RawMessage) (any, error) {
	var m clockMove
	if err := json.Unmarshal(in, &m); err != nil {
		return nil, fmt.Errorf("clock: %w", err)
	}
	now, err := move(ctx, s.lab, m, s.box.Profile.AdvanceStep)
	if m != (clockMove{}) && err == nil {
		s.box.Events.Event(eventlog.ClockMoved, eventlog.F("now", now.Now))
	}
	return now, err
}

// openClock opens the calendar of a state folder, which begins at start if it is new.
func openClock(state string, start time.Time) (*clock.Lab, error) {
	path := filepath.Join(state, clockName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := clock.CreateLab(path, start); err != nil {
			return nil, err
		}
	}
	return clock.OpenLab(path)
}

// parseDate reads a date, or a date with a time.
func parseDate(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no date such as 2003-06-01 or 2003-06-01T12:00:00Z", s)
}

// maxSpan is the furthest that one command moves the calendar.
const maxSpan = 100 * 366 * 24 * time.Hour

// parseSpan reads a time such as +1d, 3h or -1w2d12h30m.
func parseSpan(s string) (time.Duration, error) {
	bad := fmt.Errorf("%q is no time to move by, such as +1d, +3h or +1w2d", s)
	rest, sign := strings.TrimPrefix(s, "+"), time.Duration(1)
	if after, ok := strings.CutPrefix(s, "-"); ok {
		rest, sign = after, -1
	}
	if !regexp.MustCompile(`^(\d+[wdhms])+$`).MatchString(rest) {
		return 0, bad
	}
	units := map[string]time.Duration{"w": 7 * 24 * time.Hour, "d": 24 * time.Hour, "h": time.Hour, "m": time.Minute, "s": time.Second}
	var total time.Duration
	for _, part := range regexp.MustCompile(`\d+[wdhms]`).FindAllString(rest, -1) {
		unit := units[part[len(part)-1:]]
		n, err := strconv.ParseInt(part[:len(part)-1], 10, 64)
		if err != nil || time.Duration(n) > maxSpan/unit {
			return 0, bad
		}
		if total += time.Duration(n) * unit; total > maxSpan {
			return 0, bad
		}
	}
	return sign * total, nil
}
