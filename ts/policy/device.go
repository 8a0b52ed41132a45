package policy

import (
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/tsls"
)

// beforeDevice decides per device as far as the token alone decides (M1 to M5).
func beforeDevice(s situation) Decision {
	if s.ed == edition.RTM && s.class == tsls.ClassPermExpired {
		s.class = tsls.ClassNone
	}
	switch s.class {
	case tsls.ClassCorrupt:
		return decided(s.deny("M1", WireBadLicense, "the client's license is broken", EventInvalidLicense))
	case tsls.ClassHardwareMismatch:
		return decided(s.deny("M2", WireHardwareID, "the client's license is another device's", EventCannotIssue))
	case tsls.ClassPermFresh:
		return decided(s.admit("M3", "valid CAL"))
	case tsls.ClassPermNear:
		if s.ed == edition.RTM {
			return decided(s.admit("M9", "valid CAL; the license server does not renew"))
		}
	case tsls.ClassBuiltIn:
		if s.client.OS == OSProfessional {
			return decided(s.admit("M4", "built-in token"))
		}
		return decided(s.admit("M5", "built-in token"))
	}
	return Decision{Verb: Ask, Ask: s.question(), sit: s}
}

// question is what a device's token, or the lack of one, makes the terminal server
// ask (part 7a, first paragraph).
func (s *situation) question() Question {
	q := Question{Presented: s.class, Mode: ModeDevice.String(), Request: tsls.RequestTemp}
	if s.noStock {
		q.Mode = ModeInvalid.String()
	}
	p := s.server.Profile
	pro := s.client.OS == OSProfessional && s.ed != edition.Server2003
	none := s.class == tsls.ClassNone
	switch {
	case s.class == tsls.ClassPermNear:
		q.Request = tsls.RequestRenew
	case pro && p.BuiltinPool && (!none || p.BuiltinFirst == edition.BuiltinAtOnce):
		q.Request = tsls.RequestBuiltIn
	case !none || s.calFirst():
		q.Request = tsls.RequestCAL
	}
	q.AtIssuer = (s.class == tsls.ClassPermNear || s.class == tsls.ClassPermExpired) && p.RenewAt == edition.RenewAtIssuer
	return q
}

// calFirst reports whether a device without a token is given a CAL at once: by the
// knob, and where the other end knows no marks, without which a temporary token
// would never become a CAL.
func (s *situation) calFirst() bool {
	p := s.server.Profile
	return p.FirstIssue == edition.FirstCAL || s.ed != p.Edition
}

// deviceUp ends a connection per device by the license server's answer.
func (s *situation) deviceUp(a Answer) Outcome {
	switch s.class {
	case tsls.ClassPermNear:
		return s.nearUp(a)
	case tsls.ClassPermExpired:
		return s.expiredUp(a)
	case tsls.ClassTemporary:
		return s.temporaryUp(a)
	case tsls.ClassTemporaryExpired:
		return s.temporaryExpiredUp(a)
	}
	return s.noneUp(a)
}

// nearUp: the CAL is near its expiry, and works whatever the answer.
func (s *situation) nearUp(a Answer) Outcome {
	switch a.Code {
	case tsls.AnswerCALRenew:
		return s.push("M6", PushCALRenew, "the CAL was renewed")
	case tsls.AnswerCALTake, tsls.AnswerCALOwn:
		return s.pushCAL("M7", "M8", a)
	}
	return s.admit("M9", "valid CAL; there was none to renew it with")
}

// expiredUp: the CAL has expired.
func (s *situation) expiredUp(a Answer) Outcome {
	switch a.Code {
	case tsls.AnswerBuiltIn:
		return s.push("M11a", PushBuiltIn, "the device draws on the built-in pool")
	case tsls.AnswerCALTake, tsls.AnswerCALOwn:
		return s.pushCAL("M11", "M12", a)
	case tsls.AnswerTempNew, tsls.AnswerTempRow:
		return s.push("M14", PushTemp, "no CAL was free, the device has a temporary token")
	case tsls.AnswerRefer:
		return s.deviceDown()
	}
	switch {
	case a.Code == tsls.AnswerDenyEmpty && !s.running():
		return s.deny("M14d", WireCannotUpgrade, "the default license server has no CAL", EventCannotIssue)
	case a.Code == tsls.AnswerDenyEmpty:
		return s.admit("M13a", "the default license server has no CAL; the grace period covers it")
	case s.running():
		return s.admit("M13", "the CAL has expired; the grace period covers it")
	case s.ed == edition.Server2003:
		return s.deny("M14b", WireCannotUpgrade, "the CAL has expired and none is free", EventRenewalImpossible)
	}
	return s.deny("M14a", WireCannotUpgrade, "the CAL has expired and none is free", EventCannotIssue)
}

// temporaryUp: the temporary token is valid, so the client gets in.
func (s *situation) temporaryUp(a Answer) Outcome {
	switch a.Code {
	case tsls.AnswerBuiltIn:
		return s.push("M17", PushBuiltIn, "the device draws on the built-in pool")
	case tsls.AnswerCALTake, tsls.AnswerCALOwn:
		if s.ed == edition.RTM {
			return s.pushCAL("M18", "M20", a)
		}
		return s.pushCAL("M19", "M20", a)
	}
	switch {
	case s.ed != edition.RTM && !a.Validated:
		return s.admitMarking("M21", "temporary token, not yet validated by a logon")
	case a.Activated:
		return s.admit("M22", "temporary token; no CAL is free")
	}
	return s.admit("M23", "temporary token; the license server is not activated")
}

// temporaryExpiredUp: the temporary token has had its time.
func (s *situation) temporaryExpiredUp(a Answer) Outcome {
	switch a.Code {
	case tsls.AnswerBuiltIn:
		return s.push("M17", PushBuiltIn, "the device draws on the built-in pool")
	case tsls.AnswerCALTake, tsls.AnswerCALOwn:
		if s.ed == edition.RTM || a.Validated {
			return s.pushCAL("M25", "M27", a)
		}
		return s.pushCAL("M26", "M27", a)
	case tsls.AnswerRefer:
		return s.deviceDown()
	}
	switch {
	case s.running():
		return s.admit("M28", "the temporary token has expired; the grace period covers it")
	case a.Activated:
		return s.deny("M29", WireNoLicense, "the temporary token has expired and no CAL is free", EventTemporaryExpired)
	}
	return s.deny("M30", WireNoLicense, "the temporary token has expired and the license server is not activated", EventTemporaryExpired)
}

// noneUp: the client has nothing.
func (s *situation) noneUp(a Answer) Outcome {
	rtm := s.ed == edition.RTM
	switch a.Code {
	case tsls.AnswerBuiltIn:
		if rtm {
			return s.push("M39", PushBuiltIn, "the device draws on the built-in pool")
		}
		return s.push("M40", PushBuiltIn, "the device draws on the built-in pool")
	case tsls.AnswerCALOwn:
		return s.push("M41", PushCAL, "the device's own CAL is sent again")
	case tsls.AnswerCALTake:
		switch cal := s.calFirst(); {
		case rtm && cal:
			return s.pushCAL("M43", "M44", a)
		case rtm:
			return s.pushCAL("M43b", "M44b", a)
		case cal:
			return s.pushCAL("M43a", "M44a", a)
		}
		return s.pushCAL("M42a", "M42b", a)
	case tsls.AnswerTempRow:
		if !rtm {
			return s.push("M41a", PushTemp, "the device's temporary token is sent again")
		}
		return s.noneTemporary(a)
	case tsls.AnswerTempNew:
		return s.noneTemporary(a)
	case tsls.AnswerDenyEmpty:
		if s.running() {
			return s.admit("M35a", "the default license server has no CAL; the grace period covers any client")
		}
		return s.deny("M35", WireNoLicense, "the default license server has no CAL", EventCannotIssue)
	case tsls.AnswerDenyExpired:
		if s.running() {
			return s.admit("M42c", "the device's temporary token has expired; the grace period covers it")
		}
		return s.deny("M42", WireNoLicense, "the device had its temporary token, and no CAL is free", EventTemporaryExpired)
	}
	return s.deviceDown()
}

// noneTemporary: the client has nothing and is given a temporary token.
func (s *situation) noneTemporary(a Answer) Outcome {
	rule := "M48"
	switch {
	case a.Activated && s.ed == edition.RTM && s.calFirst():
		rule = "M45"
	case a.Activated && s.ed == edition.RTM:
		rule = "M45a"
	case a.Activated && s.ed == edition.SP3:
		rule = "M46"
	case a.Activated:
		rule = "M47"
	case s.defaultServer():
		rule = "M36"
	}
	return s.push(rule, PushTemp, "the device is given a temporary token")
}

// deviceDown ends a connection per device when no license server answers.
func (s *situation) deviceDown() Outcome {
	// A DefaultLicenseServer that is silent refuses, by one reading of the white
	// paper, in the grace period too.
	strict := s.defaultServer() && s.server.Profile.DLSBeatsGrace
	switch s.class {
	case tsls.ClassPermNear:
		return s.admit("M10", "valid CAL; no license server answers to renew it")
	case tsls.ClassTemporary:
		return s.admit("M24", "temporary token; no license server answers")
	case tsls.ClassPermExpired:
		return s.expiredDown(strict)
	case tsls.ClassTemporaryExpired:
		return s.temporaryExpiredDown(strict)
	}
	switch {
	case s.running() && !s.defaultServer():
		return s.graced("M37", "M37t")
	case s.running() && !strict:
		return s.graced("M34", "M34t")
	case s.running():
		return s.denyNoServer("M34b")
	case s.defaultServer():
		return s.denyNoServer("M33")
	}
	return s.denyNoServer("M38")
}

func (s *situation) expiredDown(strict bool) Outcome {
	switch {
	case s.running() && strict:
		return s.denyNoServer("M34d")
	case s.running():
		return s.admit("M13", "the CAL has expired; the grace period covers it")
	case s.ed == edition.Server2003:
		return s.deny("M15a", WireNoServer, "the CAL has expired and no license server answers", EventRenewalImpossible)
	}
	return s.denyNoServer("M15")
}

func (s *situation) temporaryExpiredDown(strict bool) Outcome {
	const covered = "the temporary token has expired; the grace period covers it"
	const refused = "the temporary token has expired and no license server answers"
	switch {
	case !s.running():
		return s.deny("M32", WireNoServer, refused, EventTemporaryExpired)
	case !s.defaultServer():
		return s.admit("M31", covered)
	case !strict:
		return s.admit("M34", covered)
	}
	return s.deny("M34c", WireNoServer, refused, EventTemporaryExpired)
}
