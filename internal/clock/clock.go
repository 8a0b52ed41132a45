// Package clock tells calendar time: expiry, grace periods, renewal, reports.
// Elapsed time (deadlines of sockets, retries) is package time's business, so that
// a calendar that jumps by 90 days times out no socket.
package clock

import (
	"context"
	"time"
)

// Clock is a calendar. Its times are UTC and carry no monotonic reading.
type Clock interface {
	Now() time.Time
	// SleepUntil returns nil once Now is not before t, or the context's error.
	SleepUntil(ctx context.Context, t time.Time) error
}

// System is the machine's own calendar.
type System struct{}

// Now is the machine's time in UTC.
func (System) Now() time.Time { return time.Now().UTC().Round(0) }

// SleepUntil waits until the machine's clock reads t.
func (s System) SleepUntil(ctx context.Context, t time.Time) error {
	for {
		wait := t.Sub(s.Now())
		if wait <= 0 {
			return ctx.Err()
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// Fixed is a calendar that stands still: SleepUntil a later time waits for the
// context to end.
type Fixed time.Time

// Now is always the same time.
func (f Fixed) Now() time.Time { return time.Time(f).UTC().Round(0) }

// SleepUntil returns at once for a time that has come, else with the context's end.
func (f Fixed) SleepUntil(ctx context.Context, t time.Time) error {
	if !t.After(f.Now()) {
		return ctx.Err()
	}
	<-ctx.Done()
	return ctx.Err()
}
