package policy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ls/inventory"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// Referrals lists the license servers that are believed to have a CAL free for the
// request, in the order in which the terminal server shall ask them: those of
// enterprise scope first, then those with the most, then by name (L5). Nobody is sent to
// whom the terminal server has asked already, or to one that was found empty since it
// last spoke (L22).
func Referrals(beliefs []inventory.Belief, req tsls.Allocate) []inventory.Belief {
	type candidate struct {
		belief inventory.Belief
		free   uint32
	}
	var list []candidate
	for _, b := range beliefs {
		asked := slices.ContainsFunc(req.Failed, func(name string) bool { return strings.EqualFold(name, b.Name) })
		if asked || b.Doubted || !b.Activated || b.Address == "" {
			continue
		}
		if n := freeFor(&b.Entry, req.Edition); n > 0 {
			list = append(list, candidate{b, n})
		}
	}
	slices.SortStableFunc(list, func(a, b candidate) int {
		return cmp.Or(
			-compareBool(a.belief.Scope == enterprise, b.belief.Scope == enterprise),
			-cmp.Compare(a.free, b.free),
			cmp.Compare(a.belief.Name, b.belief.Name),
		)
	})
	var out []inventory.Belief
	for _, c := range list[:min(len(list), tsls.MaxReferrals)] {
		out = append(out, c.belief)
	}
	return out
}

const enterprise = "enterprise"

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// freeFor is how many CALs a license server is believed to have for terminal servers
// of an edition; 0 where it does not serve them.
func freeFor(e *inventory.Entry, terminalServer string) (n uint32) {
	is, err := edition.ParseEdition(e.Edition)
	if err != nil {
		return 0
	}
	p := edition.Of(is)
	if !Serves(&p, terminalServer) {
		return 0
	}
	for _, v := range Versions(&p, terminalServer) {
		n += e.Free(token.CAL, v)
	}
	return n
}

// Word is what the license server that issued a temporary token says of its mark.
type Word uint8

// The words.
const (
	NoWord        Word = iota // it was not asked, does not answer, or does not know the token
	SaysValidated             // the token is marked
	SaysNot                   // it is not
)

// Marked is whether a presented temporary token is marked, for [State]: as its row says
// where there is one here (L10), else as its issuer says. Where that has no word the token
// counts as marked, because it was shown to a second connection (L23).
func Marked(row, marked bool, issuer Word) bool {
	if row {
		return marked
	}
	return issuer != SaysNot
}

// Inquires reports whether the decision on the request may hang on whether the
// presented temporary token is validated: the license server that issued it is to be
// asked where there is no row of it (L23).
func Inquires(req tsls.Allocate, p *edition.Profile, f tsls.Features) bool {
	wantsCAL := req.Request == tsls.RequestCAL || req.Request == tsls.RequestBuiltIn && !hasBuiltIns(p, req.Edition)
	return wantsCAL && req.Presented == tsls.ClassTemporary && !req.Validated && f.Has(tsls.FeatureMark) && p.UpgradeNeedsValidated
}
