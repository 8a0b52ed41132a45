package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/licensing"
)

// brief writes explanations as a line each.
func brief(list []Explanation) string {
	var b strings.Builder
	for _, e := range list {
		var way []string
		for _, p := range e.Passed {
			way = append(way, p.Rule.Number+map[bool]string{true: "", false: "?"}[p.Always])
		}
		way = append(way, e.Rule.Number)
		for _, r := range e.Asked {
			way = append(way, "("+r.Number+")")
		}
		fmt.Fprintf(&b, "%s: %s [%s] x%d\n", strings.Join(way, " "), e.Rule.Then, e.When, e.Combinations)
	}
	return b.String()
}

func TestExplain(t *testing.T) {
	table := load(t)
	for _, test := range []struct {
		name    string
		profile edition.Profile
		given   map[string]string
		want    string
	}{
		{"one combination", edition.W2KSP3(),
			map[string]string{"token": "none", "os": "oth", "grace": "end", "ls": "up", "activated": "y", "row": "none", "free": "y", "peer": "n", "default-ls": "n"},
			"G9 M46 (L6): allow push=temp mark wire=NEW [] x1\n"},
		{"expired temporary token, 2003", edition.WS2003(),
			map[string]string{"token": "temp-expired", "os": "oth", "ls": "down"},
			"G7? G9 M31: allow wire=OKV [grace=not-started,run] x2\n" +
				"G8? G9 M32: deny event=1011 wire=NOLS [grace=overdue,end] x2\n"},
		{"a token that is about to be upgraded", edition.W2KSP3(),
			map[string]string{"token": "temp", "os": "oth", "ls": "up", "default-ls": "n", "activated": "y", "validated": "y"},
			"G9 M19 (L4) (L3): allow push=cal wire=UPG [free=y,own] x8\n" +
				"G9 M20 (L5): allow push=cal-peer wire=UPG [row=none,temp,temp-exp free=n peer=y] x3\n" +
				"G9 M22 (L22a): allow wire=OKV [row=none,temp,temp-exp free=n peer=n] x3\n"},
		{"the part follows from the columns", edition.W2KSP3(),
			map[string]string{"operation": "disable", "connector": "on", "live": "n"},
			"I6: ok [ls=up] x6\nI7: refuse [ls=down activated=n connector-free=n] x2\n"},
		{"a duty", edition.W2K(),
			map[string]string{"duty": "sweep", "kind": "cal"},
			"L14b: stay [step=within] x1\nL14a: hold [step=beyond] x1\n"},
		{"events", edition.WS2003(), map[string]string{"user": "named"}, "E1: 1004 also=1000 [] x1\n"},
		{"a class", edition.WS2003(),
			map[string]string{"blob": "sound", "kind": "cal", "trust": "root", "hardware": "same", "version": "same", "ahead": "no"},
			"T3 T12: perm-fresh [date=never,far] x2\nT3 T13: perm-near [date=near] x1\nT3 T14: perm-expired [date=past] x1\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := table.Explain(&test.profile, test.given)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, brief(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestExplainErrors(t *testing.T) {
	table := load(t)
	for _, test := range []struct {
		profile edition.Profile
		given   map[string]string
		want    string
	}{
		{edition.W2K(), map[string]string{"token": "perm-near"}, "cannot be in w2k-rtm"},
		{edition.W2K(), map[string]string{"color": "red"}, `column "color" is not known; the columns are edition, mode`},
		{edition.W2K(), map[string]string{"token": "gold"}, `token cannot be "gold"; it is none, corrupt`},
		{edition.W2K(), map[string]string{"operation": "enable", "os": "mac"}, "column os does not belong to connector"},
	} {
		_, err := table.Explain(&test.profile, test.given)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Explain(%v): %v, want an error with %q", test.given, err, test.want)
		}
	}
}

func TestLookup(t *testing.T) {
	table := load(t)
	events := map[int]string{1004: "It cannot be issued.", 1010: "None found.", 1011: "It has expired.", 1000: "None for the user."}
	for _, test := range []struct{ name, kind, text, rule string }{
		{"M46", "rule", "even with CALs in stock", ""},
		{"m46", "rule", "even with CALs in stock", ""},
		{"1011", "event", "It has expired.", "M29"},
		{"1004", "event", "It cannot be issued.", "M38"},
		{"1000", "event", "None for the user.", "M38"},
		{"1000", "event", "None for the user.", "E1"},
		{"1010", "event", "None found.", "V6"},
		{"0x102", "answer on the wire", "0x102 (258)", "M42"},
		{"257", "answer on the wire", "there is no license server", "M33"},
		{"CANTUP", "answer on the wire", "error code 0x00000008, state transition 0x00000001", "M14a"},
		{"0x103", "code", "malformed or out of order", ""},
		{"262", "code", "the network failed", ""},
		{"0x107", "code", "the client ended licensing", ""},
		{"0x108", "code", "wrongly sealed", ""},
		{"266", "code", "not licensed to accept remote connections", ""},
		{"NORC", "answer on the wire", "the third client", ""},
		{"PROTO", "answer on the wire", "ERR_INVALID_MAC", ""},
		{"ERR_NO_LICENSE_SERVER", "code", "dwErrorCode 0x00000006", "M33"},
		{"T9a", "note", "at most a day", ""},
		{"C21", "conflict", "temps_per_hwid=1", "M42"},
		{"K5", "source", "issuance matrix", "M7"},
		{"002", "source", "white paper", "M43"},
		{"000", "source", "Macintosh", "S1"},
		{"P", "note", "Proposed", "M41"},
		{"L26", "rule", "closes the device's temporary row", ""},
		{"V8", "note", "starts a pass at once", ""},
		{"T8", "note", "newer product version", ""},
		{"temps_per_hwid", "knob", "ws2003: 1", "L8b"},
	} {
		found, err := table.Lookup(test.name, events)
		if err != nil || len(found) != 1 {
			t.Errorf("Lookup(%s): %v, %v", test.name, found, err)
			continue
		}
		got := found[0]
		if got.Kind != test.kind || !strings.Contains(strings.Join(got.Text, "\n"), test.text) {
			t.Errorf("Lookup(%s) = %s %q, want a %s with %q", test.name, got.Kind, got.Text, test.kind, test.text)
		}
		if has := mentionsRule(got.Rules, test.rule); test.rule != "" && !has {
			t.Errorf("Lookup(%s) does not name rule %s", test.name, test.rule)
		}
	}
	if _, err := table.Lookup("M99", events); err == nil {
		t.Error("Lookup(M99): no error")
	}
}

func mentionsRule(list []*Rule, number string) bool {
	for _, r := range list {
		if r.Number == number {
			return true
		}
	}
	return false
}

// TestConflicts: every conflict that a rule or a knob names is explained, and so is
// every source.
func TestReferencesAreExplained(t *testing.T) {
	table := load(t)
	var by []string
	for _, p := range Parts() {
		for _, r := range table.Rules(p) {
			by = append(by, r.By)
		}
	}
	for _, k := range edition.Knobs() {
		by = append(by, k.By)
	}
	for i := 1; i <= 38; i++ {
		by = append(by, fmt.Sprintf("C%d", i))
	}
	for _, text := range by {
		for w := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(" ,;:()[]", r) }) {
			var n int
			if c, err := fmt.Sscanf(w[1:], "%d", &n); c != 1 || err != nil || w[0] != 'C' && w[0] != 'K' {
				continue
			}
			if _, err := table.Lookup(w, nil); err != nil {
				t.Errorf("%q: %v", text, err)
			}
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"M1\tcolor=red\n", `line 1, rule M1: column "color" is not known`},
		{"M1\ttoken=gold\n", `token cannot be "gold"`},
		{"M1\ttoken\n", `condition "token": want column=value`},
		{"\t-> allow\n", "stands before the first rule"},
		{"M1\talways\n\t-> allow color=red\n", `result "color=red"`},
		{"M1\talways\n\t-> go-on then=token=gold\n", `token cannot be "gold"`},
		{"M1\talways\n\t-> allow\n", "rule M1 lacks its result, its source or its sentence"},
		{"M1\talways\n\t-> allow\n\tby P\n\tText.\nM1\talways\n", "the number is used twice"},
	} {
		if _, err := parse(Device, test.text); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("parse(%q): %v, want an error with %q", test.text, err, test.want)
		}
	}
}

// TestEvents: 1004+ is what the knob says.
func TestEvents(t *testing.T) {
	table := load(t)
	for knob, want := range map[string]string{"both": "[1004 1000]", "1000": "[1000]", "1004": "[1004]"} {
		p := edition.W2KSP3()
		if err := p.Set("acquire_event", knob); err != nil {
			t.Fatal(err)
		}
		found, err := table.Explain(&p, map[string]string{"token": "none", "grace": "overdue", "ls": "down", "default-ls": "n", "os": "oth"})
		if err != nil || len(found) != 1 {
			t.Fatalf("%v, %v", found, err)
		}
		if got := fmt.Sprint(table.Events(&p, found[0])); got != "[1008 "+want[1:] {
			t.Errorf("acquire_event=%s: events %s, want 1008 and %s", knob, got, want)
		}
	}
}

// TestEverythingIsExplained: every rule, every code of the protocol, every edge of
// the licensing messages' order, every conflict, knob and numbered event.
func TestEverythingIsExplained(t *testing.T) {
	table := load(t)
	words := everyWord(table)
	for n := 0x100; n <= 0x10A; n++ {
		words = append(words, fmt.Sprintf("0x%X", n), fmt.Sprint(n))
	}
	for n := 1; n <= 38; n++ {
		words = append(words, fmt.Sprintf("C%d", n))
	}
	for _, step := range licensing.Order() {
		words = append(words, step.Message.String(), step.From.String(), step.To.String())
	}
	for c := licensing.Code(1); c <= licensing.InvalidMessageLength; c++ {
		if strings.HasPrefix(c.String(), "error code") {
			continue // there is no such code
		}
		words = append(words, c.String(), fmt.Sprintf("%d", uint32(c)))
	}
	for c := licensing.TotalAbort; c <= licensing.ResendLastMessage; c++ {
		words = append(words, c.String())
	}
	events := eventlog.Numbered(90)
	if len(events) != 9 {
		t.Errorf("%d numbered events, want 9", len(events))
	}
	for id := range events {
		words = append(words, fmt.Sprint(id))
	}
	for _, word := range append(words, "PROTO", "NORC", "ERROR_ALERT", "Aborted") {
		found, err := table.Lookup(word, events)
		if err != nil {
			t.Error(err)
		}
		for _, topic := range found {
			if len(topic.Text) == 0 || strings.TrimSpace(topic.Text[0]) == "" {
				t.Errorf("%s is explained by nothing", word)
			}
		}
	}
	t.Logf("%d words are explained", len(words))
}

// everyWord lists what the table, the knobs and the endings are called.
func everyWord(table *Table) []string {
	var words []string
	for _, p := range Parts() {
		for _, r := range table.Rules(p) {
			words = append(words, r.Number)
		}
	}
	for _, k := range edition.Knobs() {
		words = append(words, k.Name)
	}
	for w := policy.WireOK; w <= policy.WireLogonFailure; w++ {
		words = append(words, w.String())
	}
	return words
}

// TestEdges: an edge of the grammar is told from both of its ends and by its message.
func TestEdges(t *testing.T) {
	table := load(t)
	for _, step := range licensing.Order() {
		edge := fmt.Sprintf("%v: %v -> %v", step.Message, step.From, step.To)
		for _, word := range []string{step.Message.String(), step.From.String(), step.To.String()} {
			found, err := table.Lookup(word, nil)
			if err != nil || !strings.Contains(fmt.Sprint(found), edge) {
				t.Errorf("%s does not tell %q: %v, %v", word, edge, found, err)
			}
		}
	}
}
