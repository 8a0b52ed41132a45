package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/edition"
	ls "github.com/tslab/tslab/ls/policy"
	ts "github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

func resultOf(r *Rule) verdict { return verdict{r.Number, r.Result} }

// ask is the code's question about a client, in any mode.
func ask(p *edition.Profile, c combination) (ts.Question, bool) {
	s := ts.Server{Profile: p, Mode: modeOf(&c), Grace: graceOf(p, &c), Features: tsls.Announced(p.Edition)}
	d := ts.Before(now(), s, ts.Client{Class: classOf(&c), OS: osOf(&c)})
	return d.Ask, d.Verb == ts.Ask
}

func TestQuestion(t *testing.T) {
	checkPart(t, Question, questions, resultOf, func(p *edition.Profile, c combination) verdict {
		q, asks := ask(p, c)
		switch {
		case !asks:
			return verdict{result: "nothing"}
		case q.Ping:
			return verdict{result: "ping"}
		}
		return verdict{result: q.Request.String()}
	})
}

func TestWhom(t *testing.T) {
	checkPart(t, Whom, asked, resultOf, func(p *edition.Profile, c combination) verdict {
		if q, _ := ask(p, c); q.AtIssuer {
			return verdict{result: "issuer"}
		}
		return verdict{result: "current"}
	})
}

func TestDuties(t *testing.T) {
	checkPart(t, Duties, dutiesOf, resultOf, func(p *edition.Profile, c combination) verdict {
		return verdict{result: dutyCode(p, &c)}
	})
}

// dutyCode is what ls/policy says about a duty.
func dutyCode(p *edition.Profile, c *combination) string {
	features := tsls.Announced(p.Edition)
	req := tsls.Allocate{Request: tsls.RequestCAL, Mode: "device", Edition: c.value(colAsker)}
	if c[colAsker] == 0 {
		req.Edition = p.Edition.String()
	}
	if !c.is(colDuty, "serve") {
		p = serving(p, req.Edition)
	}
	switch c.value(colDuty) {
	case "serve":
		if d := ls.Decide(req, ls.State{}, p, features); d.Answer != tsls.AnswerDenyServed {
			return "served"
		}
		return tsls.AnswerDenyServed.String()
	case "version":
		return versionsFor(p, c.value(colAsker))
	case "sweep":
		return swept(p, c)
	case "connector":
		req.Request = tsls.RequestInternetConnector
		return ls.Decide(req, ls.State{Activated: c.is(colActivated, "y"), Free: c.is(colFree, "y")}, p, features).Answer.String()
	case "peer":
		req.Mode, req.Final, req.ViaDefault = c.value(colMode), c.is(colFinal, "y"), c.is(colDefaultLS, "y")
		if ls.Decide(req, ls.State{Activated: c.is(colActivated, "y"), Peer: true}, p, features).Answer == tsls.AnswerRefer {
			return "refer"
		}
		return "none"
	case "close":
		return closed(p, c.value(colAnswer))
	case "report":
		return reported(c.is(colReferred, "y"), answerOf(c))
	case "referred":
		req.Request, req.Hops = requestOf(c), 1
		st := ls.State{Activated: c.is(colActivated, "y"), Free: !c.is(colFree, "n"), Row: ls.RowNone}
		if c.is(colFree, "own") {
			st.Row, st.Free = ls.RowCAL, false
		}
		if d := ls.Decide(req, st, p, features); d.Rule == "L21" {
			return d.Answer.String()
		}
		return "decide"
	}
	if req.Validated = c.is(colReferral, "y"); c.is(colMarks, "n") {
		features = 0
	}
	return markCode(p, c, req, features)
}

// markCode is what ls/policy says about the mark of a temporary token.
func markCode(p *edition.Profile, c *combination, req tsls.Allocate, features tsls.Features) string {
	if c.is(colDuty, "inquire") {
		req.Request, req.Presented = requestOf(c), classOf(c)
		return map[bool]string{true: "ask", false: "no"}[ls.Inquires(req, p, features)]
	}
	req.Presented = tsls.ClassTemporary
	word := map[string]ls.Word{"y": ls.SaysValidated, "n": ls.SaysNot, "silent": ls.NoWord}[c.value(colIssuer)]
	st := ls.State{Activated: true, Validated: ls.Marked(!c.is(colMarked, "none"), c.is(colMarked, "y"), word)}
	return map[bool]string{true: "y", false: "n"}[ls.Decide(req, st, p, features).Validated]
}

// reported hunts for an answer, of the first license server or of one that it refers
// to, and says whether the first is told of it.
func reported(referred bool, a tsls.Answer) string {
	hunt := ts.NewHunt("ls1:3343", tsls.Allocate{}, 3)
	first := tsls.ServerInfo{Name: "ls1", Features: tsls.FeatureReferral}
	if referred {
		hunt.Answered(first, tsls.Allocated{Answer: tsls.AnswerRefer, Referrals: []tsls.Referral{{Name: "ls2", Address: "ls2:3343"}}})
		hunt.Next()
		hunt.Answered(tsls.ServerInfo{Name: "ls2"}, tsls.Allocated{Answer: a})
	} else {
		hunt.Answered(first, tsls.Allocated{Answer: a})
	}
	_, told := hunt.Report("LAB-1")
	return map[bool]string{true: "tell", false: "nothing"}[told]
}

func answerOf(c *combination) tsls.Answer {
	a := tsls.AnswerCALTake
	for ; a.String() != c.value(colAnswer); a++ {
	}
	return a
}

func requestOf(c *combination) tsls.Request {
	q := tsls.RequestCAL
	for ; q.String() != c.value(colRequest); q++ {
	}
	return q
}

// serving is a profile that serves an edition, where a test turned that off and looks
// at something else.
func serving(p *edition.Profile, asker string) *edition.Profile {
	served := *p
	served.ServesTS = []string{asker}
	return &served
}

func versionsFor(p *edition.Profile, asker string) string {
	var list []string
	for _, v := range ls.Versions(p, asker) {
		list = append(list, map[token.Version]string{{Major: 5}: "5.0", {Major: 5, Minor: 2}: "5.2"}[v])
	}
	return strings.Join(list, ",")
}

func swept(p *edition.Profile, c *combination) string {
	at := now().Add(p.MaxStep)
	if c.is(colStep, "beyond") {
		at = at.Add(time.Second)
	}
	kind := map[string]token.Kind{"temp": token.Temporary, "cal": token.CAL, "built-in": token.BuiltIn}[c.value(colKind)]
	switch {
	case ls.StepTooLarge(now(), at, p):
		return "hold"
	case ls.Returns(kind, p):
		return "return"
	}
	return "stay"
}

// closed looks for a request that is answered so, and says what becomes of the
// device's temporary row. An answer that the profile never gives closes nothing.
func closed(p *edition.Profile, answer string) string {
	f := farm{ts: p, ls: p}
	for c := range requests(p) {
		q := ts.Question{Request: requestOf(&c), Presented: classOf(&c), Mode: "device"}
		d := ls.Decide(f.request(q, &c), f.state(&c), p, f.features())
		if d.Answer.String() == answer {
			return map[bool]string{true: "close", false: "leave"}[d.CloseTemp]
		}
	}
	return "leave"
}

// TestNotActivatedHasNoCAL is rule L2: whatever is free here or elsewhere, a license
// server that is not activated gives temporary tokens, keeps what was presented, or
// refuses.
func TestNotActivatedHasNoCAL(t *testing.T) {
	for _, e := range edition.All() {
		p := edition.Of(e)
		f, seen := farm{ts: &p, ls: &p}, map[string]bool{}
		for c := range requests(&p) {
			if c.is(colActivated, "y") {
				continue
			}
			q := ts.Question{Request: requestOf(&c), Presented: classOf(&c), Mode: "device"}
			st := f.state(&c)
			st.Free, st.Peer = true, true
			seen[ls.Decide(f.request(q, &c), st, &p, f.features()).Answer.String()] = true
		}
		want := map[string]bool{"TEMP-new": true, "TEMP-row": true, "KEEP": true, "DENY-expired": true}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("%s (-want +got):\n%s", e, diff)
		}
	}
}

// TestNotes: the notes of the table are these, so that none is lost; and each names a
// test that is there.
func TestNotes(t *testing.T) {
	want := map[Part]string{
		ClassOf: "T8 T9a T16", Device: "M16 M49 M50", User: "U8 U9 U10", Connector: "I5 I9 I10",
		Duties:    "L2 L11 L18 L19 L20 L22f L27 L28",
		Discovery: "V1 V2 V2a V3 V4 V5 V6 V7 V8 V9 V10 V11 V12 V13",
	}
	got := map[Part]string{}
	table := load(t)
	for _, p := range Parts() {
		for _, r := range table.Rules(p) {
			if !r.Note {
				continue
			}
			got[p] = strings.TrimSpace(got[p] + " " + r.Number)
			if !testIsThere(t, r.Held) {
				t.Errorf("note %s is held by %q, which is no test", r.Number, r.Held)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

func testIsThere(t *testing.T, held string) bool {
	t.Helper()
	dir, name, _ := strings.Cut(held, " ")
	files, err := filepath.Glob(filepath.Join("../..", dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "func "+name+"(t *testing.T) {") {
			return true
		}
	}
	return false
}

// TestSource: every rule says whose it is, S or P, and every S what document.
func TestSource(t *testing.T) {
	table := load(t)
	for _, p := range Parts() {
		for _, r := range table.Rules(p) {
			if !strings.Contains(r.By, "P") && !strings.Contains(r.By, "S") {
				t.Errorf("rule %s: %q is neither S nor P", r.Number, r.By)
			}
		}
	}
}
