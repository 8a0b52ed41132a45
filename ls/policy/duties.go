package policy

import (
	"slices"
	"strconv"
	"time"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/token"
)

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

func quoted(s string) string { return strconv.Quote(s) }
