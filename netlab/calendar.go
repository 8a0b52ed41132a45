//go:build linux

package netlab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
)

// AdvanceStep is how far the calendar goes at once unless told otherwise: the smallest
// advance_step of the terminal and license servers that run, a day by default.
func (l *Lab) AdvanceStep() time.Duration {
	step := edition.W2KSP3().AdvanceStep
	for _, p := range l.running {
		if p.Running() && (p.Program == "termsrv" || p.Program == "lserver") {
			step = min(step, stepOf(p.cmd.Args))
		}
	}
	return step
}

// stepOf is the advance_step that a program was started with. The program itself
// has refused what cannot be set.
func stepOf(argv []string) time.Duration {
	p := edition.W2KSP3()
	for i, arg := range argv {
		if arg != "--set" || i+1 == len(argv) {
			continue
		}
		for setting := range strings.SplitSeq(argv[i+1], ",") {
			if strings.HasPrefix(setting, "advance_step=") {
				_ = p.SetAll([]string{setting})
			}
		}
	}
	return p.AdvanceStep
}

// Pace is how the calendar goes from one date to another.
type Pace struct {
	Step  time.Duration // at most this far at once; zero for AdvanceStep, negative for all at once
	Exact bool          // from one due moment of a program to the next, however many
}

// skewed is the calendar of a host that does not go with the others'.
type skewed struct {
	*clock.Lab
	by time.Duration
}

// clockOf is the calendar of a host.
func (l *Lab) clockOf(hostName string) *clock.Lab {
	if s, ok := l.skews[hostName]; ok {
		return s.Lab
	}
	return l.Clock
}

// Advance moves the calendar by d, an AdvanceStep at a time, and returns when every program
// has done what was due.
func (l *Lab) Advance(ctx context.Context, d time.Duration) error { return l.AdvanceAt(ctx, d, Pace{}) }

// AdvanceAt is Advance at a pace of its own. Calendars that are off go along.
func (l *Lab) AdvanceAt(ctx context.Context, d time.Duration, pace Pace) error {
	l.action()
	step := pace.Step
	switch {
	case step == 0:
		step = l.AdvanceStep()
	case step < 0:
		step = max(d, 1)
	}
	for left := d; left != 0; {
		by := min(left, step)
		left -= by
		if err := l.advanceAll(ctx, by, pace.Exact); err != nil {
			return err
		}
	}
	l.log.Event(eventlog.ClockMoved, eventlog.F("now", l.Clock.Now().Format("2006-01-02 15:04:05")))
	l.journal.poll()
	return nil
}

func (l *Lab) advanceAll(ctx context.Context, by time.Duration, exact bool) error {
	clocks := []*clock.Lab{l.Clock}
	for _, name := range slices.Sorted(maps.Keys(l.skews)) {
		clocks = append(clocks, l.skews[name].Lab)
	}
	for _, c := range clocks {
		move := c.Advance
		if exact && by > 0 {
			move = c.AdvanceExact
		}
		if err := move(ctx, by); err != nil {
			return err
		}
	}
	return nil
}

// Skew sets how far a host's calendar is off from the lab's; it jumps there at once
// and goes on from there as the others do. The first time, no program of the lab may
// have been started in the host: programs keep the calendar that they began with.
func (l *Lab) Skew(ctx context.Context, hostName string, by time.Duration) error {
	if _, err := l.host(hostName); err != nil {
		return err
	}
	l.action()
	s, ok := l.skews[hostName]
	if !ok {
		var err error
		if s, err = l.ownClock(hostName); err != nil {
			return err
		}
		l.skews[hostName] = s
	}
	if err := s.Advance(ctx, by-s.by); err != nil {
		return err
	}
	s.by = by
	l.log.Event(eventlog.ClockSkewed, eventlog.F("target", hostName), eventlog.F("by", by))
	l.journal.poll()
	return nil
}

func (l *Lab) ownClock(hostName string) (*skewed, error) {
	entries, err := os.ReadDir(l.hostFolder(hostName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(l.hostFolder(hostName), e.Name(), eventsName)); err == nil {
			return nil, fmt.Errorf("%s was started on %s with the lab's calendar; give the host its own before that, with no skew at first if need be", e.Name(), hostName)
		}
	}
	path := filepath.Join(l.hostFolder(hostName), clockName)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if err := clock.CreateLab(path, l.Clock.Now()); err != nil {
		return nil, err
	}
	own, err := clock.OpenLab(path)
	if err != nil {
		return nil, err
	}
	// To the nanosecond what the lab's is, whatever the time between the two lines.
	if err := own.Advance(context.Background(), l.Clock.Offset()-own.Offset()); err != nil {
		return nil, errors.Join(err, own.Close())
	}
	return &skewed{Lab: own}, nil
}

func (l *Lab) closeClocks() error {
	var errs []error
	for _, s := range l.skews {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
