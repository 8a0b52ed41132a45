package policy

import (
	"time"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/tsls"
)

// Gated reports that Before decides without looking at any token, by part 3 of the
// decision table: in remote administration and in Internet Connector mode. A server
// leaves out the exchange of licenses that nobody will read.
func Gated(s Server) bool {
	return s.Mode == ModeAdmin || s.Mode == ModeInternetConnector && s.Profile.InternetConnector
}

// gate is part 3 of the decision table; ok is set when the decision ends there.
func gate(now time.Time, s Server, c Client) (sit situation, out Outcome, ok bool) {
	sit = situation{now: now, server: s, client: c, ed: effective(s), class: c.Class, grace: s.Grace}
	mode := s.Mode
	if Gated(s) {
		if mode == ModeAdmin {
			return sit, sit.gateAdmit("G1", "remote administration is not licensed"), true
		}
		return sit, sit.connector(), true
	}
	if sit.grace.Overdue(now) { // G8
		var duties []Duty
		sit.grace, duties = sit.grace.Due(s.Profile, now)
		for _, d := range duties {
			sit.events = append(sit.events, d.Event)
		}
	}
	if s.Profile.Edition == edition.Server2003 {
		sit.perUser = mode == ModeUser                                                      // G5
		sit.noStock = mode == ModeInvalid && s.Profile.ModeInvalid != edition.InvalidDevice // G6, G6a
	}
	return sit, Outcome{}, false
}

// effective is the edition whose rules hold between the two servers.
func effective(s Server) edition.Edition {
	if s.Profile.Edition == edition.SP3 && !s.Features.Has(tsls.FeatureMark) {
		return edition.RTM
	}
	return s.Profile.Edition
}

// connector is the gate in Internet Connector mode: no token counts, no license
// server is asked.
func (s *situation) connector() Outcome {
	switch {
	case s.server.InternetUserBroken:
		return s.deny("G4", WireLogonFailure, "TSInternetUser cannot log on", EventInternetUser)
	case s.server.Sessions >= s.server.Profile.ICLimit:
		return s.deny("G3", WireNoLicense, "all sessions of the Internet Connector license are in use", EventLab)
	}
	out := s.gateAdmit("G2", "Internet Connector session")
	out.AsInternetUser = true
	return out
}

// gateAdmit admits without touching the grace period.
func (s *situation) gateAdmit(rule, reason string) Outcome {
	return Outcome{Rule: rule, Admit: true, Wire: WireOK, Grace: s.grace, Reason: reason}
}
