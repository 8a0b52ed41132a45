package ls

import (
	"sync"
	"time"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ls/policy"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
)

// watch guards the pool against a calendar that is set wrong (decision L14): when it
// goes ahead by more than the edition's max_step at once, further than the time that
// has passed explains, nothing returns to the pool. That lasts until the calendar
// goes back, until an administrator confirms it, or until the server is started
// anew. The documents ask for none of it; a wrong clock that handed out CALs which
// are still in use could not be undone.
type watch struct {
	mu       sync.Mutex
	calendar time.Time // believed at the last look
	machine  time.Time // the machine's clock then; elapsed time only
	held     bool
}

// look notes the calendar. held says that it is not believed, turned that this has
// just changed; from is the calendar that was believed.
func (w *watch) look(now time.Time, p *edition.Profile) (held, turned bool, from time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	from = w.calendar
	if !from.IsZero() {
		from = from.Add(time.Since(w.machine))
	}
	was := w.held
	if w.held = policy.StepTooLarge(from, now, p); !w.held {
		w.calendar, w.machine = now, time.Now()
	}
	return w.held, w.held != was, from
}

// believe takes the calendar as it is, and reports whether it was not believed.
func (w *watch) believe(now time.Time) (was bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	was, w.held = w.held, false
	w.calendar, w.machine = now, time.Now()
	return was
}

// held looks at the calendar, and tells when it is no longer believed or again.
func (s *Server) held(now time.Time) bool {
	held, turned, from := s.watch.look(now, &s.config.Edition)
	switch {
	case turned && held:
		s.config.Log.Event(eventlog.SweepHeld, eventlog.F("from", from), eventlog.F("to", now))
	case turned:
		s.config.Log.Event(eventlog.SweepResumed, eventlog.F("reason", "the calendar is where it was expected"))
		s.changed()
	}
	return held
}

// ConfirmClock says that the calendar is right, however far it went at once: what has
// ended returns to the pool. It reports whether that was in doubt.
func (s *Server) ConfirmClock() bool {
	doubted := s.watch.believe(s.config.Clock.Now())
	if doubted {
		s.config.Log.Event(eventlog.SweepResumed, eventlog.F("reason", "an administrator confirmed the calendar"))
		s.changed()
	}
	return doubted
}

// expireOwn ends what the device that asks holds itself and is past its date: it is
// here, and cannot lose by that.
func (s *Server) expireOwn(tx *store.Tx, device hwid.ID, now time.Time) (done []lapse, err error) {
	for _, kind := range []token.Kind{token.CAL, token.Temporary} {
		l, ok, err := tx.Device(device, kind)
		if err != nil {
			return done, err
		}
		if !ok || l.State != store.Live || !policy.Expired(l.Expires, now) {
			continue
		}
		if l, err = s.end(tx, l); err != nil {
			return done, err
		}
		free, err := freeCALs(tx)
		if err != nil {
			return done, err
		}
		done = append(done, lapse{l, free})
	}
	return done, nil
}
