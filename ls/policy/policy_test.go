package policy

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

const both = tsls.FeatureMark | tsls.FeatureExpiry

func start() time.Time { return time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC) }

// TestDecide: the answers with what the store is to do about them.
func TestDecide(t *testing.T) {
	sp3 := edition.W2KSP3()
	full := State{Activated: true, Free: true, Peer: true}
	for _, test := range []struct {
		name string
		req  tsls.Allocate
		st   State
		want Decision
	}{
		{"new device", tsls.Allocate{Request: tsls.RequestTemp}, full,
			Decision{Rule: "L6", Answer: tsls.AnswerTempNew, Kind: token.Temporary, NewRow: true}},
		{"its token again", tsls.Allocate{Request: tsls.RequestTemp}, State{Activated: true, Row: RowTemp, Free: true},
			Decision{Rule: "L7", Answer: tsls.AnswerTempRow, Kind: token.Temporary}},
		{"before the logon", tsls.Allocate{Request: tsls.RequestCAL, Presented: tsls.ClassTemporary}, State{Activated: true, Row: RowTemp, Free: true},
			Decision{Rule: "L23a", Answer: tsls.AnswerKeep}},
		{"after it", tsls.Allocate{Request: tsls.RequestCAL, Presented: tsls.ClassTemporary}, State{Activated: true, Row: RowTemp, Free: true, Validated: true},
			Decision{Rule: "L4", Answer: tsls.AnswerCALTake, Kind: token.CAL, NewRow: true, CloseTemp: true, Validated: true}},
		{"a referral said so", tsls.Allocate{Request: tsls.RequestCAL, Presented: tsls.ClassTemporary, Validated: true}, full,
			Decision{Rule: "L4", Answer: tsls.AnswerCALTake, Kind: token.CAL, NewRow: true, CloseTemp: true, Validated: true}},
		{"none left", tsls.Allocate{Request: tsls.RequestCAL, Presented: tsls.ClassTemporary}, State{Activated: true, Row: RowTemp, Validated: true},
			Decision{Rule: "L22a", Answer: tsls.AnswerKeep, Validated: true}},
		{"a peer has one", tsls.Allocate{Request: tsls.RequestCAL, Presented: tsls.ClassTemporary}, State{Activated: true, Validated: true, Peer: true},
			Decision{Rule: "L5", Answer: tsls.AnswerRefer, Validated: true}},
		{"no peer had one", tsls.Allocate{Request: tsls.RequestCAL, Presented: tsls.ClassTemporary, Final: true, Failed: []string{"LS2"}}, State{Activated: true, Validated: true, Peer: true},
			Decision{Rule: "L22a", Answer: tsls.AnswerKeep, Validated: true}},
		{"renewal", tsls.Allocate{Request: tsls.RequestRenew, Presented: tsls.ClassPermNear}, State{Activated: true, Row: RowCAL},
			Decision{Rule: "L12", Answer: tsls.AnswerCALRenew, Kind: token.CAL, Redate: true}},
		{"its CAL again", tsls.Allocate{Request: tsls.RequestTemp}, State{Activated: true, Row: RowCAL, Free: true},
			Decision{Rule: "L3", Answer: tsls.AnswerCALOwn, Kind: token.CAL}},
		{"expired CAL, its own number if it can be had", tsls.Allocate{Request: tsls.RequestCAL, Presented: tsls.ClassPermExpired, LicenseID: "LAB-1"}, full,
			Decision{Rule: "L4", Answer: tsls.AnswerCALTake, Kind: token.CAL, NewRow: true, CloseTemp: true, SameID: "LAB-1"}},
		{"built-in", tsls.Allocate{Request: tsls.RequestBuiltIn}, State{Activated: true},
			Decision{Rule: "L9", Answer: tsls.AnswerBuiltIn, Kind: token.BuiltIn, NewRow: true, CloseTemp: true}},
		{"not activated", tsls.Allocate{Request: tsls.RequestBuiltIn}, State{Free: true, Peer: true},
			Decision{Rule: "L6", Answer: tsls.AnswerTempNew, Kind: token.Temporary, NewRow: true}},
		{"per user", tsls.Allocate{Request: tsls.RequestTemp, Mode: "user"}, State{Activated: true, Row: RowTempExpired, Free: true, Peer: true},
			Decision{Rule: "L8b", Answer: tsls.AnswerDenyExpired}},
		{"Internet Connector", tsls.Allocate{Request: tsls.RequestInternetConnector}, full,
			Decision{Rule: "L15", Answer: tsls.AnswerCALTake, Kind: token.InternetConnector, NewRow: true}},
		{"no Internet Connector", tsls.Allocate{Request: tsls.RequestInternetConnector}, State{Activated: true, Peer: true},
			Decision{Rule: "L16", Answer: tsls.AnswerDenyStock}},
		{"not served", tsls.Allocate{Request: tsls.RequestCAL, Edition: "nt4-tse"}, full,
			Decision{Rule: "L1", Answer: tsls.AnswerDenyServed}},
		{"not served either", tsls.Allocate{Request: tsls.RequestCAL, Edition: "ws2003"}, full,
			Decision{Rule: "L1", Answer: tsls.AnswerDenyServed}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.req.Edition == "" {
				test.req.Edition = "w2k-sp3"
			}
			got := Decide(test.req, test.st, &sp3, both)
			if got.Reason == "" {
				t.Error("no reason")
			}
			got.Reason = ""
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestDecideIsTotal: any request that the protocol can carry has an answer, and
// never one that hands out what is not there.
func TestDecideIsTotal(t *testing.T) {
	for _, e := range edition.All() {
		p := edition.Of(e)
		for req := tsls.RequestCAL; req <= tsls.RequestInternetConnector; req++ {
			for class := tsls.ClassNone; class <= tsls.ClassBuiltIn; class++ {
				for bits := range 128 {
					bit := func(n int) bool { return bits>>n&1 == 1 }
					st := State{Activated: bit(0), Validated: bit(1), Free: bit(2), Peer: bit(3), Row: Row(bits >> 4 & 3)}
					a := tsls.Allocate{Request: req, Presented: class, Edition: e.String(), ViaDefault: bit(6)}
					d := Decide(a, st, &p, both)
					switch {
					case d.Answer == 0 || d.Reason == "" || d.Rule == "":
						t.Fatalf("%+v %+v: %+v", a, st, d)
					case d.Answer.Issues() != (d.Kind != 0):
						t.Fatalf("%+v %+v: %s issues kind %s", a, st, d.Answer, d.Kind)
					case d.Answer == tsls.AnswerCALTake && (!st.Free || !st.Activated || st.Row == RowCAL && req != tsls.RequestInternetConnector):
						t.Fatalf("%+v %+v: takes what is not there", a, st)
					case d.Answer == tsls.AnswerTempNew && class == tsls.ClassTemporaryExpired:
						t.Fatalf("%+v %+v: a second temporary token", a, st)
					}
				}
			}
		}
	}
}

// TestBuiltInPool: whom a license server serves from it.
func TestBuiltInPool(t *testing.T) {
	off := edition.W2KSP3()
	if err := off.Set("builtin_pool", "off"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name      string
		p         edition.Profile
		ts        string
		presented tsls.Class
		want      string
	}{
		{"Windows 2000", edition.W2KSP3(), "w2k-sp3", tsls.ClassNone, "L9"},
		{"Windows 2000 terminal server at 2003", edition.WS2003(), "w2k-sp3", tsls.ClassNone, "L9"},
		{"2003", edition.WS2003(), "ws2003", tsls.ClassNone, "L6"},
		{"turned off, new device", off, "w2k-sp3", tsls.ClassNone, "L6"},
		{"turned off, temporary token", off, "w2k-sp3", tsls.ClassTemporary, "L4"},
	} {
		req := tsls.Allocate{Request: tsls.RequestBuiltIn, Presented: test.presented, Edition: test.ts}
		got := Decide(req, State{Activated: true, Free: true, Validated: true}, &test.p, both)
		if got.Rule != test.want {
			t.Errorf("%s: %s %s, want %s", test.name, got.Rule, got.Answer, test.want)
		}
	}
}

func TestRowOf(t *testing.T) {
	sp3, rtm := edition.W2KSP3(), edition.W2K()
	now := start()
	later, earlier := now.AddDate(0, 0, 1), now.AddDate(0, 0, -1)
	cal := Held{Kind: token.CAL, Expires: later}
	temp := Held{Kind: token.Temporary, Expires: later}
	old := Held{Kind: token.Temporary, Expires: earlier}
	with := func(h Held, closed, presented bool) Held { h.Closed, h.Presented = closed, presented; return h }
	for _, test := range []struct {
		name string
		p    *edition.Profile
		rows []Held
		want Row
		at   int
	}{
		{"none", &sp3, nil, RowNone, -1},
		{"CAL first", &sp3, []Held{old, temp, cal}, RowCAL, 2},
		{"live before expired", &sp3, []Held{old, temp}, RowTemp, 1},
		{"expired", &sp3, []Held{old}, RowTempExpired, 0},
		{"at its last second", &sp3, []Held{{Kind: token.Temporary, Expires: now}}, RowTemp, 0},
		{"closed ones do not count", &sp3, []Held{with(old, true, false), with(cal, true, false)}, RowNone, -1},
		{"an expired CAL is none", &sp3, []Held{{Kind: token.CAL, Expires: earlier}}, RowNone, -1},
		{"a CAL without an end", &sp3, []Held{{Kind: token.CAL}}, RowCAL, 0},
		{"built-in rows do not count", &sp3, []Held{{Kind: token.BuiltIn}}, RowNone, -1},
		{"before the hotfix CALs are not looked up by device", &rtm, []Held{cal, temp}, RowTemp, 1},
		{"but by the license that is presented", &rtm, []Held{with(cal, false, true)}, RowCAL, 0},
	} {
		if row, at := RowOf(test.rows, now, test.p); row != test.want || at != test.at {
			t.Errorf("%s: %s at %d, want %s at %d", test.name, row, at, test.want, test.at)
		}
	}
}

func TestVersions(t *testing.T) {
	w2k, net, prevent := edition.W2KSP3(), edition.WS2003(), edition.WS2003()
	if err := prevent.Set("prevent_upgrade", "on"); err != nil {
		t.Fatal(err)
	}
	old, new := token.Version{Major: 5}, token.Version{Major: 5, Minor: 2}
	for _, test := range []struct {
		p    *edition.Profile
		ts   string
		want []token.Version
	}{
		{&w2k, "w2k-rtm", []token.Version{old}},
		{&net, "ws2003", []token.Version{new}},
		{&net, "w2k-sp3", []token.Version{old, new}},
		{&prevent, "w2k-sp3", []token.Version{old}},
		{&prevent, "ws2003", []token.Version{new}},
	} {
		if diff := cmp.Diff(test.want, Versions(test.p, test.ts)); diff != "" {
			t.Errorf("%s at %s (-want +got):\n%s", test.ts, test.p.Edition, diff)
		}
	}
	for name, serves := range map[string]bool{"w2k-rtm": true, "w2k-sp3": true, "ws2003": false, "nt4-tse": false, "": false} {
		if Serves(&w2k, name) != serves {
			t.Errorf("w2k-sp3 serves %q: %v", name, !serves)
		}
	}
	if !Serves(&net, "ws2003") || !Serves(&net, "w2k-rtm") {
		t.Error("ws2003 serves all three")
	}
}

func BenchmarkDecide(b *testing.B) {
	p := edition.W2KSP3()
	req := tsls.Allocate{Request: tsls.RequestCAL, Presented: tsls.ClassTemporary, Edition: "w2k-sp3"}
	for b.Loop() {
		Decide(req, State{Activated: true, Free: true, Validated: true, Row: RowTemp}, &p, both)
	}
}
