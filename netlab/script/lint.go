//go:build linux

package script

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/syntax"
)

// Remark is advice about a drill that can be run as it is.
type Remark struct {
	Place, Text string
}

func (r Remark) String() string { return r.Place + ": advice: " + r.Text }

// calls is where each word is called in a drill, with what start starts.
type calls struct {
	words    map[string][]syntax.Position
	programs map[string][]syntax.Position
	started  map[string]bool // host and program

	perUser      []syntax.Position // terminal servers that are licensed per user
	perUserPacks bool              // and licenses for them
}

// Lint says what a drill lacks beyond what Check finds, without running it. The
// error is why it proves too little: a drill that ships looks at packets, at events
// and at the pool, and names its editions. The remarks are the deployment advice of
// Microsoft's guides that the lab of the drill does not follow, and what a run goes on
// with though it is seldom meant.
func (d Drill) Lint() ([]Remark, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	file, err := options().Parse(d.File, d.Source, 0)
	if err != nil {
		return nil, plain(err)
	}
	c := calls{map[string][]syntax.Position{}, map[string][]syntax.Position{}, map[string]bool{}, nil, false}
	syntax.Walk(file, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok {
			c.add(call)
		}
		return true
	})
	var remarks []Remark
	var mistakes error
	if len(c.words["net"])+len(c.words["host"])+len(c.words["router"]) > 0 { // else there is nothing to follow it in
		remarks, mistakes = d.mistakes()
	}
	return append(c.advice(), remarks...), errors.Join(mistakes, checkFaults(file), c.lacks(d, file))
}

func (c *calls) add(call *syntax.CallExpr) {
	name, ok := call.Fn.(*syntax.Ident)
	if !ok {
		return
	}
	at, _ := call.Span()
	c.words[name.Name] = append(c.words[name.Name], at)
	switch {
	case name.Name == "start" && keyword(call, "mode") == "user":
		c.perUser = append(c.perUser, at)
	case name.Name == "stock" && keyword(call, "kind") == "per-user":
		c.perUserPacks = true
	}
	if name.Name != "start" || len(call.Args) < 2 || c.again(call) {
		return
	}
	if program, ok := call.Args[1].(*syntax.Literal); ok {
		if s, ok := program.Value.(string); ok {
			c.programs[s] = append(c.programs[s], at)
		}
	}
}

// keyword is the text that a call is given under a name, where it stands as it is.
func keyword(call *syntax.CallExpr, name string) string {
	for _, arg := range call.Args {
		pair, ok := arg.(*syntax.BinaryExpr)
		if !ok || pair.Op != syntax.EQ {
			continue
		}
		key, isName := pair.X.(*syntax.Ident)
		value, isText := pair.Y.(*syntax.Literal)
		if isName && isText && key.Name == name {
			text, _ := value.Value.(string)
			return text
		}
	}
	return ""
}

// again says whether the program that a call of start starts on a host, both named
// as they stand, has been started there before: a second start is of the same server.
func (c *calls) again(call *syntax.CallExpr) bool {
	host, ok := call.Args[0].(*syntax.Ident)
	if !ok {
		return false
	}
	program, ok := call.Args[1].(*syntax.Literal)
	if !ok {
		return false
	}
	key := host.Name + " " + program.Raw
	if c.started[key] {
		return true
	}
	c.started[key] = true
	return false
}

func (c *calls) lacks(d Drill, file *syntax.File) error {
	var errs []error
	if d.Title == "" {
		errs = append(errs, fmt.Errorf("%s: no title: begin with a comment that says what the drill shows", d.File))
	}
	if len(c.words["expect"]) == 0 {
		errs = append(errs, fmt.Errorf("%s: no expectation about anything: the drill never calls expect", d.File))
	}
	legs, err := d.Editions()
	if err == nil && len(legs) == 0 && len(c.words["edition"]) > 0 {
		errs = append(errs, fmt.Errorf("%v: edition() without a matrix; begin with editions = [...]", c.words["edition"][0]))
	}
	if len(legs) == 0 {
		legs = []string{""}
	}
	proven := map[string]map[string]bool{}
	for _, leg := range legs {
		proven[leg] = proves(file, leg)
	}
	need := func(what string, words ...string) {
		without := slices.DeleteFunc(slices.Clone(legs), func(leg string) bool {
			return slices.ContainsFunc(words, func(w string) bool { return proven[leg][w] })
		})
		why := "no expect looks at what " + strings.Join(words, " or ") + " found"
		switch {
		case len(without) == 0:
			return
		case !slices.ContainsFunc(words, func(w string) bool { return len(c.words[w]) > 0 }):
			why = "the drill never calls " + strings.Join(words, " or ")
		}
		if len(without) < len(legs) {
			what += " under " + strings.Join(without, ", ")
		}
		errs = append(errs, fmt.Errorf("%s: no expectation about %s: %s", d.File, what, why))
	}
	need("packets", "packets", "messages")
	need("events", "events", "await_event", "logged")
	if len(c.programs["lserver"]) > 0 { // else there is none
		need("the pool", "inventory")
	}
	return errors.Join(errs...)
}

// advice is that of requirements R52 to R54, and of decision U10.
func (c *calls) advice() []Remark {
	var all []Remark
	add := func(at syntax.Position, text string) { all = append(all, Remark{at.String(), text}) }
	servers := c.programs["lserver"]
	terminals := c.programs["termsrv"]
	if len(terminals) > 0 && len(servers) == 0 {
		add(terminals[0], "a terminal server and no license server: where there is the one, the other is needed too (R52)")
	}
	if len(c.perUser) > 0 && !c.perUserPacks {
		add(c.perUser[0], "a terminal server licensed per user and no Per User licenses: nobody counts them, and each user needs one (U10)")
	}
	if len(servers) == 1 {
		add(servers[0], "one license server: two that can be found are recommended (R53)")
	}
	if len(servers) > 1 && len(c.words["activate"]) < len(servers) {
		add(servers[len(servers)-1], "more license servers than are activated: the first is activated and stocked, the second activated and empty (R54)")
	}
	return all
}
