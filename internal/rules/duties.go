package rules

import (
	"iter"

	"github.com/tslab/tslab/internal/edition"
)

// acquirings yields what decides which events say that no license server was found.
func acquirings(p *edition.Profile) iter.Seq[combination] {
	var base combination
	base.set(colEdition, p.Edition.String())
	return each(base, all(colUser))
}

// questions yields every client about whom a license server may be asked. Per user a
// broken token was refused before, or reads as none.
func questions(p *edition.Profile) iter.Seq[combination] {
	return func(yield func(combination) bool) {
		for c := range situations(p) {
			broken := c.is(colToken, "corrupt") || c.is(colToken, "hwid-mismatch")
			mode := c.value(colMode)
			if mode == "admin" || mode == "ic" || broken && mode == "user" || !c.is(colGrace, "end") || c.is(colDefaultLS, "y") {
				continue
			}
			if !yield(c) {
				return
			}
		}
	}
}

// asked yields those of questions about whom one is asked.
func asked(p *edition.Profile) iter.Seq[combination] {
	return func(yield func(combination) bool) {
		for c := range questions(p) {
			calOfUser := c.is(colMode, "user") && (c.is(colToken, "perm-near") || c.is(colToken, "perm-expired"))
			switch c.value(colToken) {
			case "none", "temp", "temp-expired", "perm-near", "perm-expired":
				if !calOfUser && !yield(c) {
					return
				}
			}
		}
	}
}

// duty is something that a license server decides, with the columns that it may
// look at.
type duty struct {
	name string
	dims []dimension
}

// dutiesOf yields what a license server decides beside the requests for a token: one
// that is not activated has no stock, and who has no built-in pool gives nothing of it.
func dutiesOf(p *edition.Profile) iter.Seq[combination] {
	marks, defaults, askers := yesNo(), yesNo(), []string{"w2k-rtm", "w2k-sp3"}
	switch p.Edition {
	case edition.RTM:
		marks = []string{"n"}
	case edition.Server2003:
		defaults, askers = []string{"n"}, []string{"w2k-rtm", "w2k-sp3", "ws2003"}
	}
	list := []duty{
		{"serve", []dimension{all(colAsker)}},
		{"inquire", []dimension{all(colRequest), {colToken, []string{"none", "temp", "temp-expired", "perm-near", "perm-expired"}}, all(colReferral), {colMarks, marks}, {colAsker, askers}}},
		{"validated", []dimension{all(colMarked), all(colIssuer), all(colReferral), {colMarks, marks}}},
		{"sweep", []dimension{all(colStep), all(colKind)}},
		{"connector", []dimension{all(colActivated), {colFree, yesNo()}}},
		{"version", []dimension{{colAsker, []string{"w2k-rtm", "w2k-sp3", "ws2003"}}}},
		{"peer", []dimension{all(colFinal), {colMode, []string{"device", "user", "invalid"}}, {colDefaultLS, defaults}, all(colActivated)}},
		{"referred", []dimension{all(colRequest), all(colActivated), all(colFree), {colAsker, askers}}},
		{"close", []dimension{all(colAnswer)}},
		{"report", []dimension{all(colReferred), all(colAnswer)}},
	}
	return func(yield func(combination) bool) {
		for _, d := range list {
			var base combination
			base.set(colEdition, p.Edition.String())
			base.set(colDuty, d.name)
			for c := range each(base, d.dims...) {
				impossible := c.is(colDuty, "referred") && c.is(colActivated, "n") && !c.is(colFree, "n") ||
					c.is(colDuty, "close") && c.is(colAnswer, "BUILTIN") && !p.BuiltinPool
				if !impossible && !yield(c) {
					return
				}
			}
		}
	}
}
