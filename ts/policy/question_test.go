package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/tsls"
)

// TestQuestions: what is asked, and of whom.
func TestQuestions(t *testing.T) {
	net, current, noPool := edition.WS2003(), edition.W2KSP3(), edition.W2KSP3()
	for p, set := range map[*edition.Profile]string{&current: "renew_at=current", &noPool: "builtin_pool=off"} {
		if err := p.SetAll([]string{set}); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name   string
		server Server
		client Client
		want   Question
	}{
		{"renewal", server(edition.W2KSP3()), Client{Class: tsls.ClassPermNear},
			Question{Request: tsls.RequestRenew, Presented: tsls.ClassPermNear, Mode: "device", AtIssuer: true}},
		{"renewal by the knob", server(current), Client{Class: tsls.ClassPermNear},
			Question{Request: tsls.RequestRenew, Presented: tsls.ClassPermNear, Mode: "device"}},
		{"expired CAL", server(net), Client{Class: tsls.ClassPermExpired, OS: OSProfessional},
			Question{Request: tsls.RequestCAL, Presented: tsls.ClassPermExpired, Mode: "device", AtIssuer: true}},
		{"new device", server(edition.W2KSP3()), Client{OS: OSMacintosh},
			Question{Request: tsls.RequestTemp, Mode: "device"}},
		{"new device before the hotfix", server(edition.W2K()), Client{},
			Question{Request: tsls.RequestCAL, Mode: "device"}},
		{"new device at a license server without it", Server{Profile: &current}, Client{},
			Question{Request: tsls.RequestCAL, Mode: "device"}},
		{"expired CAL at a license server without it", Server{Profile: &current}, Client{Class: tsls.ClassPermExpired},
			Question{Request: tsls.RequestCAL, Mode: "device"}},
		{"Professional", server(edition.W2KSP3()), Client{OS: OSProfessional, Class: tsls.ClassTemporary},
			Question{Request: tsls.RequestBuiltIn, Presented: tsls.ClassTemporary, Mode: "device"}},
		{"Professional without a pool", server(noPool), Client{OS: OSProfessional},
			Question{Request: tsls.RequestTemp, Mode: "device"}},
		{"Professional at 2003", server(net), Client{OS: OSProfessional},
			Question{Request: tsls.RequestTemp, Mode: "device"}},
		{"broken mode", Server{Profile: &net, Mode: ModeInvalid, Features: tsls.Announced(net.Edition)}, Client{},
			Question{Request: tsls.RequestTemp, Mode: "invalid"}},
		{"per user", Server{Profile: &net, Mode: ModeUser}, Client{Class: tsls.ClassCorrupt},
			Question{Request: tsls.RequestTemp, Mode: "user"}},
		{"per user with a token", Server{Profile: &net, Mode: ModeUser}, Client{Class: tsls.ClassTemporary},
			Question{Ping: true}},
		{"Windows 2000 knows no users", Server{Profile: &current, Mode: ModeUser, Features: tsls.Announced(edition.SP3)}, Client{},
			Question{Request: tsls.RequestTemp, Mode: "device"}},
	} {
		d := Before(start(), test.server, test.client)
		if diff := cmp.Diff(test.want, d.Ask); d.Verb != Ask || diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", test.name, d.Verb, diff)
		}
	}
}

// TestNothingRenews: a license server without the hotfix renews no CAL.
func TestNothingRenews(t *testing.T) {
	p := edition.W2KSP3()
	d := Before(start(), Server{Profile: &p, Grace: ended()}, Client{Class: tsls.ClassPermNear})
	if d.Verb != Admit || d.Outcome.Rule != "M9" {
		t.Errorf("%s by %s, want admit by M9", d.Verb, d.Outcome.Rule)
	}
}

// TestStrangeAnswers: whatever a license server says, a valid token admits and the
// rest ends as if none had answered.
func TestStrangeAnswers(t *testing.T) {
	s := server(edition.W2KSP3())
	for _, test := range []struct {
		class tsls.Class
		code  tsls.Answer
		rule  string
	}{
		{tsls.ClassNone, tsls.AnswerRefer, "M38"},
		{tsls.ClassNone, tsls.AnswerKeep, "M38"},
		{tsls.ClassNone, tsls.AnswerDenyStock, "M38"},
		{tsls.ClassNone, 0, "M38"},
		{tsls.ClassTemporary, tsls.AnswerTempNew, "M22"},
		{tsls.ClassTemporary, tsls.AnswerDenyExpired, "M22"},
		{tsls.ClassTemporary, tsls.AnswerRefer, "M22"},
		{tsls.ClassTemporaryExpired, tsls.AnswerRefer, "M32"},
		{tsls.ClassTemporaryExpired, tsls.AnswerKeep, "M29"},
		{tsls.ClassPermNear, tsls.AnswerRefer, "M9"},
		{tsls.ClassPermNear, tsls.AnswerDenyEmpty, "M9"},
		{tsls.ClassPermExpired, tsls.AnswerRefer, "M15"},
		{tsls.ClassPermExpired, tsls.AnswerKeep, "M14a"},
	} {
		out := After(Before(start(), s, Client{Class: test.class}), up(test.code))
		if out.Rule != test.rule {
			t.Errorf("%s answered %s: rule %s, want %s", test.class, test.code, out.Rule, test.rule)
		}
	}
}
