package ts

import (
	"context"
	"time"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ts/policy"
)

// duties are what the calendar brings: the warnings and the end of the grace
// period, discovery, the repairs of TSInternetUser.
type duties struct {
	server *Server
	ready  bool
	retry  time.Time // not before this the grace period, whose state could not be stored
}

func newDuties(s *Server) *duties {
	return &duties{server: s}
}

// wake makes the duties look again at what is due when.
func (s *Server) wake() {
	select {
	case s.work <- struct{}{}:
	default:
	}
}

// run does what is due until ctx ends.
func (d *duties) run(ctx context.Context) error {
	err := clock.Run(ctx, d.server.config.Clock, "termsrv", d.next, func(now time.Time) { d.do(ctx, now) }, d.server.work)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (d *duties) next(now time.Time) time.Time {
	if !d.ready { // the loop has its slot: the calendar may be moved
		d.ready = true
		close(d.server.ready)
	}
	var next time.Time
	for _, due := range []time.Time{d.discovery(now), d.grace(), d.server.connector.repairDue()} {
		if !due.IsZero() && (next.IsZero() || due.Before(next)) {
			next = due
		}
	}
	return next
}

// discovery is when license servers are sought or pinged next: never by a terminal
// server for remote administration, which needs none.
func (d *duties) discovery(now time.Time) time.Time {
	if d.server.setup().mode == policy.ModeAdmin {
		return time.Time{}
	}
	return d.server.catalog.finder.Due(now)
}

func (d *duties) grace() time.Time {
	due := d.server.grace.nextDue()
	if !due.IsZero() && due.Before(d.retry) {
		return d.retry
	}
	return due
}

func (d *duties) do(ctx context.Context, now time.Time) {
	if due := d.grace(); !due.IsZero() && !now.Before(due) {
		if err := d.server.grace.due(now); err != nil {
			d.server.config.Events.Event(eventlog.GraceNotStored, eventlog.F("reason", err))
			d.retry = now.Add(time.Minute)
		}
	}
	if due := d.server.connector.repairDue(); !due.IsZero() && !now.Before(due) {
		d.server.connector.tryRepair(now)
	}
	if !d.discovery(now).IsZero() {
		d.server.catalog.finder.Do(ctx, now)
	}
}

// moved is closed when the calendar is next moved by hand; nil for a calendar that
// cannot be.
func (s *Server) moved() <-chan struct{} {
	if lab, ok := s.config.Clock.(*clock.Lab); ok {
		return lab.Moved()
	}
	return nil
}
