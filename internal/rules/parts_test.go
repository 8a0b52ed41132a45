package rules

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/edition"
	ls "github.com/tslab/tslab/ls/policy"
	ts "github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// A verdict is what one part says about one combination, and by which rule. The
// rule is empty where the code names none.
type verdict struct{ rule, result string }

// checkPart holds the code of a part against the table: for every combination, with
// every knob that the part reads off its default in turn; and it deletes each rule,
// which must be noticed.
func checkPart(t *testing.T, part Part, all func(*edition.Profile) iter.Seq[combination],
	want func(*Rule) verdict, code func(*edition.Profile, combination) verdict) {
	t.Helper()
	table, counts := load(t), 0
	fired, proved := map[string]bool{}, map[string]bool{}
	for i, o := range append([]off{{}}, offsOf(table, part)...) {
		for _, e := range edition.All() {
			p := o.profile(e)
			v := table.view(p)
			for c := range all(p) {
				counts++
				w := v.decide(part, &c)
				if w.last() == nil {
					t.Fatalf("knob %+v, %s: no rule", o, &c)
				}
				got := code(p, c)
				if want := want(w.last()); !agree(want, got) {
					t.Fatalf("knob %+v, %s: table %v, code %v", o, &c, want, got)
				}
				for _, r := range w.Path {
					fired[r.Number] = true
					if proved[r.Number] {
						continue
					}
					less := table.without(r.Number).view(p).decide(part, &c).last()
					proved[r.Number] = less == nil || !agree(want(less), got)
				}
			}
		}
		if i == 0 {
			t.Logf("part %s: %d combinations", part, counts)
		}
	}
	for _, r := range table.Rules(part) {
		if !r.Note && (!fired[r.Number] || !proved[r.Number]) {
			t.Errorf("rule %s: fired %v, its deletion noticed %v", r.Number, fired[r.Number], proved[r.Number])
		}
	}
}

func agree(want, got verdict) bool {
	return want.result == got.result && (got.rule == "" || got.rule == want.rule)
}

func TestClasses(t *testing.T) {
	checkPart(t, ClassOf, presented,
		func(r *Rule) verdict { return verdict{r.Number, r.Class} },
		func(p *edition.Profile, c combination) verdict {
			got := ts.Classify(p, now(), evidence(p, &c))
			return verdict{got.Rule, got.Class.String()}
		})
}

// evidence makes what a combination describes, each value at its edge.
func evidence(p *edition.Profile, c *combination) ts.Evidence {
	device, other := hwid.New(1, [16]byte{1}), hwid.New(1, [16]byte{2})
	e := ts.Evidence{Presented: !c.is(colBlob, "empty"), HardwareID: device, License: token.License{HardwareID: device}}
	switch c.value(colBlob) {
	case "foreign":
		e.Err = fmt.Errorf("license: %w", &token.ForeignError{Size: 100})
	case "broken":
		e.Err = errors.New("asn.1: syntax error")
	}
	if !c.is(colBlob, "sound") {
		return e
	}
	l := &e.License
	l.Kind = map[string]token.Kind{"temp": token.Temporary, "cal": token.CAL, "built-in": token.BuiltIn}[c.value(colKind)]
	e.Rooted, e.KnownSigner, e.InCatalog = c.is(colTrust, "root"), c.is(colTrust, "signer"), c.is(colTrust, "catalog")
	e.Own = c.is(colTrust, "own")
	if c.is(colTrust, "stranger") {
		e.Err = &token.VerifyError{Check: token.CheckRoot}
	}
	if c.is(colHardware, "other") {
		l.HardwareID = other
	}
	major, minor := p.Edition.Version()
	l.Version = map[string]token.Version{"older": {Major: major - 1, Minor: 9}, "same": {Major: major, Minor: minor}, "newer": {Major: major, Minor: minor + 1}}[c.value(colVersion)]
	l.Issued = now().Add(map[string]time.Duration{"no": 0, "day": 24 * time.Hour, "more": 24*time.Hour + time.Second}[c.value(colAhead)])
	window := time.Duration(p.RenewWindowDays) * 24 * time.Hour
	switch c.value(colDate) {
	case "far":
		l.Expires = now().Add(window + time.Second)
	case "near":
		l.Expires = now().Add(window)
	case "past":
		l.Expires = now().Add(-time.Second)
	}
	return e
}

func TestLicenseServer(t *testing.T) {
	checkPart(t, LicenseServer, requests,
		func(r *Rule) verdict { return verdict{r.Number, r.Answer} },
		func(p *edition.Profile, c combination) verdict {
			f := farm{ts: p, ls: p}
			q := ts.Question{Request: requestOf(&c), Presented: classOf(&c), Mode: "device"}
			got := ls.Decide(f.request(q, &c), f.state(&c), p, f.features())
			return verdict{got.Rule, got.Answer.String()}
		})
}

func TestConnector(t *testing.T) {
	checkPart(t, Connector,
		func(p *edition.Profile) iter.Seq[combination] {
			if p.Edition == edition.SP3 {
				return operations()
			}
			return func(func(combination) bool) {}
		},
		func(r *Rule) verdict { return verdict{r.Number, r.Result} },
		func(p *edition.Profile, c combination) verdict {
			in := ts.Connector{On: c.is(colConnector, "on"), Up: c.is(colLS, "up"), Activated: c.is(colActivated, "y"),
				Free: c.is(colConnectorFree, "y"), LiveSessions: c.is(colLive, "y"), Forced: c.is(colForced, "y")}
			got := ts.DisableConnector(in)
			if c.is(colOperation, "enable") {
				got = ts.EnableConnector(in)
			}
			return verdict{got.Rule, got.Result.String()}
		})
}

func TestGracePeriod(t *testing.T) {
	checkPart(t, GracePeriod, periods, wantGrace, codeGrace)
}

func wantGrace(r *Rule) verdict { return verdict{r.Number, r.Grace + " " + r.Event} }

// codeGrace lets something happen to a grace period in a state.
func codeGrace(p *edition.Profile, c combination) verdict {
	g, at := ts.Grace{}, now()
	if !c.is(colPeriod, "not-started") {
		g = g.Started(p, now())
		at = g.End.AddDate(0, 0, -20)
	}
	switch c.value(colPeriod) {
	case "ended":
		g.State, g.Reason = ts.GraceEnded, ts.GraceLSContact
	case "expired":
		g, _ = g.Due(p, g.End)
		at = g.End.AddDate(0, 0, 1)
	}
	before := g
	g, events := happen(p, g, at, c.value(colHappens))
	if g.State != ts.GraceNotStarted && !before.End.IsZero() && !g.End.Equal(before.End) {
		return verdict{result: "the end moved"}
	}
	state := g.State.String()
	if g.Reason == ts.GraceExpired {
		state = "expired"
	}
	if state == c.value(colPeriod) && len(events) == 0 && isKept(c) {
		state = "same"
	}
	out := state + " "
	for _, e := range events {
		out += e.Event.String()
	}
	return verdict{result: out}
}

// isKept says for which combinations the table writes "same".
func isKept(c combination) bool {
	done := c.is(colPeriod, "ended") || c.is(colPeriod, "expired")
	return done || c.is(colHappens, "peruser-pack")
}

func happen(p *edition.Profile, g ts.Grace, at time.Time, what string) (ts.Grace, []ts.Duty) {
	switch what {
	case "found", "temp-issued":
		return g.ServerFound(p, false), nil
	case "cal-issued":
		return g.ServerFound(p, true), nil
	case "peruser-pack":
		return g.PerUserPackFound(p), nil
	case "warning":
		return g.Due(p, g.End.AddDate(0, 0, -p.WarnDays))
	case "over":
		return g.Due(p, g.End)
	case "back":
		return g.Due(p, now().AddDate(-1, 0, 0))
	case "service-start":
		return g.ServiceStarted(p, at)
	case "accepted":
		return g.Started(p, at), nil
	}
	return g, nil // a license server that goes
}

func TestAcquire(t *testing.T) {
	checkPart(t, Acquire, acquirings,
		func(r *Rule) verdict { return verdict{r.Number, strings.TrimSpace(r.Event + " " + r.Also)} },
		func(p *edition.Profile, c combination) verdict {
			s := ts.Server{Profile: p, Grace: ts.Grace{State: ts.GraceEnded}, Features: tsls.Announced(p.Edition)}
			d := ts.Before(now(), s, ts.Client{UserNamed: c.is(colUser, "named")})
			return verdict{result: strings.Trim(fmt.Sprint(ts.After(d, ts.Answer{}).Events), "[]")}
		})
}
