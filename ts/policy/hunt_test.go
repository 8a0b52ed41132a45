package policy_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/tsls"
)

// hunting is a hunt on license servers that answer as a script says: "REFER a b",
// "CAL", "EMPTY", "silent". A second answer of the first server is its final one.
type hunting map[string][]string

func referral(name string) tsls.Referral {
	return tsls.Referral{Name: name, Address: name + ":3343", Validated: true}
}

func info(name string) tsls.ServerInfo {
	return tsls.ServerInfo{Name: name, ServerID: "LAB-" + name, Features: tsls.FeatureReferral}
}

// run goes the whole way and tells whom it asked.
func (h hunting) run(t *testing.T, hunt *policy.Hunt) (asked []string) {
	t.Helper()
	for addr, m, ok := hunt.Next(); ok; addr, m, ok = hunt.Next() {
		name := strings.TrimSuffix(addr, ":3343")
		step := name
		if m.Hops > 0 {
			step += fmt.Sprintf(" hop %d by %s, validated %v", m.Hops, m.ReferredBy, m.Validated)
		}
		if m.Final {
			step += fmt.Sprintf(" final %v", m.Failed)
		}
		asked = append(asked, step)
		if len(asked) > 50 {
			t.Fatalf("no end: %v", asked)
		}
		say := "silent"
		if answers := h[name]; len(answers) > 0 {
			say = answers[0]
			if len(answers) > 1 {
				h[name] = answers[1:]
			}
		}
		word, rest, _ := strings.Cut(say, " ")
		a := tsls.Allocated{}
		switch word {
		case "silent":
			hunt.Silent(errors.New("no answer"))
			continue
		case "REFER":
			a.Answer = tsls.AnswerRefer
			for _, target := range strings.Fields(rest) {
				a.Referrals = append(a.Referrals, referral(target))
			}
		case "CAL":
			a.Answer = tsls.AnswerCALTake
		case "TEMP":
			a.Answer = tsls.AnswerTempNew
		case "KEEP":
			a.Answer = tsls.AnswerKeep
		default:
			a.Answer = tsls.AnswerDenyEmpty
		}
		hunt.Answered(info(name), a)
	}
	return asked
}

func TestHunt(t *testing.T) {
	hop := func(name string) string { return name + " hop 1 by LAB-a, validated true" }
	for name, tt := range map[string]struct {
		servers hunting
		avoid   []string
		asked   []string
		want    string
	}{
		"served at once": {hunting{"a": {"CAL"}}, nil, []string{"a"}, "a: CAL-take"},
		"silent":         {hunting{}, nil, []string{"a"}, "no answer"},
		"second serves":  {hunting{"a": {"REFER b c"}, "b": {"CAL"}}, nil, []string{"a", hop("b")}, "b: CAL-take by referral"},
		"third serves":   {hunting{"a": {"REFER b c"}, "b": {"EMPTY"}, "c": {"CAL"}}, nil, []string{"a", hop("b"), hop("c")}, "c: CAL-take by referral"},
		"silent target":  {hunting{"a": {"REFER b c"}, "c": {"CAL"}}, nil, []string{"a", hop("b"), hop("c")}, "c: CAL-take by referral"},
		"all empty": {hunting{"a": {"REFER b c", "TEMP"}, "b": {"EMPTY"}, "c": {"KEEP"}}, nil,
			[]string{"a", hop("b"), hop("c"), "a final [b c]"}, "a: TEMP-new"},
		"too many": {hunting{"a": {"REFER b c d e f", "KEEP"}}, nil,
			[]string{"a", hop("b"), hop("c"), hop("d"), "a final [b c d]"}, "a: KEEP"},
		"a target refers on": {hunting{"a": {"REFER b c", "KEEP"}, "b": {"REFER a c"}, "c": {"EMPTY"}}, nil,
			[]string{"a", hop("b"), hop("c"), "a final [b c]"}, "a: KEEP"},
		"to itself and twice": {hunting{"a": {"REFER A b B", "KEEP"}}, nil,
			[]string{"a", hop("b"), "a final [A b B]"}, "a: KEEP"},
		"to one that was silent before": {hunting{"a": {"REFER z b", "KEEP"}, "z": {"CAL"}, "b": {"EMPTY"}}, []string{"z:3343"},
			[]string{"a", hop("b"), "a final [z b]"}, "a: KEEP"},
		"nowhere":                 {hunting{"a": {"REFER", "KEEP"}}, nil, []string{"a", "a final []"}, "a: KEEP"},
		"refers for ever":         {hunting{"a": {"REFER b"}}, nil, []string{"a", hop("b"), "a final [b]"}, "license server a: refers again after its whole list was asked"},
		"dies before the end":     {hunting{"a": {"REFER b", "silent"}}, nil, []string{"a", hop("b"), "a final [b]"}, "no answer"},
		"a target gives a token":  {hunting{"a": {"REFER b"}, "b": {"TEMP"}}, nil, []string{"a", hop("b")}, "b: TEMP-new by referral"},
		"denied without referral": {hunting{"a": {"EMPTY"}}, nil, []string{"a"}, "a: DENY-empty"},
	} {
		t.Run(name, func(t *testing.T) {
			hunt := policy.NewHunt("a:3343", tsls.Allocate{Request: tsls.RequestCAL}, 3, tt.avoid...)
			if asked := tt.servers.run(t, hunt); !slices.Equal(asked, tt.asked) {
				t.Errorf("asked\n%q, want\n%q", asked, tt.asked)
			}
			who, a, referred, err := hunt.Result()
			got := fmt.Sprintf("%s: %v", who.Name, a.Answer)
			if referred {
				got += " by referral"
			}
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestHuntEnds: whatever license servers answer, a request asks no target twice, makes
// no more hops than it may, and ends.
func TestHuntEnds(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e"}
	rapid.Check(t, func(rt *rapid.T) {
		hops := rapid.IntRange(0, 4).Draw(rt, "hops")
		servers := hunting{}
		for _, n := range names {
			for range rapid.IntRange(0, 3).Draw(rt, "answers") {
				say := rapid.SampledFrom([]string{"REFER", "REFER", "CAL", "TEMP", "KEEP", "EMPTY", "silent"}).Draw(rt, "answer")
				if say == "REFER" {
					say += " " + strings.Join(rapid.SliceOfN(rapid.SampledFrom(names), 0, 6).Draw(rt, "list"), " ")
				}
				servers[n] = append(servers[n], say)
			}
		}
		asked := servers.run(t, policy.NewHunt("a:3343", tsls.Allocate{Request: tsls.RequestCAL}, hops))
		targets := map[string]bool{}
		for i, step := range asked {
			name, how, _ := strings.Cut(step, " ")
			switch {
			case name == "a" && (i == 0) == strings.HasPrefix(how, "final"), name != "a" && targets[name]:
				rt.Fatalf("asked twice: %q", asked)
			case name != "a":
				targets[name] = true
			}
		}
		if len(targets) > hops || len(asked) > hops+2 {
			rt.Fatalf("%d hops may be made: %q", hops, asked)
		}
	})
}

// TestHuntReport is decision L26: who referred a device that got its CAL elsewhere is
// told so.
func TestHuntReport(t *testing.T) {
	device := hwid.New(1, [16]byte{1})
	for name, tt := range map[string]struct {
		servers hunting
		want    bool
	}{
		"a CAL of another":     {hunting{"a": {"REFER b"}, "b": {"CAL"}}, true},
		"its own":              {hunting{"a": {"CAL"}}, false},
		"a temporary token":    {hunting{"a": {"REFER b"}, "b": {"TEMP"}}, false},
		"nothing in the end":   {hunting{"a": {"REFER b", "KEEP"}}, false},
		"its own in the end":   {hunting{"a": {"REFER b", "CAL"}}, false},
		"no answer in the end": {hunting{"a": {"REFER b", "silent"}}, false},
	} {
		hunt := policy.NewHunt("a:3343", tsls.Allocate{Request: tsls.RequestCAL, HardwareID: device, Machine: "PC"}, 3)
		tt.servers.run(t, hunt)
		m, ok := hunt.Report("LAB-C-1")
		if ok != tt.want || ok && m != (tsls.Close{HardwareID: device, Machine: "PC", LicenseID: "LAB-C-1", Server: "b"}) {
			t.Errorf("%s: %+v, %v", name, m, ok)
		}
	}
	old := policy.NewHunt("a:3343", tsls.Allocate{Request: tsls.RequestCAL}, 3)
	old.Next()
	old.Answered(tsls.ServerInfo{Name: "a"}, tsls.Allocated{Answer: tsls.AnswerRefer, Referrals: []tsls.Referral{referral("b")}})
	old.Next()
	old.Answered(info("b"), tsls.Allocated{Answer: tsls.AnswerCALTake})
	if m, ok := old.Report("x"); ok {
		t.Errorf("to a server that does not know it: %+v", m)
	}
}
