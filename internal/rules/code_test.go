package rules

import (
	"slices"
	"time"

	"github.com/tslab/tslab/internal/edition"
	ls "github.com/tslab/tslab/ls/policy"
	ts "github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/tsls"
)

// outcome is what table and code are compared by.
type outcome struct {
	Rule, Result, Push string
	Mark               bool
	Events             []string
	Wire, Grace        string
	Asked, Answer      string // the license server's rule and answer
}

// want is the table's outcome for a farm whose client may have named its user.
func (v *view) want(c combination, f farm) (outcome, Walked) {
	w, seen := v.walk(c)
	r := w.last()
	if r == nil {
		return outcome{Rule: "no rule"}, w
	}
	o := outcome{Rule: r.Number, Result: r.Result, Push: r.Push, Wire: r.Wire,
		Mark: r.Mark && !c.is(colEdition, "w2k-rtm"), Grace: v.graceAfter(w, c, seen)}
	for _, e := range w.events() {
		o.Events = append(o.Events, v.unfold(e, !f.unnamed)...)
	}
	if w.Answer != nil {
		o.Asked, o.Answer = w.Answer.Number, w.Answer.Answer
	}
	return o, w
}

// graceAfter is the state of the grace period that the gate's rules leave.
func (v *view) graceAfter(w Walked, before, seen combination) string {
	r := w.last()
	free := r.Part == Gate // admin and Internet Connector: the period is nobody's business
	switch before.value(colGrace) {
	case "end":
		return "ended"
	case "overdue":
		if free {
			return "running"
		}
		return "ended"
	case "not-started":
		if free || r.Result != "allow" {
			return "not-started"
		}
	}
	if !free && v.profile.GraceEnd == edition.FirstPermanentCAL && (r.Push == "cal" || r.Push == "cal-peer") {
		return "ended" // S3
	}
	return "running"
}

// now is the moment of every connection.
func now() time.Time { return time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC) }

func graceOf(p *edition.Profile, c *combination) ts.Grace {
	g := ts.Grace{}
	switch c.value(colGrace) {
	case "run":
		return g.Started(p, now().AddDate(0, 0, -1))
	case "overdue":
		return g.Started(p, now().AddDate(-1, 0, 0))
	case "end":
		g, _ = g.Started(p, now().AddDate(-1, 0, 0)).Due(p, now())
	}
	return g
}

// farm is a terminal server and a license server with their profiles.
type farm struct {
	ts, ls  *edition.Profile
	unnamed bool // the client names no user
}

func (f farm) features() tsls.Features {
	return tsls.Announced(f.ts.Edition) & tsls.Announced(f.ls.Edition)
}

// got is the code's outcome: the terminal server's decision, the license server's
// answer where it asks for one, and the end. Values that must not count are set to
// what would do the most harm.
func (f farm) got(c combination) outcome {
	server := ts.Server{
		Profile: f.ts, Mode: modeOf(&c), Grace: graceOf(f.ts, &c), Features: f.features(),
		DefaultLicenseServer: c.is(colDefaultLS, "y"),
		InternetUserBroken:   c.is(colInternetUser, "broken"),
	}
	if server.Sessions = f.ts.ICLimit; c.is(colSessions, "lt200") {
		server.Sessions--
	}
	client := ts.Client{Class: classOf(&c), OS: osOf(&c), UserNamed: !f.unnamed}
	d := ts.Before(now(), server, client)
	if d.Verb != ts.Ask {
		return codeOutcome(ts.After(d, ts.Answer{}))
	}
	if c.is(colLS, "down") {
		return codeOutcome(ts.After(d, ts.Answer{}))
	}
	a := ts.Answer{Up: true, Activated: c.is(colActivated, "y")}
	var asked ls.Decision
	if !d.Ask.Ping {
		asked = ls.Decide(f.request(d.Ask, &c), f.state(&c), f.ls, f.features())
		a.Code, a.Validated = asked.Answer, asked.Validated
	}
	if a.Code == tsls.AnswerRefer {
		a.Code, a.Referred = tsls.AnswerCALTake, true
	}
	o := codeOutcome(ts.After(d, a))
	if !d.Ask.Ping {
		o.Asked, o.Answer = asked.Rule, asked.Answer.String()
	}
	return o
}

func (f farm) request(q ts.Question, c *combination) tsls.Allocate {
	return tsls.Allocate{
		Request: q.Request, Presented: q.Presented, Mode: q.Mode, Edition: f.ts.Edition.String(),
		ViaDefault: c.is(colDefaultLS, "y"),
	}
}

func (f farm) state(c *combination) ls.State {
	st := ls.State{
		Activated: c.is(colActivated, "y"), Validated: c.is(colValidated, "y"),
		Free: c.is(colFree, "y"), Peer: c.is(colPeer, "y"),
		Row: ls.Row(c[colRow] - 1),
	}
	if !st.Activated {
		st.Free, st.Peer = true, true
	}
	if c.is(colDefaultLS, "y") && !f.ls.DefaultLSReferral {
		st.Peer = true
	}
	if !f.features().Has(tsls.FeatureMark) {
		st.Validated = false // does not count
	}
	return st
}

func codeOutcome(out ts.Outcome) outcome {
	o := outcome{Rule: out.Rule, Result: "deny", Push: out.Pushed.String(), Mark: out.Mark,
		Wire: out.Wire.String(), Grace: out.Grace.State.String()}
	if out.Admit {
		o.Result = "allow"
	}
	for _, e := range out.Events {
		o.Events = append(o.Events, e.String())
	}
	return o
}

func modeOf(c *combination) ts.Mode {
	for m := ts.ModeDevice; m <= ts.ModeAdmin; m++ {
		if c.is(colMode, m.String()) {
			return m
		}
	}
	return ts.ModeDevice
}

func osOf(c *combination) ts.OS {
	for _, o := range []ts.OS{ts.OSProfessional, ts.OSMacintosh} {
		if c.is(colOS, o.String()) {
			return o
		}
	}
	return ts.OSOther
}

func classOf(c *combination) tsls.Class {
	for k := tsls.ClassNone; k <= tsls.ClassBuiltIn; k++ {
		if c.is(colToken, k.String()) {
			return k
		}
	}
	return tsls.ClassNone
}

// same compares what two outcomes decide, and their rules as far as the terminal
// server can know them.
func same(want, got outcome) bool {
	if !sameRule(want.Rule, got.Rule) {
		return false
	}
	want.Rule = got.Rule
	return slices.Equal(want.Events, got.Events) && want.key() == got.key()
}

// sameRule allows for rules that come to the same and cannot be told apart from
// the license server's answer.
func sameRule(want, got string) bool {
	return want == got ||
		want == "M14e" && got == "M14" || // a new temporary token, with or without an expired row
		want == "U2b" && got == "U2a" // no token was asked for: the row is unknown
}

func (o outcome) key() [9]any {
	return [9]any{o.Rule, o.Result, o.Push, o.Mark, o.Wire, o.Grace, o.Asked, o.Answer}
}
