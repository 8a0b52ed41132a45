package rules

import (
	"iter"

	"github.com/tslab/tslab/internal/edition"
)

// connections yields every combination that a connection can meet on an edition
// with its knobs. What cannot be is left out, and nothing else:
//
//   - values that the edition does not have; the Internet Connector mode outside
//     an ended grace period, because it needed a license server;
//   - a license server that is down has nothing, and one that is not activated has
//     no CALs; with DefaultLicenseServer there is no peer unless the knob allows
//     it; in Windows 2000 a license server that answers has ended the grace period;
//   - a CAL row where CAL rows are not looked up; "own" without a CAL row;
//   - a mark on what is not a temporary token, or where nobody knows marks.
func connections(p *edition.Profile) iter.Seq[combination] {
	return func(yield func(combination) bool) {
		for base := range situations(p) {
			for c := range servers(p, base) {
				if !yield(c) {
					return
				}
			}
		}
	}
}

// situations yields what a connection can meet apart from the license server.
func situations(p *edition.Profile) iter.Seq[combination] {
	net := p.Edition == edition.Server2003
	tokens := []string{"none", "corrupt", "hwid-mismatch", "perm-fresh", "temp", "temp-expired"}
	if p.Edition != edition.RTM {
		tokens = append(tokens, "perm-near", "perm-expired")
	}
	modes, defaults := []string{"admin", "device", "user", "invalid"}, []string{"n"}
	if !net {
		tokens = append(tokens, "built-in")
		modes, defaults = []string{"admin", "ic", "device"}, []string{"y", "n"}
	}
	var base combination
	base.set(colEdition, p.Edition.String())
	return func(yield func(combination) bool) {
		for c := range each(base, dimension{colMode, modes}, dimension{colToken, tokens}, all(colOS), dimension{colDefaultLS, defaults}, all(colGrace)) {
			if c.value(colMode) != "ic" {
				if !yield(c) {
					return
				}
				continue
			}
			if !c.is(colGrace, "end") {
				continue
			}
			for c := range each(c, all(colInternetUser), all(colSessions)) {
				if !yield(c) {
					return
				}
			}
		}
	}
}

// servers yields a situation with every license server that can be there.
func servers(p *edition.Profile, base combination) iter.Seq[combination] {
	rtm, net := p.Edition == edition.RTM, p.Edition == edition.Server2003
	token := base.value(colToken)
	looked := p.ResendLiveRow || token == "perm-near" || token == "perm-expired"
	validated := []string{"y"}
	if (token == "temp" || token == "temp-expired") && !rtm {
		validated = []string{"y", "n"}
	}
	noPeer := base.is(colDefaultLS, "y") && !p.DefaultLSReferral
	return func(yield func(combination) bool) {
		down := base
		down.set(colValidated, map[bool]string{true: "y", false: "n"}[rtm])
		for col, v := range map[column]string{colLS: "down", colActivated: "n", colRow: "none", colFree: "n", colPeer: "n"} {
			down.set(col, v)
		}
		if !yield(down) || !net && !base.is(colGrace, "end") {
			return
		}
		base.set(colLS, "up")
		for c := range each(base, all(colActivated), all(colRow), dimension{colValidated, validated}, all(colFree), all(colPeer)) {
			cal, active, free := c.is(colRow, "cal"), c.is(colActivated, "y"), c.value(colFree)
			impossible := cal && !looked ||
				!active && (free != "n" || c.is(colPeer, "y")) ||
				active && cal != (free == "own") ||
				noPeer && c.is(colPeer, "y")
			if !impossible && !yield(c) {
				return
			}
		}
	}
}

// dimension is a column with the values that it takes.
type dimension struct {
	column column
	values []string
}

func all(col column) dimension { return dimension{col, vocabulary[col].values} }

// each yields the product of dimensions over a base.
func each(base combination, dims ...dimension) iter.Seq[combination] {
	return func(yield func(combination) bool) {
		product(base, dims, yield)
	}
}

func product(c combination, dims []dimension, yield func(combination) bool) bool {
	if len(dims) == 0 {
		return yield(c)
	}
	for _, v := range dims[0].values {
		c.set(dims[0].column, v)
		if !product(c, dims[1:], yield) {
			return false
		}
	}
	return true
}
