package policy

import (
	"fmt"
	"time"

	"github.com/tslab/tslab/internal/edition"
)

// GraceState says where the licensing grace period stands.
type GraceState uint8

// The states, passed through in this order and never backwards.
const (
	GraceNotStarted GraceState = iota
	GraceRunning
	GraceEnded
)

// String is the state's name.
func (s GraceState) String() string {
	return [...]string{"not-started", "running", "ended"}[s%3]
}

// MarshalText is String.
func (s GraceState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what String wrote.
func (s *GraceState) UnmarshalText(text []byte) error {
	for v := GraceNotStarted; v <= GraceEnded; v++ {
		if v.String() == string(text) {
			*s = v
			return nil
		}
	}
	return fmt.Errorf("grace state %q is not known; it is not-started, running or ended", text)
}

// GraceReason says what ended the grace period.
type GraceReason string

// The reasons.
const (
	GraceLSContact GraceReason = "ls-contact" // a license server was found while it ran
	GraceForfeited GraceReason = "forfeited"  // a license server was there from the start
	GraceCAL       GraceReason = "cal"        // the license server issued its first permanent CAL
	GraceExpired   GraceReason = "expired"    // its days are over
)

// Grace is the licensing grace period of a terminal server, part 9 of the decision
// table. It is a value: its methods return the next one, to be stored before
// anything is done about it. Nothing is ever computed anew from the clock: a clock
// that is set back moves no date and ends nothing that has ended. The zero Grace
// is that of a new installation.
type Grace struct {
	State  GraceState  `json:"state"`
	Start  time.Time   `json:"start,omitzero"`
	End    time.Time   `json:"end,omitzero"`
	Reason GraceReason `json:"reason,omitempty"`
	// Warned is the due moment of the last event 1009, Logged that of the last 1008.
	Warned time.Time `json:"warned,omitzero"`
	Logged time.Time `json:"logged,omitzero"`
}

// Duty is an event that the calendar brings, with the moment when it was due.
type Duty struct {
	Event Event
	At    time.Time
	End   time.Time // of the grace period: the insert of event 1009
}

const day = 24 * time.Hour

// Started begins the period, if it has not begun: a client was accepted (rule G7)
// or, with grace_start=boot, the service came up.
func (g Grace) Started(p *edition.Profile, now time.Time) Grace {
	if g.State != GraceNotStarted {
		return g
	}
	return Grace{State: GraceRunning, Start: now, End: now.Add(time.Duration(p.GraceDays) * day)}
}

// ServiceStarted is called when the terminal server comes up: it starts the period
// where the edition's knob says so, and logs 1008 again, at most once a day, where
// the period has expired (rule S10).
func (g Grace) ServiceStarted(p *edition.Profile, now time.Time) (Grace, []Duty) {
	if p.GraceStart == edition.Boot {
		g = g.Started(p, now)
	}
	if g.State == GraceEnded && g.Reason == GraceExpired && !now.Before(g.Logged.Add(day)) {
		g.Logged = now
		return g, []Duty{{EventGraceExpired, now, g.End}}
	}
	return g, nil
}

// ServerFound is called when discovery finds a license server, and at every answer
// and ping: calIssued is its ServerInfo.CALIssuedEver. Windows 2000 ends the
// period at any contact, 2003 at the license server's first permanent CAL (rules
// S1, S1a, S3, S6, S6a).
func (g Grace) ServerFound(p *edition.Profile, calIssued bool) Grace {
	switch {
	case g.State == GraceEnded:
	case p.GraceEnd == edition.FirstLSContact && g.State == GraceNotStarted:
		return g.ended(GraceForfeited)
	case p.GraceEnd == edition.FirstLSContact:
		return g.ended(GraceLSContact)
	case g.State == GraceRunning && calIssued && p.GraceEndScope != edition.ScopeTS:
		return g.ended(GraceCAL)
	}
	return g
}

// CALPushed is called when this terminal server pushes a permanent CAL (rule S3
// with grace_end_scope=ts; in the other scope ServerFound has done it).
func (g Grace) CALPushed(p *edition.Profile) Grace {
	if g.State == GraceRunning && p.GraceEnd == edition.FirstPermanentCAL {
		return g.ended(GraceCAL)
	}
	return g
}

// PerUserPackFound is called in per-user mode when an activated license server
// holds a Per User pack (rule S3a).
func (g Grace) PerUserPackFound(p *edition.Profile) Grace {
	if g.State == GraceRunning && p.PerUserEndsGrace {
		return g.ended(GraceCAL)
	}
	return g
}

func (g Grace) ended(why GraceReason) Grace {
	g.State, g.Reason = GraceEnded, why
	return g
}

// Overdue reports a running period whose days are over.
func (g Grace) Overdue(now time.Time) bool {
	return g.State == GraceRunning && !now.Before(g.End)
}

// NextDue is the next moment at which Due has something to do after the duties
// that are done; the zero time if there is none.
func (g Grace) NextDue(p *edition.Profile) time.Time {
	if g.State != GraceRunning {
		return time.Time{}
	}
	if warn := g.firstWarning(p); g.Warned.Before(warn) {
		return warn
	}
	if next := g.Warned.Add(day); next.Before(g.End) {
		return next
	}
	return g.End
}

// firstWarning is the moment of the first 1009. The warnings come at the hour at
// which the period began, so the last is a day before its end.
func (g Grace) firstWarning(p *edition.Profile) time.Time {
	days := min(p.WarnDays, p.GraceDays)
	return g.End.Add(-time.Duration(days) * day)
}

// Due does what is due by now: event 1009 on each of the last days (rule S4), the
// end of the period with event 1008 (S5). A server that slept through several
// warnings writes the latest; a clock set back repeats none (S9).
func (g Grace) Due(p *edition.Profile, now time.Time) (Grace, []Duty) {
	if g.Overdue(now) {
		g = g.ended(GraceExpired)
		g.Logged = now
		return g, []Duty{{EventGraceExpired, g.End, g.End}}
	}
	next := g.NextDue(p)
	if next.IsZero() || now.Before(next) || !next.Before(g.End) {
		return g, nil
	}
	at := next.Add(now.Sub(next) / day * day)
	g.Warned = at
	return g, []Duty{{EventGraceExpiring, at, g.End}}
}
