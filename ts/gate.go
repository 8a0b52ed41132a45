package ts

import (
	"context"
	"slices"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/tsls"
)

// errInfoNoRemote is that the server is not licensed to accept remote connections,
// MS-RDPBCGR 2.2.5.1.1: there is no session free for remote administration.
const errInfoNoRemote = 0x10A

// gate ends the licensing phase of a mode in which no token is looked at and no
// license server is asked. How many sit is read, and a seat taken, in one step.
func (x *exchange) gate(ctx context.Context) (*licensed, error) {
	s := x.server
	now := s.config.Clock.Now()
	facts := s.facts(x.setup)
	facts.InternetUserBroken = !s.connector.works()
	var d policy.Decision
	full := false
	s.seats.take(x.conn, func(taken int) bool {
		facts.Sessions = taken
		d = policy.Before(now, facts, x.client(tsls.ClassNone))
		full = x.setup.mode == policy.ModeAdmin && taken >= adminSessions
		return d.Verb == policy.Admit && !full
	})
	if slices.Contains(d.Outcome.Events, policy.EventInternetUser) && !s.connector.failed(now) {
		d.Outcome.Events = nil // of this incident it is written already
	}
	l, err := x.finish(ctx, d, policy.Classified{Class: tsls.ClassNone})
	if l != nil {
		l.full = full
	}
	return l, err
}

// sendAway tells a client that there is no session free for it.
func (s *Server) sendAway(conn *rdpconn.Conn, l *licensed) error {
	s.config.Events.Event(eventlog.SessionRefused, eventlog.F("device", l.machine), eventlog.F("sessions", adminSessions))
	if !conn.SupportsErrorInfo() {
		return nil
	}
	return conn.SetErrorInfo(errInfoNoRemote)
}
