// Package policy decides, for a license server, what a request is answered: who
// gets a CAL, a temporary token, a referral or nothing, how long a token lives,
// and which other requests are served.
//
// It is pure. It is told the state of the store, the time where it needs it, and
// a random source; the caller carries the decision out (decide, commit, log,
// reply, in that order). A decision names the rule of the decision table that it
// comes from.
package policy

import (
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// Row is what the store holds for the device that a request is about.
type Row uint8

// The rows, in the order in which they count: a live CAL first, then a live
// temporary token, then an expired one. A closed row counts as none (L26).
const (
	RowNone Row = iota
	RowCAL
	RowTemp
	RowTempExpired
)

// String is the name in the decision table.
func (r Row) String() string { return [...]string{"none", "cal", "temp", "temp-exp"}[r%4] }

// State is what the license server knows when a request comes.
type State struct {
	Activated bool
	// Row is the device's row. CAL rows are looked up by the presented license id,
	// and by hardware id only where LooksUpByHardware says so.
	Row Row
	// Validated: the temporary token that the client presented is marked, here or
	// at its issuer, or a referral says so. Where nobody can be asked it is true:
	// the token was shown to a second connection (L23).
	Validated bool
	// Free: a CAL for this request is in the pool.
	Free bool
	// Peer: another license server in reach is believed to have one.
	Peer bool
}

// Decision is what the license server does about an Allocate.
type Decision struct {
	Rule   string // of part 7a, as "L6"
	Answer tsls.Answer
	// Kind is the kind of token to send, zero when none is.
	Kind token.Kind
	// NewRow: the token is new and gets a row; otherwise the row there is sent
	// again, with a new expiry if Redate is set.
	NewRow, Redate bool
	// CloseTemp: the device's temporary rows are closed (L26).
	CloseTemp bool
	Validated bool // for tsls.Allocated.Validated
	// SameID: the license id to take if it is free again: that of the expired CAL
	// which the device presented. Empty: the lowest (L4).
	SameID string
	Reason string
}
