package rules

import (
	"iter"

	"github.com/tslab/tslab/internal/edition"
)

// connections yields every combination that a connection can meet on an edition
// with its knobs. What cannot be is left out, and nothing else:
//
//   - values that the edition does not have; the Internet Connector mode outside
//     an ended grace period, because it needed a license server, where that ends it;
//   - a license server that is down has nothing, and one that is not activated has
//     no CALs; with DefaultLicenseServer there is no peer unless the knob allows
//     it; where the first contact ends the grace period (in Windows 2000), a license
//     server that answers has ended it;
//   - a CAL row where CAL rows are not looked up; "own" without a CAL row;
//   - a mark on what is not a temporary token, or where nobody asks for one.
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
	if net && p.InternetConnector {
		modes = append(modes, "ic")
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
			if p.GraceEnd == edition.FirstLSContact && !c.is(colGrace, "end") {
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
	noMarks, contactEnds := !marked(p), p.GraceEnd == edition.FirstLSContact
	token := base.value(colToken)
	looked := p.ResendLiveRow || token == "perm-near" || token == "perm-expired"
	validated := []string{"y"}
	if (token == "temp" || token == "temp-expired") && !noMarks {
		validated = []string{"y", "n"}
	}
	noPeer := base.is(colDefaultLS, "y") && !p.DefaultLSReferral
	return func(yield func(combination) bool) {
		down := base
		down.set(colValidated, map[bool]string{true: "y", false: "n"}[noMarks])
		for col, v := range map[column]string{colLS: "down", colActivated: "n", colRow: "none", colFree: "n", colPeer: "n"} {
			down.set(col, v)
		}
		if !yield(down) || contactEnds && !base.is(colGrace, "end") {
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

// marked reports whether it matters that a temporary token was marked. Before the
// hotfix nobody could mark one, whatever the knob says.
func marked(p *edition.Profile) bool {
	return p.UpgradeNeedsValidated && p.Edition != edition.RTM
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

// presented yields every combination of what a client can present: there is
// something to look at only in a sound token; only CALs and built-in tokens may
// have no expiry, and only where CALs are renewed is one near it.
func presented(p *edition.Profile) iter.Seq[combination] {
	var base combination
	base.set(colEdition, p.Edition.String())
	return func(yield func(combination) bool) {
		for c := range each(base, all(colBlob)) {
			if !c.is(colBlob, "sound") {
				if !yield(c) {
					return
				}
				continue
			}
			for c := range each(c, all(colKind), all(colTrust), all(colHardware), all(colVersion), all(colAhead), all(colDate)) {
				impossible := c.is(colKind, "temp") && c.is(colDate, "never") ||
					p.Edition == edition.RTM && c.is(colDate, "near")
				if !impossible && !yield(c) {
					return
				}
			}
		}
	}
}

// requests yields every request for a token with every state of a license server
// of the terminal server's edition. A terminal server asks to renew a CAL that is near its expiry, for a temporary
// token where a client has nothing, and otherwise for a CAL or a built-in token.
func requests(p *edition.Profile) iter.Seq[combination] {
	var base combination
	base.set(colEdition, p.Edition.String())
	tokens := []string{"none", "temp", "temp-expired", "perm-near", "perm-expired"}
	return func(yield func(combination) bool) {
		for c := range each(base, all(colRequest), dimension{colToken, tokens}, all(colActivated), all(colRow), all(colValidated), all(colFree), all(colPeer), all(colDefaultLS)) {
			renew, temp, active := c.is(colRequest, "renew"), c.is(colRequest, "temp"), c.is(colActivated, "y")
			builtin := c.is(colRequest, "built-in")
			impossible := renew != c.is(colToken, "perm-near") || builtin && !p.BuiltinPool || temp && !c.is(colToken, "none") ||
				!active && (!c.is(colFree, "n") || c.is(colPeer, "y")) ||
				active && c.is(colRow, "cal") != c.is(colFree, "own") ||
				c.is(colDefaultLS, "y") && c.is(colPeer, "y") && !p.DefaultLSReferral ||
				c.is(colValidated, "n") && !marked(p)
			if !impossible && !yield(c) {
				return
			}
		}
	}
}

// periods yields every state of the grace period with everything that can happen
// to it; only a running one has days that can be over, or a warning due.
func periods(p *edition.Profile) iter.Seq[combination] {
	var base combination
	base.set(colEdition, p.Edition.String())
	return each(base, all(colPeriod), all(colHappens))
}

// operations yields every state in which the Internet Connector mode is turned on
// or off: a license server that is down is not known to be activated, one that is
// not activated has nothing free, and turning on is never forced.
func operations() iter.Seq[combination] {
	return func(yield func(combination) bool) {
		for c := range each(combination{}, all(colOperation), all(colConnector), all(colLS), all(colActivated), all(colConnectorFree), all(colLive), all(colForced)) {
			impossible := c.is(colLS, "down") && c.is(colActivated, "y") ||
				c.is(colActivated, "n") && c.is(colConnectorFree, "y") ||
				c.is(colOperation, "enable") && c.is(colForced, "y")
			if !impossible && !yield(c) {
				return
			}
		}
	}
}
