package rules

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ts/policy"
)

// Explanation is one way in which what was asked about can end.
type Explanation struct {
	Rule   *Rule     // that decides
	Passed []Passing // rules that said go-on before
	Asked  []*Rule   // what a license server that is asked for a token may answer
	// When says what must be so beside what was given, as column=value,value. It is
	// empty if this is the only ending.
	When         string
	Combinations int
}

// Passing is a rule on the way to the one that decides.
type Passing struct {
	Rule   *Rule
	Always bool // not only for some of the combinations
}

// Column describes a column for a command's help.
type Column struct {
	Name    string
	Values  []string
	Meaning string
}

// Columns lists the columns that Explain understands for a part; Device, User and
// Gate are one: a client's connection.
func Columns(p Part) []Column {
	var list []Column
	for _, c := range columnsOf(p) {
		w := vocabulary[c]
		list = append(list, Column{w.name, slices.Clone(w.values), w.meaning})
	}
	return list
}

func columnsOf(p Part) []column {
	switch p {
	case ClassOf:
		return []column{colBlob, colKind, colTrust, colHardware, colVersion, colAhead, colDate}
	case GracePeriod:
		return []column{colPeriod, colHappens}
	case LicenseServer:
		return []column{colRequest, colToken, colActivated, colRow, colValidated, colFree, colPeer, colDefaultLS}
	case Acquire:
		return []column{colUser}
	case Question, Whom:
		return []column{colMode, colToken, colOS}
	case Duties:
		return []column{colDuty, colAsker, colRequest, colToken, colMarked, colIssuer, colReferral, colMarks, colStep, colKind, colActivated, colFree, colFinal, colMode, colDefaultLS,
			colReferred, colAnswer}
	case Connector:
		return []column{colOperation, colConnector, colLS, colActivated, colConnectorFree, colLive, colForced}
	}
	return []column{colMode, colInternetUser, colSessions, colToken, colValidated, colRow, colOS, colGrace,
		colLS, colActivated, colFree, colPeer, colDefaultLS}
}

// Explain says how a situation ends under an edition with its knobs. given has a
// value for some of the columns of one part; what is not given is tried in every
// legal value, and the endings are explained, one for each rule that decides. Without a mode it is per
// device. The column request makes it the license server's part, blob or kind the
// classes, period the grace period, operation the Internet Connector, duty what a
// license server decides beside, user the events; otherwise it is a client's
// connection.
func (t *Table) Explain(p *edition.Profile, given map[string]string) ([]Explanation, error) {
	part := partOf(given)
	var fixed combination
	allowed := columnsOf(part)
	for name, value := range given {
		col, w, err := named(name)
		if err == nil && !slices.Contains(allowed, col) {
			err = fmt.Errorf("column %s does not belong to %s; its columns are %s", name, part, names(allowed))
		}
		if err != nil {
			return nil, err
		}
		if fixed[col], err = w.place(value); err != nil {
			return nil, err
		}
	}
	if part == Device && fixed[colMode] == 0 {
		fixed.set(colMode, "device")
	}
	endings := t.view(p).endings(part, fixed)
	if len(endings) == 0 {
		return nil, fmt.Errorf("%s cannot be in %s", fixed.String(), p.Edition)
	}
	return endings, nil
}

// partOf is the part that the given columns belong to, by those that a connection
// does not have: the first part that has them all, or else one of them.
func partOf(given map[string]string) Part {
	best, most := Device, 0
	for _, p := range []Part{Connector, LicenseServer, GracePeriod, ClassOf, Acquire, Duties} {
		own, shared := 0, 0
		for _, c := range columnsOf(p) {
			if _, ok := given[vocabulary[c].name]; !ok {
				continue
			} else if slices.Contains(columnsOf(Device), c) {
				shared++
			} else {
				own++
			}
		}
		if own > 0 && own*len(vocabulary)+shared > most {
			best, most = p, own*len(vocabulary)+shared
		}
	}
	return best
}

// domain yields the combinations of a part.
func domain(part Part, p *edition.Profile) iter.Seq[combination] {
	switch part {
	case ClassOf:
		return presented(p)
	case LicenseServer:
		return requests(p)
	case GracePeriod:
		return periods(p)
	case Connector:
		return operations()
	case Acquire:
		return acquirings(p)
	case Duties:
		return dutiesOf(p)
	}
	return connections(p)
}

// endings groups the combinations that have the fixed values by the rules they meet.
func (v *view) endings(part Part, fixed combination) []Explanation {
	groups := make(map[*Rule]*group)
	var order []*group
	var every [columns]mask
	for c := range domain(part, v.profile) {
		if !c.has(&fixed) {
			continue
		}
		var w Walked
		if part == Device {
			w, _ = v.walk(c)
		} else {
			w = v.decide(part, &c)
		}
		g := groups[w.last()]
		if g == nil {
			g = &group{passed: make(map[*Rule]int)}
			groups[w.last()] = g
			order = append(order, g)
		}
		g.add(w, &c)
		for i, n := range c {
			every[i] |= 1 << n
		}
	}
	var list []Explanation
	for _, g := range order {
		list = append(list, g.explanation(&every))
	}
	return list
}

// group gathers the combinations that one rule decides.
type group struct {
	Explanation
	order  []*Rule
	passed map[*Rule]int
	taken  [columns]mask
}

func (g *group) add(w Walked, c *combination) {
	g.Rule = w.last()
	g.Combinations++
	for _, r := range w.Path[:len(w.Path)-1] {
		if g.passed[r] == 0 {
			g.order = append(g.order, r)
		}
		g.passed[r]++
	}
	if w.Answer != nil && !slices.Contains(g.Asked, w.Answer) {
		g.Asked = append(g.Asked, w.Answer)
	}
	for i, n := range c {
		g.taken[i] |= 1 << n
	}
}

func (g *group) explanation(every *[columns]mask) Explanation {
	e := g.Explanation
	for _, r := range g.order {
		e.Passed = append(e.Passed, Passing{r, g.passed[r] == g.Combinations})
	}
	e.When = difference(&g.taken, every)
	return e
}

// has reports whether a combination has the fixed values.
func (c *combination) has(fixed *combination) bool {
	for i, n := range fixed {
		if n != 0 && c[i] != n {
			return false
		}
	}
	return true
}

// difference writes the columns in which a group has not all the values that occur.
func difference(taken, every *[columns]mask) string {
	var parts []string
	for i, w := range vocabulary {
		if taken[i] == every[i] {
			continue
		}
		var values []string
		if taken[i]&1 != 0 {
			values = append(values, "-")
		}
		for n, v := range w.values {
			if taken[i]&(1<<(n+1)) != 0 {
				values = append(values, v)
			}
		}
		parts = append(parts, w.name+"="+strings.Join(values, ","))
	}
	return strings.Join(parts, " ")
}

func names(cols []column) string {
	var list []string
	for _, c := range cols {
		list = append(list, vocabulary[c].name)
	}
	return strings.Join(list, ", ")
}

// AllColumns lists every column that Explain understands, once.
func AllColumns() []Column {
	var list []Column
	for i, w := range vocabulary {
		if column(i) != colEdition {
			list = append(list, Column{w.name, slices.Clone(w.values), w.meaning})
		}
	}
	return list
}

// Events lists the numbered events of an ending that are logged in any case, when
// the client named a user.
func (t *Table) Events(p *edition.Profile, e Explanation) []int {
	var events []string
	for _, passed := range e.Passed {
		if passed.Always {
			events = append(events, passed.Rule.Event)
		}
	}
	v := t.view(p)
	var ids []int
	for _, event := range append(events, e.Rule.Event) {
		for _, each := range append(v.unfold(event, true), e.Rule.Also) {
			if id, err := strconv.Atoi(each); err == nil {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// Wire is how the licensing ends on the wire, as Lookup explains it; false where
// nothing is sent.
func (t *Table) Wire(r *Rule) (Topic, bool) {
	for w := policy.WireOK; w <= policy.WireLogonFailure; w++ {
		if w.String() == r.Wire {
			return t.wire(w), true
		}
	}
	return Topic{}, false
}
