package clock_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/clock"
)

var day0 = time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// tolerance is what the calendar may run by itself during a test.
const tolerance = time.Minute

func newLab(t *testing.T) *clock.Lab {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clock")
	if err := clock.CreateLab(path, day0); err != nil {
		t.Fatal(err)
	}
	return openLab(t, path)
}

func openLab(t *testing.T, path string) *clock.Lab {
	t.Helper()
	l, err := clock.OpenLab(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func wantNow(t *testing.T, c clock.Clock, want time.Time) {
	t.Helper()
	if got := c.Now(); got.Before(want) || got.After(want.Add(tolerance)) {
		t.Errorf("Now = %v, want %v or a little later", got, want)
	}
}

func TestLabTimeSurvives(t *testing.T) {
	l := newLab(t)
	wantNow(t, l, day0)
	if l.Now().Location() != time.UTC {
		t.Error("Now is not UTC")
	}
	if err := l.Advance(t.Context(), 90*day); err != nil {
		t.Fatal(err)
	}
	wantNow(t, l, day0.Add(90*day))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wantNow(t, l, day0.Add(90*day)) // Now stays usable
	again := openLab(t, l.Path())
	wantNow(t, again, day0.Add(90*day))
	if err := again.Advance(t.Context(), -2*day); err != nil {
		t.Fatal(err)
	}
	wantNow(t, again, day0.Add(88*day))
}

func TestLabFileRefused(t *testing.T) {
	l := newLab(t)
	if err := clock.CreateLab(l.Path(), day0); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("CreateLab over a lab: %v", err)
	}
	dir := t.TempDir()
	foreign := filepath.Join(dir, "foreign")
	if err := os.WriteFile(foreign, make([]byte, 64), 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(l.Path())
	if err != nil {
		t.Fatal(err)
	}
	sized := filepath.Join(dir, "sized")
	if err := os.WriteFile(sized, make([]byte, info.Size()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{foreign, sized, filepath.Join(dir, "none")} {
		if l, err := clock.OpenLab(path); err == nil {
			l.Close()
			t.Errorf("OpenLab(%s) succeeded", path)
		}
	}
}

func TestSleepUntilWakesOnMove(t *testing.T) {
	l := newLab(t)
	other := openLab(t, l.Path())
	woken := make(chan error, 1)
	go func() { woken <- other.SleepUntil(t.Context(), day0.Add(30*day)) }()
	for range 30 {
		if err := l.Advance(t.Context(), day); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-woken; err != nil {
		t.Error(err)
	}
}

func TestSleepUntilEnds(t *testing.T) {
	l := newLab(t)
	ctx, cancel := context.WithCancel(t.Context())
	woken := make(chan error, 1)
	go func() { woken <- l.SleepUntil(ctx, day0.Add(day)) }()
	cancel()
	if err := <-woken; !errors.Is(err, context.Canceled) {
		t.Errorf("SleepUntil = %v, want canceled", err)
	}
	go func() { woken <- l.SleepUntil(t.Context(), day0.Add(day)) }()
	l.Close()
	if err := <-woken; err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("SleepUntil of a closed calendar = %v", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if err := l.SleepUntil(t.Context(), day0.Add(day)); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("SleepUntil after Close = %v", err)
	}
}

// duty is due once a day, the first time at due.
type duty struct {
	due time.Time

	mu   sync.Mutex // the race detector does not see the barrier
	done []time.Time
}

func (d *duty) next(time.Time) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.due.Add(time.Duration(len(d.done)) * day)
}

func (d *duty) do(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done = append(d.done, now)
}

func (d *duty) times() []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.done)
}

// due is a due moment that a test moves.
type due struct{ at atomic.Pointer[time.Time] }

func (d *due) set(t time.Time) { d.at.Store(&t) }

func (d *due) next(time.Time) time.Time {
	if t := d.at.Load(); t != nil {
		return *t
	}
	return time.Time{}
}

// run starts the duty and returns when it has answered once.
func run(t *testing.T, l *clock.Lab, name string, next func(time.Time) time.Time, do func(time.Time)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- clock.Run(ctx, l, name, next, do) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Run = %v", name, err)
		}
	})
	for asleep := false; !asleep; {
		if err := l.Advance(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		for _, p := range l.Programs() {
			asleep = asleep || p.Name == name
		}
	}
}

func TestBarrierWaitsForDuties(t *testing.T) {
	l := newLab(t)
	d := &duty{due: day0.Add(day)}
	run(t, openLab(t, l.Path()), "lserver", d.next, d.do)
	for i := range 5 {
		if err := l.Advance(t.Context(), day); err != nil {
			t.Fatal(err)
		}
		if n := len(d.times()); n != i+1 {
			t.Fatalf("after %d days %d duties done", i+1, n)
		}
	}
	programs := l.Programs()
	if len(programs) != 1 || programs[0].Name != "lserver" || programs[0].PID != os.Getpid() || !programs[0].Due.Equal(day0.Add(6*day)) {
		t.Errorf("Programs = %+v", programs)
	}
}

func TestSteps(t *testing.T) {
	l := newLab(t)
	d := &duty{due: day0.Add(12 * time.Hour)}
	run(t, l, "lserver", d.next, d.do)
	if err := l.AdvanceBySteps(t.Context(), 91*day, day); err != nil {
		t.Fatal(err)
	}
	if n := len(d.times()); n != 91 {
		t.Fatalf("%d duties done, want 91", n)
	}
	if err := l.AdvanceExact(t.Context(), 3*day); err != nil {
		t.Fatal(err)
	}
	var late []time.Duration
	for i, at := range d.times()[91:] {
		due := d.due.Add(time.Duration(91+i) * day)
		late = append(late, at.Sub(due).Truncate(tolerance))
	}
	if diff := cmp.Diff([]time.Duration{0, 0, 0}, late); diff != "" {
		t.Errorf("lateness of the duties, -want +got\n%s", diff)
	}
	wantNow(t, l, day0.Add(94*day))
}

func TestBarrierNamesWhoIsLate(t *testing.T) {
	l := newLab(t)
	release := make(chan struct{})
	var once due
	once.set(day0.Add(day))
	run(t, l, "stuck", once.next, func(time.Time) {
		once.set(time.Time{})
		<-release
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := l.Advance(ctx, day)
	close(release)
	late, ok := errors.AsType[*clock.BarrierError](err)
	if !ok || len(late.Waiting) != 1 || late.Waiting[0].Name != "stuck" || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Advance = %v, want a BarrierError about stuck", err)
	}
	if !strings.Contains(err.Error(), "stuck (pid ") {
		t.Errorf("error %q does not name the program", err)
	}
	wantNow(t, l, day0.Add(day))
}

func TestPausedDoesNotHoldTheBarrier(t *testing.T) {
	l := newLab(t)
	var once due
	once.set(day0.Add(day))
	hold, entered := make(chan struct{}), make(chan struct{})
	run(t, l, "frozen", once.next, func(time.Time) {
		once.set(time.Time{})
		close(entered)
		<-hold
	})
	l.Pause(os.Getpid(), true)
	if err := l.Advance(t.Context(), day); err != nil {
		t.Fatal(err)
	}
	<-entered
	if !l.NextDue().IsZero() {
		t.Error("a paused program's duty counts as due")
	}
	close(hold)
	l.Pause(os.Getpid(), false)
	if err := l.Advance(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
}

func TestNewWorkIsSeen(t *testing.T) {
	l := newLab(t)
	var once due
	changed, done := make(chan struct{}), make(chan time.Time, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	do := func(now time.Time) { once.set(time.Time{}); done <- now }
	go func() { ended <- clock.Run(ctx, l, "lserver", once.next, do, changed) }()
	changed <- struct{}{} // it sleeps
	once.set(day0)
	changed <- struct{}{}
	<-done
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v", err)
	}
}

func TestRunOnClosedLab(t *testing.T) {
	l := newLab(t)
	l.Close()
	d := &duty{due: day0}
	if err := clock.Run(t.Context(), l, "late", d.next, d.do); err == nil || len(d.done) != 0 {
		t.Errorf("Run on a closed calendar = %v, %d duties done", err, len(d.done))
	}
}
