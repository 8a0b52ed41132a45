package policy

import (
	"time"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/tsls"
)

// Before decides what can be decided without a license server: the gate, and the
// rules that consult none. now is the moment of the connection.
//
// A mode that the edition does not have (per user before ws2003, Internet
// Connector from ws2003 on) reads as per device.
func Before(now time.Time, s Server, c Client) Decision {
	sit, out, done := gate(now, s, c)
	switch {
	case done:
		return decided(out)
	case sit.perUser:
		return beforeUser(sit)
	}
	return beforeDevice(sit)
}

// After ends a Decision that asked, with what became of the question. A question
// that no license server answered, or that was answered with something that ends
// nothing (a referral, a refusal to serve this edition), counts as no answer.
func After(d Decision, a Answer) Outcome {
	s := d.sit
	switch {
	case d.Verb != Ask:
		return d.Outcome
	case a.Up && a.Code == tsls.AnswerDenyServed:
		a = Answer{}
	}
	if a.Up {
		s.grace = s.grace.ServerFound(s.server.Profile, a.CALIssuedEver)
		s.calIssued = a.CALIssuedEver
		if s.perUserPack = s.perUser && a.PerUserPack; s.perUserPack {
			s.grace = s.grace.PerUserPackFound(s.server.Profile)
		}
	}
	switch {
	case s.perUser && a.Up:
		return s.userUp(d.Ask, a)
	case s.perUser:
		return s.userDown()
	case a.Up:
		return s.deviceUp(a)
	}
	return s.deviceDown()
}

func decided(out Outcome) Decision {
	if out.Admit {
		return Decision{Verb: Admit, Outcome: out}
	}
	return Decision{Verb: Deny, Outcome: out}
}

// situation is what the gate found, and what After must remember of Before.
type situation struct {
	now    time.Time
	server Server
	client Client
	// ed is the edition whose rules hold: Windows 2000 with the hotfix goes by the
	// rules without it as long as the other end cannot do what the hotfix does.
	ed        edition.Edition
	class     tsls.Class
	grace     Grace   // as it is to be stored if the client is not admitted
	events    []Event // logged whatever comes
	perUser   bool
	noStock   bool // mode invalid: as if no CAL were free anywhere
	calIssued bool
	// perUserPack: per-user mode, and the license server that answered holds such a pack.
	perUserPack bool
}

// running reports whether the grace period covers this connection: it runs, or
// this client would be its first.
func (s *situation) running() bool { return s.grace.State != GraceEnded }

// defaultServer reports whether only the DefaultLicenseServer counts.
func (s *situation) defaultServer() bool {
	return s.server.DefaultLicenseServer && s.ed != edition.Server2003
}

// marks reports whether a temporary token is marked after the logon.
func (s *situation) marks() bool { return s.ed != edition.RTM }

// admit is an outcome that lets the client in without a token. The first client
// that is let in starts the grace period (rule G7).
func (s *situation) admit(rule, reason string) Outcome {
	p := s.server.Profile
	g := s.grace
	if g.State == GraceNotStarted {
		if g = g.Started(p, s.now); s.calIssued {
			g = g.ServerFound(p, true)
		}
		if s.perUserPack {
			g = g.PerUserPackFound(p)
		}
	}
	return Outcome{Rule: rule, Admit: true, Wire: WireOK, Events: s.events, Grace: g, Reason: reason}
}

// graced admits in the running grace period, which no license server is needed for. By
// the letter of KB 326422 (grace_token=ts-temp, C18) it also gives a client that has
// nothing a temporary token, by another rule.
func (s *situation) graced(rule, givingRule string) Outcome {
	out := s.admit(rule, "the grace period covers any client")
	if s.class == tsls.ClassNone && s.server.Profile.GraceToken == edition.TSTemp {
		out.Rule, out.Pushed, out.Wire = givingRule, PushGrace, WireNew
		out.Reason = "the grace period covers any client, with a temporary token of its own"
	}
	return out
}

// admitMarking is admit for a client that keeps an unvalidated temporary token, in
// editions that know marks.
func (s *situation) admitMarking(rule, reason string) Outcome {
	out := s.admit(rule, reason)
	out.Mark = true
	return out
}

// push is an outcome that lets the client in with a token: a new license if it
// had none, else an upgrade.
func (s *situation) push(rule string, token Push, reason string) Outcome {
	out := s.admit(rule, reason)
	out.Pushed, out.Wire = token, WireUpgrade
	if s.class == tsls.ClassNone {
		out.Wire = WireNew
	}
	switch token {
	case PushTemp:
		out.Mark = s.marks()
	case PushCAL, PushCALPeer:
		out.Grace = out.Grace.CALPushed(s.server.Profile)
	}
	return out
}

// pushCAL is push for a CAL from the pool of the license server that was asked,
// or, by another rule, of the one that it referred to.
func (s *situation) pushCAL(rule, referredRule string, a Answer) Outcome {
	if a.Referred {
		return s.push(referredRule, PushCALPeer, "another license server had a CAL free")
	}
	return s.push(rule, PushCAL, "the license server gave a CAL")
}

// deny is an outcome that refuses the client. It starts no grace period.
func (s *situation) deny(rule string, w Wire, reason string, events ...Event) Outcome {
	all := append(append([]Event(nil), s.events...), events...)
	return Outcome{Rule: rule, Wire: w, Events: all, Grace: s.grace, Reason: reason}
}

// denyNoServer refuses for want of a license server: event 1004, and 1000 too
// when the client named its user, unless the knob asks for one of them only.
func (s *situation) denyNoServer(rule string) Outcome {
	events := []Event{EventCannotIssue}
	if s.client.UserNamed {
		switch s.server.Profile.AcquireEvent {
		case edition.AcquireBoth:
			events = append(events, EventUnableToAcquire)
		case edition.Acquire1000:
			events = []Event{EventUnableToAcquire}
		}
	}
	return s.deny(rule, WireNoServer, "no license server answers", events...)
}
