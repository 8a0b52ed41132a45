package policy

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// Features is what a license server of an edition announces.
func Features(e edition.Edition) tsls.Features {
	if e == edition.RTM {
		return 0
	}
	return tsls.FeatureMark | tsls.FeatureExpiry
}

// Serves reports whether a license server of edition p serves terminal servers of
// the named edition (L1). A terminal server that it does not serve is answered
// AnswerDenyServed, and does not count it as a license server.
func Serves(p *edition.Profile, terminalServer string) bool {
	return slices.Contains(p.ServesTS, terminalServer)
}

// Versions lists the product versions of the CALs that a terminal server of the
// named edition may be given, the one to take first (L17).
func Versions(p *edition.Profile, terminalServer string) []token.Version {
	own := version(p.Edition)
	ts, err := edition.ParseEdition(terminalServer)
	if err != nil || version(ts) == own {
		return []token.Version{own}
	}
	if p.PreventUpgrade {
		return []token.Version{version(ts)}
	}
	return []token.Version{version(ts), own}
}

func version(e edition.Edition) token.Version {
	major, minor := e.Version()
	return token.Version{Major: major, Minor: minor}
}

// LooksUpByHardware reports whether a device's CAL row is found by its hardware
// id. A row is always found by the license id of a CAL that is presented.
func LooksUpByHardware(p *edition.Profile) bool { return p.ResendLiveRow }

// Held is a row of the store, as far as RowOf reads it.
type Held struct {
	Kind    token.Kind
	Expires time.Time
	Closed  bool // by an upgrade (L26) or a return
	// Presented: the row's license id is that of the presented token, and its
	// hardware id is the device's.
	Presented bool
}

// RowOf finds the row that counts among those of a device, and its place in rows:
// a live CAL, else a live temporary token, else an expired one. The place is -1 if
// there is none. A CAL that expired less than a sweep ago is not live.
func RowOf(rows []Held, now time.Time, p *edition.Profile) (Row, int) {
	best, at := RowNone, -1
	for i, h := range rows {
		r := RowNone
		switch {
		case h.Closed:
		case h.Kind == token.CAL && !Expired(h.Expires, now) && (h.Presented || LooksUpByHardware(p)):
			r = RowCAL
		case h.Kind == token.Temporary && !Expired(h.Expires, now):
			r = RowTemp
		case h.Kind == token.Temporary:
			r = RowTempExpired
		}
		if r != RowNone && (best == RowNone || r < best) {
			best, at = r, i
		}
	}
	return best, at
}

// Marking is what a Mark does.
type Marking struct {
	Rule   string
	Create bool // there is no such row: make one from the message
}

// DecideMark answers a Mark (L10, L11): it is true whatever the store knows, and
// may be sent any number of times.
func DecideMark(known bool) Marking {
	if known {
		return Marking{Rule: "L10"}
	}
	return Marking{Rule: "L11", Create: true}
}

// AskIssuer reports whether another license server must be asked if a presented
// temporary token is validated: this one has no row for it, and no referral says
// so (L23, L24). If that server cannot be reached the token counts as validated.
func AskIssuer(req tsls.Allocate, rowHere bool, self string, f tsls.Features) bool {
	temporary := req.Presented == tsls.ClassTemporary || req.Presented == tsls.ClassTemporaryExpired
	return temporary && !rowHere && !req.Validated && req.Issuer != "" && req.Issuer != self && f.Has(tsls.FeatureMark)
}

// DecideInstall decides on a key pack (L18, L19): it is bound to one License
// Server ID, and can be installed once. The error says why not.
func DecideInstall(packID, packServer, self string, installed bool) error {
	switch {
	case self == "":
		return fmt.Errorf("key pack %s: this license server is not activated; activate it first", packID)
	case packServer != self:
		return fmt.Errorf("key pack %s is for license server %s, and this one is %s; have the clearinghouse issue it again", packID, packServer, self)
	case installed:
		return fmt.Errorf("key pack %s is installed already", packID)
	}
	return nil
}

func quoted(s string) string { return strconv.Quote(s) }
