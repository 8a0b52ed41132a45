package policy

import (
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/tsls"
)

// beforeUser decides in per-user mode as far as the token alone decides, part 6 of
// the decision table.
func beforeUser(s situation) Decision {
	refuses := s.server.Profile.PerUserBadBlob == edition.BlobDeny
	switch s.class {
	case tsls.ClassCorrupt:
		if refuses {
			return decided(s.deny("U1b", WireBadLicense, "the client's license is broken", EventInvalidLicense))
		}
		s.events = append(s.events, EventInvalidLicense) // U1
		s.class = tsls.ClassNone
	case tsls.ClassHardwareMismatch:
		if refuses {
			return decided(s.deny("U1c", WireHardwareID, "the client's license is another device's", EventCannotIssue))
		}
		s.class = tsls.ClassNone // U1a
	case tsls.ClassPermFresh, tsls.ClassPermNear, tsls.ClassPermExpired:
		return decided(s.admit("U7", "the device has a CAL of its own"))
	}
	q := Question{Ping: true}
	if s.class == tsls.ClassNone && s.server.Profile.PerUserTemp {
		q = Question{Request: tsls.RequestTemp, Presented: s.class, Mode: ModeUser.String()}
	}
	return Decision{Verb: Ask, Ask: q, sit: s}
}

// userUp: per-user licenses are not counted, so that whoever comes is admitted
// while a license server answers.
func (s *situation) userUp(q Question, a Answer) Outcome {
	switch {
	case s.class != tsls.ClassNone:
		return s.admitMarking("U4", "per-user mode does not enforce; the temporary token is not upgraded")
	case q.Ping:
		return s.admit("U2a", "per-user mode gives no token")
	case a.Code == tsls.AnswerTempNew || a.Code == tsls.AnswerTempRow:
		return s.push("U2", PushTemp, "the device is given a temporary token")
	}
	return s.admit("U2b", "per-user mode does not enforce; the device had its temporary token")
}

// userDown: without a license server the grace period decides.
func (s *situation) userDown() Outcome {
	switch {
	case s.class == tsls.ClassTemporary:
		return s.admit("U5", "temporary token; no license server answers")
	case s.class == tsls.ClassTemporaryExpired && s.running():
		return s.admit("U6", "the grace period covers any client")
	case s.class == tsls.ClassTemporaryExpired:
		return s.deny("U7b", WireNoServer, "the temporary token has expired and no license server answers", EventTemporaryExpired)
	case s.running() && s.server.Profile.PerUserTemp:
		return s.graced("U3", "U3t")
	case s.running():
		return s.admit("U3", "the grace period covers any client")
	}
	return s.denyNoServer("U7a")
}
