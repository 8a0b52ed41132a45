package policy

import (
	"errors"
	"time"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// Evidence is what a client presented, and what the terminal server knows of it.
type Evidence struct {
	// Presented: LICENSE_INFO with a blob that is not empty. NEW_LICENSE_REQUEST and
	// an empty blob present nothing.
	Presented bool
	// Err is the error of token.Parse or of Token.Verify, nil if both are content.
	// A *token.VerifyError of token.CheckRoot does not count as a broken token: it
	// only says that the signer is a stranger.
	Err     error
	License token.License // as parsed
	// Rooted: the chain ends at a clearinghouse root. KnownSigner: the license
	// server's certificate is one that the terminal server knows now or knew before.
	// InCatalog: that license server is in the catalog now. Own: no license server
	// signed it but this terminal server, in its grace period.
	Rooted, KnownSigner, InCatalog, Own bool
	// HardwareID is the device's, from LICENSE_INFO or its challenge response.
	HardwareID hwid.ID
}

// Classified is a class with the rule that gave it.
type Classified struct {
	Class tsls.Class
	Rule  string // of part 4, as "T12"
	// Upgradeable: the token is one of the previous product version (rule T7).
	Upgradeable bool
	Reason      string
}

// clockTolerance is how far ahead of the terminal server's calendar a token may
// have been issued.
const clockTolerance = 24 * time.Hour

// Classify finds the class of what a client presented, part 4 of the decision
// table.
func Classify(p *edition.Profile, now time.Time, e Evidence) Classified {
	if c, done := readable(p, e); done {
		return c
	}
	if c, done := trusted(p, e); done {
		return c
	}
	switch ahead := e.License.Issued.Sub(now); {
	case e.License.HardwareID != e.HardwareID:
		return classified(tsls.ClassHardwareMismatch, "T6", "the token is another device's")
	case p.Edition == edition.Server2003 && older(e.License.Version, p.Edition):
		c := classified(tsls.ClassNone, "T7", "the token is for an older version of the terminal server")
		c.Upgradeable = true
		return c
	case ahead > clockTolerance:
		return classified(tsls.ClassNone, "T9", "the token is not valid yet: its license server's calendar is ahead")
	}
	return dated(p, now, e.License)
}

// readable ends the classification of what is no token of ours (T1 to T2).
func readable(p *edition.Profile, e Evidence) (Classified, bool) {
	var foreign *token.ForeignError
	var verify *token.VerifyError
	switch {
	case !e.Presented:
		return classified(tsls.ClassNone, "T1", "nothing was presented"), true
	case errors.As(e.Err, &foreign) && p.ForeignBlob == edition.BlobCorrupt:
		return classified(tsls.ClassCorrupt, "T1b", "the license is of another maker"), true
	case errors.As(e.Err, &foreign):
		return classified(tsls.ClassNone, "T1a", "the license is of another maker"), true
	case errors.As(e.Err, &verify) && verify.Check == token.CheckRoot:
	case e.Err != nil:
		return classified(tsls.ClassCorrupt, "T2", e.Err.Error()), true
	}
	switch e.License.Kind {
	case token.Temporary, token.CAL, token.BuiltIn:
		return Classified{}, false
	}
	return classified(tsls.ClassCorrupt, "T2", "a device cannot hold a token of kind "+e.License.Kind.String()), true
}

// trusted ends the classification of a token whose signer is a stranger (T3 to T4a).
func trusted(p *edition.Profile, e Evidence) (Classified, bool) {
	temporary := e.License.Kind == token.Temporary
	switch {
	case e.Rooted: // T3
	case temporary && e.KnownSigner: // T5
	case temporary && e.Own:
		return classified(tsls.ClassNone, "T4t", "the temporary token is of the grace period, which admits as long as it runs"), true
	case e.InCatalog && p.RequireClearinghouseRoot:
		return classified(tsls.ClassCorrupt, "T4c", "its license server has no clearinghouse certificate"), true
	case e.InCatalog: // T4b
	case temporary:
		return classified(tsls.ClassNone, "T4", "neither the license server of the temporary token nor the clearinghouse behind that is known here"), true
	case p.StrangerCAL == edition.BlobNone:
		return classified(tsls.ClassNone, "T4d", "neither its license server nor the clearinghouse behind that is known here"), true
	default:
		return classified(tsls.ClassCorrupt, "T4a", "neither its license server nor the clearinghouse behind that is known here"), true
	}
	return Classified{}, false
}

// dated classes a sound token of this device by its kind and its dates (T10 to T15).
func dated(p *edition.Profile, now time.Time, l token.License) Classified {
	expired := !l.Expires.IsZero() && now.After(l.Expires)
	switch {
	case l.Kind == token.Temporary && expired:
		return classified(tsls.ClassTemporaryExpired, "T11", "the temporary token has expired")
	case l.Kind == token.Temporary:
		return classified(tsls.ClassTemporary, "T10", "temporary token")
	case l.Kind == token.BuiltIn && p.Edition == edition.Server2003:
		return classified(tsls.ClassNone, "T15b", "this edition knows no built-in tokens")
	case l.Kind == token.BuiltIn && expired:
		return classified(tsls.ClassNone, "T15a", "the built-in token has expired")
	case l.Kind == token.BuiltIn:
		return classified(tsls.ClassBuiltIn, "T15", "built-in token")
	}
	return datedCAL(p, now, l, expired)
}

// datedCAL classes a CAL by its expiry (T12 to T14a).
func datedCAL(p *edition.Profile, now time.Time, l token.License, expired bool) Classified {
	rtm := p.Edition == edition.RTM
	window := time.Duration(p.RenewWindowDays) * day
	switch {
	case expired && rtm:
		return classified(tsls.ClassNone, "T14a", "the CAL has expired, and this edition knows no renewal")
	case expired:
		return classified(tsls.ClassPermExpired, "T14", "the CAL has expired")
	case rtm || l.Expires.IsZero() || l.Expires.Sub(now) > window:
		return classified(tsls.ClassPermFresh, "T12", "valid CAL")
	}
	return classified(tsls.ClassPermNear, "T13", "the CAL is near its expiry")
}

func older(v token.Version, e edition.Edition) bool {
	major, minor := e.Version()
	return v.Major < major || v.Major == major && v.Minor < minor
}

func classified(c tsls.Class, rule, reason string) Classified {
	return Classified{Class: c, Rule: rule, Reason: reason}
}
