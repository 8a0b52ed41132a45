// Package policy decides, for a terminal server, who is admitted: the gate that
// looks at the server alone, the class of the token that a client presents, the
// rules for devices and for users, the grace period and the Internet Connector.
//
// It is pure. It is told the time, asks nobody and stores nothing. A connection
// calls it twice:
//
//	c.Class = policy.Classify(&profile, now, evidence).Class
//	d := policy.Before(now, server, client)
//	if d.Verb == policy.Ask {
//	        ... ask a license server for d.Ask ...
//	        outcome = policy.After(d, answer)
//	} else {
//	        outcome = d.Outcome
//	}
//
// and then carries the outcome out: stores outcome.Grace, logs outcome.Events,
// pushes the token that the license server sent, answers outcome.Wire, and after a
// successful logon sends the mark if outcome.Mark says so.
//
// An outcome names the rule of the decision table that it comes from
// (internal/rules explains them).
package policy

import (
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/tsls"
)

// Mode is what a terminal server licenses.
type Mode uint8

// The modes.
const (
	ModeDevice            Mode = iota // application server, a CAL for each device
	ModeUser                          // application server, per user (ws2003)
	ModeInvalid                       // application server whose mode setting is broken (ws2003)
	ModeInternetConnector             // anonymous sessions under one Internet Connector license (w2k)
	ModeAdmin                         // remote administration, not licensed
)

// String is the mode as tsls.Allocate and the decision table name it.
func (m Mode) String() string {
	switch m {
	case ModeDevice:
		return "device"
	case ModeUser:
		return "user"
	case ModeInvalid:
		return "invalid"
	case ModeInternetConnector:
		return "ic"
	}
	return "admin"
}

// OS is what the rules want to know of a client's operating system.
type OS uint8

// The operating systems.
const (
	OSOther        OS = iota // any other Windows
	OSProfessional           // Windows 2000 Professional or a successor
	OSMacintosh
)

// String is the name in the decision table.
func (o OS) String() string {
	switch o {
	case OSProfessional:
		return "pro"
	case OSMacintosh:
		return "mac"
	}
	return "oth"
}

// Server is the terminal server at the moment when a client comes.
type Server struct {
	Profile *edition.Profile
	Mode    Mode
	Grace   Grace
	// Features is what the terminal server and the license server that it would
	// ask can do together; while no license server was ever heard, the terminal
	// server's own ([tsls.Announced]).
	Features tsls.Features
	// DefaultLicenseServer is set when the registry names the license server.
	DefaultLicenseServer bool
	// InternetUserBroken and Sessions matter in Internet Connector mode only:
	// TSInternetUser cannot log on; live sessions without the new one.
	InternetUserBroken bool
	Sessions           int
}

// Client is the client that comes.
type Client struct {
	Class tsls.Class
	OS    OS
	// UserNamed is set when the Client Info PDU carries a user name: then event
	// 1000 can say whose license could not be had.
	UserNamed bool
}

// Verb is what Before wants done.
type Verb uint8

// The verbs.
const (
	Admit Verb = iota // the outcome stands: let the client in
	Deny              // the outcome stands: refuse the client
	Ask               // a license server must be asked first
)

// String is admit, deny or ask.
func (v Verb) String() string { return [...]string{"admit", "deny", "ask"}[v%3] }

// Question is what a license server is to be asked.
type Question struct {
	// Ping asks for nothing: it only matters whether the license server is there.
	// The fields below are for an Allocate, and meaningless in a ping.
	Ping      bool
	Request   tsls.Request
	Presented tsls.Class
	Mode      string // for tsls.Allocate.Mode
	// AtIssuer: the license server that issued the presented CAL is to be asked,
	// if the catalog has it and it answers; otherwise the one in use.
	AtIssuer bool
}

// Decision is what Before came to.
type Decision struct {
	Verb    Verb
	Ask     Question // when Verb is Ask
	Outcome Outcome  // otherwise

	sit situation
}

// Answer is what became of a Question. The zero Answer is that no license server
// answered.
type Answer struct {
	Up            bool        // a license server answered
	Code          tsls.Answer // to an Allocate
	Activated     bool        // as its ServerInfo says
	Validated     bool        // tsls.Allocated.Validated
	CALIssuedEver bool        // tsls.Allocated.CALIssuedEver, or ServerInfo's
	PerUserPack   bool        // it is activated and holds a key pack of Per User licenses
	// Referred: the Code came from a license server that the first one named
	// (AnswerRefer). When its list is used up, the final answer of the first one
	// counts, which is not a referral.
	Referred bool
}

// Outcome is how a connection's licensing ends.
type Outcome struct {
	Rule   string // of the decision table, as "M46"
	Admit  bool
	Pushed Push
	Mark   bool // send tsls.Mark after the successful logon
	Events []Event
	Wire   Wire
	// Grace is the state to store, the same as before if nothing changed; it must
	// be stored before the client hears its answer.
	Grace Grace
	// AsInternetUser: the session is TSInternetUser's, whoever wants to log on.
	AsInternetUser bool
	Reason         string // a sentence for a log
}

// Push is the kind of token that the client is sent.
type Push uint8

// What may be pushed.
const (
	PushNone     Push = iota
	PushTemp          // a temporary token, new or again
	PushCAL           // a CAL, taken now or the device's own
	PushCALRenew      // the presented CAL with a new expiry
	PushCALPeer       // a CAL of the license server that was referred to
	PushBuiltIn       // a token of the built-in pool
	PushGrace         // a temporary token that the terminal server signs itself (grace_token=ts-temp)
)

// String is the name in the decision table.
func (p Push) String() string {
	return [...]string{"none", "temp", "cal", "cal-renew", "cal-peer", "built-in", "ts-temp"}[p%7]
}
