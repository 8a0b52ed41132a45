package ts_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ts"
)

// TestGraceNotStored: what cannot be stored is told in the event log.
func TestGraceNotStored(t *testing.T) {
	var dir string
	l := newLab(t, func(c *ts.Config) { dir = c.Dir })
	if _, err := connect(t, l.device(t, "PC-01")); err != nil { // the period begins
		t.Fatal(err)
	}
	l.await(t, eventlog.GraceStarted.Name)
	file := filepath.Join(dir, "grace.json")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(file, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.clock.AdvanceBySteps(t.Context(), 91*day, day); err != nil {
		t.Fatal(err)
	}
	if e := l.await(t, eventlog.GraceNotStored.Name); !strings.Contains(e.Fields["reason"], file) {
		t.Errorf("the event says %q, want it to name %s", e.Fields["reason"], file)
	}
}

var errNoCalendar = errors.New("the calendar is gone")

// stopped is a calendar that nobody can wait for.
type stopped struct{ clock.System }

func (stopped) SleepUntil(context.Context, time.Time) error { return errNoCalendar }

// TestDutiesEnd: a server whose duties cannot go on ends, and says why.
func TestDutiesEnd(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, err := ts.New(ts.Config{
		Host: "ts1", Dir: t.TempDir(), Listener: listener, KeyBits: 512, Clock: stopped{},
		Events: eventlog.New(make(tap, 100), "ts1", "termsrv", stopped{}, nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := server.Run(ctx); !errors.Is(err, errNoCalendar) {
		t.Errorf("Run = %v, want %v", err, errNoCalendar)
	}
	if ctx.Err() != nil {
		t.Error("it served on without its duties")
	}
}
