package rules

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ts/policy"
)

//go:embed data/topics.txt
var topics string

//go:embed data/occasions.txt
var occasions string

// Topic is a word of the rules explained: a rule, an event, a code, a knob, a
// conflict of the documents, a source.
type Topic struct {
	Name  string
	Kind  string   // rule, note, event, code, answer on the wire, licensing message, state of licensing, knob, registry, conflict, source
	Text  []string // sentences
	Rules []*Rule  // the rules that mention it
}

// Lookup explains a word: a rule (M46), an event (1011), a client's extended error
// code (0x102 or 258), an answer on the wire (NOLS), a code or message of the
// protocol (ERR_INVALID_CLIENT, NEW_LICENSE), a knob (temps_per_hwid), a
// conflict (C21) or a source (K5, 002), or words out of an event's text or of what a
// client shows. A number may be more than one thing. events has the texts of the
// terminal server's events by their numbers.
func (t *Table) Lookup(name string, events map[int]string) ([]Topic, error) {
	var found []Topic
	if r, ok := t.Find(name); ok {
		found = append(found, r.topic())
	}
	var number uint64
	if len(name) != 3 || !strings.HasPrefix(name, "00") { // 002 is a document
		number, _ = strconv.ParseUint(name, 0, 32)
	}
	found = append(found, t.numbered(uint32(number), events)...)
	for w := policy.WireOK; w <= policy.WireLogonFailure; w++ {
		if strings.EqualFold(w.String(), name) {
			found = append(found, t.wire(w))
		}
	}
	found = append(append(found, t.coded(uint32(number), name)...), spoken(name)...)
	found = append(found, localTopics(uint32(number), name)...)
	for _, k := range edition.Knobs() {
		if k.Name == name {
			found = append(found, t.knob(k))
		}
	}
	if topic, ok := t.noted(name); ok {
		found = append(found, topic)
	}
	if len(found) == 0 {
		found = t.quoted(name, events)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%q is not known; it may be a rule (M46), an event (1011), an error code (0x102), an answer (NOLS), a licensing message (NEW_LICENSE), a knob (temps_per_hwid), a registry value (DefaultLicenseServer), a conflict (C21), a source (K5, 002), or words of an event or of what a client shows, in quotes", name)
	}
	return found, nil
}

// topic explains a rule; a note has neither conditions nor a result.
func (r *Rule) topic() Topic {
	if !r.Note {
		return Topic{r.Number, "rule", []string{r.Text, "when " + r.When, "then " + r.Then, "by " + r.By}, nil}
	}
	text := []string{r.Text, "by " + r.By}
	if dir, test, ok := strings.Cut(r.Held, " "); ok {
		text = append(text, "held by the test "+test+" of "+dir)
	}
	return Topic{r.Number, "note", text, nil}
}

// numbered explains an event or an extended error code.
func (t *Table) numbered(n uint32, events map[int]string) []Topic {
	var found []Topic
	if text, ok := events[int(n)]; ok && n != 0 {
		id := strconv.Itoa(int(n))
		logs := func(r *Rule) bool {
			return strings.TrimSuffix(r.Event, "+") == id || r.Also == id || id == "1000" && r.Event == "1004+" ||
				r.Note && strings.Contains(r.Text, "event "+id)
		}
		found = append(found, Topic{id, "event", append([]string{text}, occasion(int(n))...), t.mentioning(logs)})
	}
	for w := policy.WireOK; w <= policy.WireLogonFailure; w++ {
		if n != 0 && w.ErrorInfo() == n {
			found = append(found, t.wire(w))
		}
	}
	return found
}

// wire explains how a licensing phase ends.
func (t *Table) wire(w policy.Wire) Topic {
	var text []string
	switch code, transition := w.Alert(); {
	case w.Pushes():
		text = append(text, "a license message with the token ends the licensing, and the session follows")
	default:
		text = append(text, fmt.Sprintf("ERROR_ALERT with error code 0x%08X, state transition 0x%08X", code, transition))
	}
	if n := w.ErrorInfo(); n != 0 {
		text = append(text, fmt.Sprintf("Set Error Info 0x%X (%d) to a client that announces it: %s", n, n, errorInfo(n)))
	}
	text = append(text, shownFor(w.ErrorInfo())...)
	return Topic{w.String(), "answer on the wire", text, t.mentioning(func(r *Rule) bool { return r.Wire == w.String() })}
}

func (t *Table) knob(k edition.Knob) Topic {
	text := []string{k.Meaning, "values: " + k.Values}
	for _, e := range edition.All() {
		text = append(text, e.String()+": "+k.Default(e))
	}
	text = append(text, "read by "+k.Readers.String(), "by "+k.By)
	return Topic{k.Name, "knob", text, t.mentioning(func(r *Rule) bool {
		for _, s := range r.knobs {
			if s.knob == k.Name {
				return true
			}
		}
		return false
	})}
}

// noted explains what stands in topics.txt.
func (t *Table) noted(name string) (Topic, bool) {
	var topic Topic
	for line := range strings.Lines(topics) {
		word, text, _ := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		switch {
		case word != "" && topic.Name != "":
			return topic, true
		case word == "" && topic.Name != "" && text != "":
			topic.Text = append(topic.Text, strings.TrimPrefix(text, "=> "))
		case word != "" && strings.EqualFold(word, name) && text != "":
			topic = Topic{Name: word, Kind: kindOf(word, text), Text: []string{text}, Rules: t.mentioning(func(r *Rule) bool { return mentions(r.By, word) })}
		}
	}
	return topic, topic.Name != ""
}

func kindOf(word, text string) string {
	switch {
	case strings.HasPrefix(text, "Registry "):
		return "registry"
	case word[0] == 'C':
		return "conflict"
	case word[0] == 'K', word[0] == '0':
		return "source"
	}
	return "note"
}

// mentions reports a whole word in what says a rule.
func mentions(by, word string) bool {
	for w := range strings.FieldsFuncSeq(by, func(r rune) bool { return strings.ContainsRune(" ,;:/()[]", r) }) {
		if w == word {
			return true
		}
	}
	return false
}

func (t *Table) mentioning(fits func(*Rule) bool) []*Rule {
	var list []*Rule
	for _, p := range Parts() {
		for _, r := range t.parts[p] {
			if fits(r) {
				list = append(list, r)
			}
		}
	}
	return list
}
