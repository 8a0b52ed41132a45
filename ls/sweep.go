package ls

import (
	"context"
	"sync"
	"time"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/crash"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ls/policy"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/token"
)

// sweepBatch bounds a transaction of the sweep, and with it how long a request
// waits behind it and how many pages it holds.
const sweepBatch = 512

// sweepRetry is how long (calendar time) the sweep waits after the store failed, or
// while the calendar is not believed.
const sweepRetry = time.Minute

// lapse is a row that has expired, with what was free afterwards.
type lapse struct {
	license store.License
	free    uint32
}

// changed tells the sweep to look again when it is next due.
func (s *Server) changed() {
	select {
	case s.work <- struct{}{}:
	default:
	}
}

// sweepLoop sleeps until the next expiry and returns what is past its date to the
// pool. It never ticks: with nothing that expires it sleeps for ever, or until the
// inventory is to be announced again.
func (s *Server) sweepLoop(ctx context.Context) error {
	var failed time.Time
	var begin sync.Once
	sweep := func(now time.Time) time.Time {
		at, ok := s.nextExpiry()
		held := s.held(now) // at every look: a calendar that nobody looks at jumps
		switch {
		case !ok:
			return time.Time{}
		case !failed.IsZero() && now.Before(failed.Add(sweepRetry)):
			return failed.Add(sweepRetry)
		case held:
			return now.Add(sweepRetry)
		}
		return at.Add(time.Nanosecond) // on its last second a license is still good
	}
	next := func(now time.Time) time.Time {
		begin.Do(func() { close(s.ready) })
		return earlier(sweep(now), s.announceDue())
	}
	return clock.Run(ctx, s.config.Clock, Program, next, func(now time.Time) {
		if due := s.announceDue(); !due.IsZero() && !now.Before(due) {
			s.announceAgain(now)
		}
		failed = time.Time{}
		if at, ok := s.nextExpiry(); !ok || !now.After(at) || s.held(now) {
			return
		}
		if err := s.sweep(ctx, now); err != nil && ctx.Err() == nil {
			failed = now
			s.config.Log.Event(eventlog.SweepFailed, eventlog.F("reason", err))
		}
	}, s.work)
}

// earlier is the earlier of two dates, of which the zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (s *Server) nextExpiry() (at time.Time, ok bool) {
	err := s.store.View(func(tx *store.Tx) error {
		at, ok = tx.NextExpiry()
		return nil
	})
	return at, ok && err == nil
}

// sweep expires what is due at now.
func (s *Server) sweep(ctx context.Context, now time.Time) error {
	ctx = crash.In(ctx, "sweep")
	for {
		var done []lapse
		err := s.store.Update(ctx, func(tx *store.Tx) (err error) {
			done, err = s.expireSome(tx, now)
			return err
		})
		if err != nil {
			return err
		}
		s.stats.expired.Add(uint64(len(done)))
		for _, l := range done {
			s.logExpired(l)
		}
		if len(done) > 0 {
			s.announce()
		}
		if len(done) < sweepBatch {
			return nil
		}
	}
}

// expire returns everything that is past its date to the pool.
func (s *Server) expire(tx *store.Tx, now time.Time) ([]lapse, error) {
	var all []lapse
	for {
		some, err := s.expireSome(tx, now)
		all = append(all, some...)
		if err != nil || len(some) < sweepBatch {
			return all, err
		}
	}
}

// expireSome takes up to sweepBatch rows. In an edition that returns no CAL by itself
// an expired one stays taken (decision L14).
func (s *Server) expireSome(tx *store.Tx, now time.Time) ([]lapse, error) {
	due, err := tx.Due(now, sweepBatch)
	if err != nil || len(due) == 0 {
		return nil, err
	}
	free, err := freeCALs(tx)
	if err != nil {
		return nil, err
	}
	done := make([]lapse, 0, len(due))
	for _, l := range due {
		if l, err = s.end(tx, l); err != nil {
			return nil, err
		}
		if l.Kind == token.CAL && l.State == store.Expired {
			free++
		}
		done = append(done, lapse{l, free})
	}
	return done, nil
}

// end ends a row that is past its date.
func (s *Server) end(tx *store.Tx, l store.License) (store.License, error) {
	if !policy.Returns(l.Kind, &s.config.Edition) {
		return tx.Lapse(l)
	}
	return tx.Retire(l, store.Expired)
}
