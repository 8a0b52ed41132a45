package policy

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/tsls"
)

// start is the lab's first morning.
func start() time.Time { return time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC) }

func server(p edition.Profile) Server {
	return Server{Profile: &p, Features: tsls.Announced(p.Edition)}
}

func ended() Grace { return Grace{State: GraceEnded, Reason: GraceLSContact} }

// up is an activated license server's answer.
func up(code tsls.Answer) Answer {
	return Answer{Up: true, Code: code, Activated: true, Validated: true}
}

// TestFirstLogon is the story of Windows 2000 with service pack 3: a temporary
// token, its mark, a CAL, and then no license server any more.
func TestFirstLogon(t *testing.T) {
	s := server(edition.W2KSP3())

	d := Before(start(), s, Client{Class: tsls.ClassNone})
	want := Question{Request: tsls.RequestTemp, Presented: tsls.ClassNone, Mode: "device"}
	if diff := cmp.Diff(want, d.Ask); d.Verb != Ask || diff != "" {
		t.Fatalf("first connection: %s (-want +got):\n%s", d.Verb, diff)
	}
	first := After(d, up(tsls.AnswerTempNew))
	check(t, "first connection", first, Outcome{Rule: "M46", Admit: true, Pushed: PushTemp, Mark: true, Wire: WireNew,
		Grace: Grace{State: GraceEnded, Reason: GraceForfeited}})

	s.Grace = first.Grace
	d = Before(start(), s, Client{Class: tsls.ClassTemporary})
	if d.Verb != Ask || d.Ask.Request != tsls.RequestCAL {
		t.Fatalf("second connection: %s %+v", d.Verb, d.Ask)
	}
	check(t, "second connection", After(d, up(tsls.AnswerCALTake)),
		Outcome{Rule: "M19", Admit: true, Pushed: PushCAL, Wire: WireUpgrade, Grace: s.Grace})

	// The logon failed, so that the license server keeps the token as it is.
	unvalidated := Answer{Up: true, Code: tsls.AnswerKeep, Activated: true}
	check(t, "without a logon", After(d, unvalidated),
		Outcome{Rule: "M21", Admit: true, Mark: true, Wire: WireOK, Grace: s.Grace})

	d = Before(start(), s, Client{Class: tsls.ClassPermFresh})
	if d.Verb != Admit {
		t.Fatalf("third connection: %s", d.Verb)
	}
	check(t, "third connection", d.Outcome, Outcome{Rule: "M3", Admit: true, Wire: WireOK, Grace: s.Grace})
}

func check(t *testing.T, what string, got, want Outcome) {
	t.Helper()
	if got.Reason == "" {
		t.Errorf("%s: no reason", what)
	}
	got.Reason = ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestGraceAndConnections: who starts the period, who ends it, who is covered.
func TestGraceAndConnections(t *testing.T) {
	w2k, net := edition.W2KSP3(), edition.WS2003()
	running := Grace{}.Started(&w2k, start())
	running2003 := Grace{}.Started(&net, start())
	over := Grace{State: GraceEnded, Start: start(), End: running.End, Reason: GraceExpired, Logged: running.End}
	for _, test := range []struct {
		name    string
		profile edition.Profile
		grace   Grace
		now     time.Time
		class   tsls.Class
		answer  Answer
		rule    string
		want    Grace
	}{
		{"the first client starts it", w2k, Grace{}, start(), tsls.ClassNone, Answer{}, "M37", running},
		{"a refused first client does not", w2k, Grace{}, start(), tsls.ClassCorrupt, Answer{}, "M1", Grace{}},
		{"another client changes nothing", w2k, running, start().AddDate(0, 0, 50), tsls.ClassNone, Answer{}, "M37", running},
		{"at its end a client ends it", w2k, running, running.End, tsls.ClassNone, Answer{}, "M38", over},
		{"a moment before it is covered", w2k, running, running.End.Add(-time.Second), tsls.ClassNone, Answer{}, "M37", running},
		{"a license server ends it in Windows 2000", w2k, running, start(), tsls.ClassNone, up(tsls.AnswerTempNew), "M46",
			Grace{State: GraceEnded, Start: running.Start, End: running.End, Reason: GraceLSContact}},
		{"even when it refuses", w2k, running, start(), tsls.ClassNone, up(tsls.AnswerDenyExpired), "M42",
			Grace{State: GraceEnded, Start: running.Start, End: running.End, Reason: GraceLSContact}},
		{"not one that serves other editions", w2k, running, start(), tsls.ClassNone, up(tsls.AnswerDenyServed), "M37", running},
		{"nor in 2003", net, running2003, start(), tsls.ClassNone, up(tsls.AnswerTempNew), "M47", running2003},
		{"in 2003 a CAL ends it", net, running2003, start(), tsls.ClassTemporary, up(tsls.AnswerCALTake), "M19",
			Grace{State: GraceEnded, Start: start(), End: running2003.End, Reason: GraceCAL}},
		{"in 2003 a CAL issued elsewhere ends it", net, running2003, start(), tsls.ClassTemporaryExpired,
			Answer{Up: true, Code: tsls.AnswerDenyExpired, Activated: true, CALIssuedEver: true}, "M29",
			Grace{State: GraceEnded, Start: start(), End: running2003.End, Reason: GraceCAL}},
		{"in 2003 the first client starts it where CALs were issued, which ends it", net, Grace{}, start(), tsls.ClassNone,
			Answer{Up: true, Code: tsls.AnswerTempNew, Activated: true, CALIssuedEver: true}, "M47",
			Grace{State: GraceEnded, Start: start(), End: running2003.End, Reason: GraceCAL}},
		{"remote administration leaves it alone", w2k, Grace{}, start(), tsls.ClassNone, Answer{}, "G1", Grace{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := server(test.profile)
			s.Grace = test.grace
			if test.rule == "G1" {
				s.Mode = ModeAdmin
			}
			out := After(Before(test.now, s, Client{Class: test.class}), test.answer)
			if out.Rule != test.rule {
				t.Errorf("rule %s, want %s", out.Rule, test.rule)
			}
			if diff := cmp.Diff(test.want, out.Grace); diff != "" {
				t.Errorf("grace (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGraceEndScope(t *testing.T) {
	p := edition.WS2003()
	if err := p.Set("grace_end_scope", "ts"); err != nil {
		t.Fatal(err)
	}
	s := server(p)
	s.Grace = s.Grace.Started(&p, start())
	elsewhere := Answer{Up: true, Code: tsls.AnswerTempNew, Activated: true, CALIssuedEver: true}
	if out := After(Before(start(), s, Client{}), elsewhere); out.Grace.State != GraceRunning {
		t.Errorf("a CAL issued through another terminal server: grace %s", out.Grace.State)
	}
	here := Answer{Up: true, Code: tsls.AnswerCALTake, Activated: true, Validated: true, CALIssuedEver: true}
	if out := After(Before(start(), s, Client{Class: tsls.ClassTemporary}), here); out.Grace.Reason != GraceCAL {
		t.Errorf("a CAL pushed here: grace %s %q", out.Grace.State, out.Grace.Reason)
	}
}

// TestAcquireEvents: who learns that no license server was found (C25).
func TestAcquireEvents(t *testing.T) {
	for _, test := range []struct {
		knob  string
		named bool
		want  []Event
	}{
		{"both", true, []Event{EventCannotIssue, EventUnableToAcquire}},
		{"both", false, []Event{EventCannotIssue}},
		{"1000", true, []Event{EventUnableToAcquire}},
		{"1000", false, []Event{EventCannotIssue}},
		{"1004", true, []Event{EventCannotIssue}},
	} {
		p := edition.W2KSP3()
		if err := p.Set("acquire_event", test.knob); err != nil {
			t.Fatal(err)
		}
		s := server(p)
		s.Grace = ended()
		out := After(Before(start(), s, Client{UserNamed: test.named}), Answer{})
		if diff := cmp.Diff(test.want, out.Events); out.Rule != "M38" || diff != "" {
			t.Errorf("%s, user named %v: rule %s (-want +got):\n%s", test.knob, test.named, out.Rule, diff)
		}
	}
}

// TestGate: what can be answered before any license is exchanged.
func TestGate(t *testing.T) {
	p, net := edition.W2KSP3(), edition.WS2003()
	for _, test := range []struct {
		name   string
		server Server
		ok     bool
		rule   string
	}{
		{"remote administration", Server{Profile: &p, Mode: ModeAdmin}, true, "G1"},
		{"Internet Connector", Server{Profile: &p, Mode: ModeInternetConnector, Sessions: 199}, true, "G2"},
		{"its 201st session", Server{Profile: &p, Mode: ModeInternetConnector, Sessions: 200}, true, "G3"},
		{"without its account", Server{Profile: &p, Mode: ModeInternetConnector, InternetUserBroken: true, Sessions: 200}, true, "G4"},
		{"per device", Server{Profile: &p}, false, ""},
		{"2003 has no Internet Connector", Server{Profile: &net, Mode: ModeInternetConnector}, false, ""},
	} {
		_, out, ok := gate(start(), test.server, Client{})
		if ok != test.ok || Gated(test.server) != test.ok || out.Rule != test.rule {
			t.Errorf("%s: %v %s, want %v %s", test.name, ok, out.Rule, test.ok, test.rule)
		}
		if out.AsInternetUser != (test.rule == "G2") {
			t.Errorf("%s: as TSInternetUser %v", test.name, out.AsInternetUser)
		}
	}
}

// TestBeforeLeavesItsInputs: a decision can be asked for any number of times.
func TestBeforeLeavesItsInputs(t *testing.T) {
	p := edition.WS2003()
	s := Server{Profile: &p, Mode: ModeUser, Grace: Grace{}.Started(&p, start()), Features: tsls.Announced(p.Edition)}
	late := start().AddDate(1, 0, 0)
	d := Before(late, s, Client{Class: tsls.ClassCorrupt, UserNamed: true})
	first, second := After(d, Answer{}), After(d, Answer{})
	want := []Event{EventGraceExpired, EventInvalidLicense, EventCannotIssue, EventUnableToAcquire}
	if diff := cmp.Diff(want, first.Events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the second time (-first +second):\n%s", diff)
	}
	if s.Grace.State != GraceRunning {
		t.Error("the server's grace period was changed")
	}
}

func BenchmarkConnection(b *testing.B) {
	p := edition.W2KSP3()
	s := Server{Profile: &p, Grace: ended(), Features: tsls.Announced(p.Edition)}
	for b.Loop() {
		After(Before(start(), s, Client{Class: tsls.ClassTemporary}), up(tsls.AnswerCALTake))
	}
}
