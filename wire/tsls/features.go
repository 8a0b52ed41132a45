package tsls

import (
	"fmt"
	"strings"

	"github.com/tslab/tslab/internal/edition"
)

// Features is a set of what a program can do beyond the plain protocol. What two
// programs do together is the intersection of what both announce.
type Features uint32

// The features. Bits that a program does not know are carried and mean nothing to it.
const (
	// FeatureMark: temporary tokens are marked validated after a logon ([Mark]).
	FeatureMark Features = 1 << iota
	// FeatureExpiry: permanent tokens are stamped with an expiry date and renewed.
	FeatureExpiry
	// FeatureReferral: a license server that answers [Inquire], [Close] and [Peers].
	FeatureReferral
)

// Announced is what a terminal server or a license server of an edition announces.
func Announced(e edition.Edition) Features {
	if e == edition.RTM {
		return 0
	}
	return FeatureMark | FeatureExpiry
}

// Has reports whether all of the features in f are there.
func (s Features) Has(f Features) bool { return s&f == f }

// String lists the names, `mark,expiry,referral`; unknown bits in hexadecimal.
func (s Features) String() string {
	var names []string
	for _, f := range []struct {
		bit  Features
		name string
	}{{FeatureMark, "mark"}, {FeatureExpiry, "expiry"}, {FeatureReferral, "referral"}} {
		if s.Has(f.bit) {
			names = append(names, f.name)
			s &^= f.bit
		}
	}
	if s != 0 {
		names = append(names, fmt.Sprintf("0x%x", uint32(s)))
	}
	return strings.Join(names, ",")
}
