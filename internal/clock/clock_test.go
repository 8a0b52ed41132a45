package clock_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tslab/tslab/internal/clock"
)

func TestSystemSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c clock.System
		begin := c.Now()
		if err := c.SleepUntil(t.Context(), begin.Add(90*day)); err != nil {
			t.Fatal(err)
		}
		if got := c.Now().Sub(begin); got != 90*day {
			t.Errorf("slept %v, want 90 days", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := c.SleepUntil(ctx, c.Now().Add(day)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("SleepUntil = %v, want the context's error", err)
		}
	})
}

func TestFixedStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.Fixed(day0)
		if err := c.SleepUntil(t.Context(), day0); err != nil {
			t.Errorf("SleepUntil what it shows: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := c.SleepUntil(ctx, day0.Add(1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("SleepUntil later = %v, want the context's error", err)
		}
	})
}

func TestRunOnSystem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c clock.System
		d := &duty{due: c.Now().Add(day)}
		ctx, cancel := context.WithTimeout(t.Context(), 10*day+time.Hour)
		defer cancel()
		if err := clock.Run(ctx, c, "lserver", d.next, d.do); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run = %v", err)
		}
		if len(d.done) != 10 {
			t.Errorf("%d duties done, want 10", len(d.done))
		}
	})
}

func TestRunWithNothingDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), day)
		defer cancel()
		never := func(time.Time) time.Time { return time.Time{} }
		err := clock.Run(ctx, clock.System{}, "idle", never, func(time.Time) { t.Error("a duty that was not due") })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run = %v", err)
		}
	})
}
