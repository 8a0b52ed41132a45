// Package edition holds what differs between the editions of the licensing
// system: one table of knobs, with a column for each edition. A Profile is one
// column, in which single knobs may then be turned.
//
// It decides nothing: the packages that decide read a Profile. Nothing belongs
// here that is the same in every edition, and nothing that is not a documented
// or stated choice.
package edition

import (
	"fmt"
	"strings"
)

// Edition is a release of the terminal server and of the license server.
type Edition uint8

// The editions.
const (
	RTM        Edition = iota + 1 // Windows 2000 as released
	SP3                           // Windows 2000 with hotfix Q287687, the rollup package or service pack 3
	Server2003                    // Windows Server 2003
)

// All lists the editions, oldest first.
func All() []Edition { return []Edition{RTM, SP3, Server2003} }

// String is the edition's name as Parse reads it.
func (e Edition) String() string {
	switch e {
	case RTM:
		return "w2k-rtm"
	case SP3:
		return "w2k-sp3"
	case Server2003:
		return "ws2003"
	}
	return fmt.Sprintf("edition(%d)", uint8(e))
}

// Letter is the edition's column in the decision table: R, H or N.
func (e Edition) Letter() string {
	if e < RTM || e > Server2003 {
		return "?"
	}
	return "RHN"[e-1 : e]
}

// Version is the product version that tokens of this edition carry: 5.0 for
// Windows 2000, 5.2 for Windows Server 2003.
func (e Edition) Version() (major, minor uint16) {
	if e == Server2003 {
		return 5, 2
	}
	return 5, 0
}

// ParseEdition reads an edition's name: w2k-rtm (or w2k), w2k-sp3 or ws2003.
func ParseEdition(name string) (Edition, error) {
	switch name {
	case "w2k":
		return RTM, nil
	}
	var names []string
	for _, e := range All() {
		if e.String() == name {
			return e, nil
		}
		names = append(names, e.String())
	}
	return 0, fmt.Errorf("edition %q is not known; it is one of %s", name, strings.Join(names, ", "))
}

// W2K is Windows 2000 as released.
func W2K() Profile { return Of(RTM) }

// W2KSP3 is Windows 2000 with the post-logon issuance and the expiry of CALs.
func W2KSP3() Profile { return Of(SP3) }

// WS2003 is Windows Server 2003.
func WS2003() Profile { return Of(Server2003) }

// Parse makes the profile of a named edition, all knobs at their defaults.
func Parse(name string) (Profile, error) {
	e, err := ParseEdition(name)
	if err != nil {
		return Profile{}, err
	}
	return Of(e), nil
}
