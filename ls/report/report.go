// Package report turns the tokens of license servers into what lsreport writes and
// what an auditor asks. It is pure: rows in, text or findings out.
//
// The header of the original is not known; its readers took license id, key pack
// id, computer, user, dates and types from it (requirements.md part 3, lsreport).
package report

import (
	"time"

	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// Row is a token as the license server that issued it has it.
type Row struct {
	Server string // name of the license server
	tsls.LicenseInfo
}

// Filter says which rows are reported. The zero Filter takes all.
type Filter struct {
	// First and Last are days, as midnight UTC; tokens issued from the first to the
	// end of the last are kept. Zero: no bound. White paper, "Terminal Services License
	// Reporting Tool", /D.
	First, Last time.Time
	// TemporaryOnly keeps temporary tokens only: /T.
	TemporaryOnly bool
}

// Keeps tells whether the row is reported.
func (f Filter) Keeps(r Row) bool {
	switch {
	case f.TemporaryOnly && r.Kind != token.Temporary.String():
		return false
	case !f.First.IsZero() && r.Issued.Before(f.First):
		return false
	case !f.Last.IsZero() && !r.Issued.Before(f.Last.AddDate(0, 0, 1)):
		return false
	}
	return true
}

// Apply returns the rows that the filter keeps.
func (f Filter) Apply(rows []Row) []Row {
	var kept []Row
	for _, r := range rows {
		if f.Keeps(r) {
			kept = append(kept, r)
		}
	}
	return kept
}

// IssueType is what the original called it: how a token is out. A token that is out
// is temporary, active or, for the sessions of an Internet Connector, concurrent; one
// that is not says why (wire/tsls LicenseInfo.State).
func (r Row) IssueType() string {
	if r.State != "active" {
		return r.State
	}
	switch r.Kind {
	case token.Temporary.String():
		return "temporary"
	case token.InternetConnector.String():
		return "concurrent"
	}
	return "active"
}
