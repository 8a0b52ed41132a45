package store

import (
	"time"

	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
)

// State is where an issued license is in its life.
type State uint8

// The states. A live row of a device and kind is the only one.
const (
	Live       State = iota // on its device; counts against its key pack
	Expired                 // past its date; a CAL has gone back to the pool
	Returned                // given back before its date
	Closed                  // replaced: a temporary token whose device got a CAL
	Superseded              // lost by its device, which got another; counts against its key pack
)

var stateNames = [...]string{"active", "expired", "returned", "closed", "superseded"}

// Counts reports whether a row in the state takes a license away from its key pack.
func (s State) Counts() bool { return s == Live || s == Superseded }

// String is the state's name in reports.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// License is one row: who was given what, when, until when.
type License struct {
	Number     uint32     // the store's own, in order of issue; 0 until issued
	ID         string     // license id, "LAB-..."; made from Number unless the row came from elsewhere
	Kind       token.Kind // as its key pack's
	Pack       uint32     // Pack.Number
	HardwareID hwid.ID
	Machine    string
	User       string
	Issued     time.Time
	Expires    time.Time // zero: never
	State      State
	Validated  bool   // a temporary token that was seen at a successful logon
	Renewals   uint32 // how often the expiry was drawn anew
	Issuer     string // of a row that another server issued (decision L11), else empty
}

// Over reports whether the license is past its date at now. On the second itself it
// is still good, as notAfter is.
func (l License) Over(now time.Time) bool { return !l.Expires.IsZero() && now.After(l.Expires) }

// Pack is a key pack: a number of licenses of one kind.
type Pack struct {
	Number    uint32 // the store's own; 0 until installed
	ID        string // key pack id
	Kind      token.Kind
	Product   string
	Major     uint16 // product version
	Minor     uint16
	Program   string // how it was bought
	Unlimited bool   // the pools of temporary and built-in licenses
	Total     uint32
	Issued    uint32 // licenses away now
	Installed time.Time
}

// Free is how many licenses the pack has left to give.
func (p Pack) Free() uint32 {
	switch {
	case p.Unlimited:
		return ^uint32(0)
	case p.Issued >= p.Total:
		return 0
	}
	return p.Total - p.Issued
}
