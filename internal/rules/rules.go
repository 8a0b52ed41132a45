// Package rules holds the decision table as data: every rule by its number, with
// what it looks at, what comes of it, and what says so. The files in data are meant
// to be read. The package walks them, enumerates every combination of their columns
// that can occur, and explains one.
//
// The servers do not run on it: ts/policy and ls/policy are code. The tests here
// hold the two against each other, combination by combination.
package rules

import (
	"slices"
	"strings"

	"github.com/tslab/tslab/internal/edition"
)

// Rule is one row of the decision table.
type Rule struct {
	Number string // "M46"
	Part   Part
	When   string // its conditions, as the data file writes them
	Then   string // its result, likewise
	By     string // S: a seed document says it; P: proposed here; with the source
	Text   string // what it means, in a sentence
	Held   string // of a note: the package and the test that hold the programs to it
	Note   bool   // it decides nothing: it only says what the programs do

	Result  string // allow, deny, go-on; of the connector ok, refuse, no-op
	Answer  string // of the license server
	Class   string // of a token
	Push    string // the token that is pushed, "none" if none
	Mark    bool   // the token is marked after the logon, where both ends know marks
	Event   string // "" if none; 1004+: as part acquire says
	Also    string // of part acquire: a second event
	Wire    string // "" where the rule ends nothing
	Grace   string // of the grace period: the state that follows
	AsksNot bool   // the rule must not need a license server

	when  [columns]mask // zero: any value
	knobs []setting
	// What a rule that goes on says.
	next   Part       // read this part next
	sets   []assigned // change these columns and read on
	onward string     // read on from the rule of this number
}

// Part is a part of the decision table.
type Part string

// The parts.
const (
	Gate          Part = "gate"           // before any token is looked at
	ClassOf       Part = "class"          // of the token that the client presents
	Device        Part = "device"         // admission per device
	User          Part = "user"           // admission per user
	LicenseServer Part = "license-server" // its answer to a request for a token
	GracePeriod   Part = "grace"          // its states
	Connector     Part = "connector"      // turning the Internet Connector mode on and off
	Acquire       Part = "acquire"        // which events say that no license server was found
	Question      Part = "question"       // what the terminal server asks a license server for
	Whom          Part = "whom"           // which license server it asks
	Duties        Part = "duties"         // what a license server decides beside
	Discovery     Part = "discovery"      // how a license server is found
)

// Parts lists the parts in reading order.
func Parts() []Part {
	return []Part{Gate, ClassOf, Device, User, LicenseServer, GracePeriod, Connector, Acquire, Question, Whom, Duties, Discovery}
}

// setting is a knob that must have a value or, turned round, that must not list it.
type setting struct {
	knob, value string
	lacks       bool
}

// assigned is a column that a rule changes.
type assigned struct {
	column column
	value  uint8
}

// Table is the whole decision table.
type Table struct{ parts map[Part][]*Rule }

// Rules lists the rules of a part in their order.
func (t *Table) Rules(p Part) []*Rule { return t.parts[p] }

// Find is the rule of a number.
func (t *Table) Find(number string) (*Rule, bool) {
	for _, p := range Parts() {
		for _, r := range t.parts[p] {
			if strings.EqualFold(r.Number, number) {
				return r, true
			}
		}
	}
	return nil, false
}

// without is the table with one rule deleted.
func (t *Table) without(number string) *Table {
	parts := make(map[Part][]*Rule, len(t.parts))
	for p, list := range t.parts {
		for _, r := range list {
			if r.Number != number {
				parts[p] = append(parts[p], r)
			}
		}
	}
	return &Table{parts}
}

// view is the table as an edition with its knobs reads it: the rules whose knobs
// have the right value.
type view struct {
	profile *edition.Profile
	parts   map[Part][]*Rule
}

func (t *Table) view(p *edition.Profile) *view {
	v := &view{p, make(map[Part][]*Rule, len(t.parts))}
	for part, list := range t.parts {
		for _, r := range list {
			if r.holds(p) {
				v.parts[part] = append(v.parts[part], r)
			}
		}
	}
	return v
}

// holds reports whether the rule's knobs have their values.
func (r *Rule) holds(p *edition.Profile) bool {
	for _, k := range r.knobs {
		value := p.Get(k.knob)
		if k.lacks && slices.Contains(strings.Split(value, ", "), k.value) || !k.lacks && value != k.value {
			return false
		}
	}
	return !r.Note
}

// fits reports whether the rule's columns have their values.
func (r *Rule) fits(c *combination) bool {
	for col, m := range r.when {
		if m != 0 && m&(1<<c[col]) == 0 {
			return false
		}
	}
	return true
}

// first is the first rule of a part that fits.
func (v *view) first(p Part, c *combination) *Rule {
	for _, r := range v.parts[p] {
		if r.fits(c) {
			return r
		}
	}
	return nil
}
