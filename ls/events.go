package ls

import (
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// rowFields say what a row is about.
func rowFields(l store.License) []eventlog.Field {
	expires := eventlog.F("expires", l.Expires)
	if l.Expires.IsZero() {
		expires.Value = "never"
	}
	return []eventlog.Field{
		eventlog.F("kind", l.Kind), eventlog.F("license_id", l.ID), eventlog.F("device", l.Machine),
		eventlog.F("hardware_id", l.HardwareID), eventlog.F("user", l.User), expires,
	}
}

func (s *Server) logExpired(l lapse) {
	s.config.Log.Event(eventlog.TokenExpired, append(rowFields(l.license), eventlog.F("free", l.free))...)
}

// log tells what was done for an Allocate, once it is on the disk.
func (a *allocation) log(peer transport.Peer) {
	s, answer := a.server, a.decision.Answer
	fields := []eventlog.Field{
		eventlog.F("answer", answer), eventlog.F("rule", a.decision.Rule), eventlog.F("request", a.req.Request),
		eventlog.F("presented", a.req.Presented), eventlog.F("termsrv", peer.Hello.Name),
	}
	if a.row.Number != 0 {
		fields = append(fields, rowFields(a.row)...)
		fields = append(fields, eventlog.F("free", a.free), eventlog.F("pack", a.pack.ID))
		if countsAsIssue(answer) {
			s.stats.issued.Add(1)
		}
	} else {
		fields = append(fields, eventlog.F("device", a.req.Machine), eventlog.F("hardware_id", a.req.HardwareID),
			eventlog.F("user", a.req.User), eventlog.F("reason", a.decision.Reason))
	}
	if answer == tsls.AnswerRefer {
		fields = append(fields, eventlog.F("server", servers(a.referrals)))
	}
	if answer.Denies() {
		s.stats.denied.Add(1)
	}
	s.config.Log.Event(a.kind(), append(fields, eventlog.F("from", from(a.req.Presented)))...)
}

// from is what a device had before, as an administrator calls it.
func from(c tsls.Class) string {
	switch c {
	case tsls.ClassTemporary:
		return token.Temporary.String()
	case tsls.ClassTemporaryExpired:
		return "expired " + token.Temporary.String()
	}
	return c.String()
}

func countsAsIssue(answer tsls.Answer) bool {
	return answer.Issues() && answer != tsls.AnswerCALOwn && answer != tsls.AnswerTempRow
}

// kind is the event that the answer is told as.
func (a *allocation) kind() eventlog.Kind {
	switch a.decision.Answer {
	case tsls.AnswerCALTake, tsls.AnswerBuiltIn:
		if a.req.Presented == tsls.ClassTemporary || a.req.Presented == tsls.ClassTemporaryExpired {
			return eventlog.TokenUpgraded
		}
		return eventlog.TokenIssued
	case tsls.AnswerTempNew:
		return eventlog.TokenIssued
	case tsls.AnswerCALRenew:
		return eventlog.TokenRenewed
	case tsls.AnswerCALOwn, tsls.AnswerTempRow:
		return eventlog.TokenResent
	case tsls.AnswerRefer:
		return eventlog.RequestReferred
	case tsls.AnswerKeep:
		return eventlog.RequestKept
	}
	return eventlog.TokenRefused
}
