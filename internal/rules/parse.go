package rules

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed data/*.rules
var files embed.FS

// Load reads the decision table.
func Load() (*Table, error) {
	t := &Table{parts: make(map[Part][]*Rule)}
	for _, p := range Parts() {
		name := "data/" + string(p) + ".rules"
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		list, err := parse(p, string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		t.parts[p] = list
	}
	return t, nil
}

// parse reads the rules of one part. A rule is four lines: number and conditions,
// result, what says so, what it means; the last three begin with a tab. A note has
// no result, and may have a line that names the test behind it.
func parse(p Part, text string) ([]*Rule, error) {
	var list []*Rule
	var r *Rule
	seen := make(map[string]bool)
	for n, line := range strings.Split(text, "\n") {
		body, more := strings.CutPrefix(line, "\t")
		var err error
		switch {
		case line == "" || line[0] == '#' || line == "part "+string(p):
			continue
		case !more:
			r = &Rule{Part: p, Push: "none"}
			r.Number, r.When, _ = strings.Cut(line, "\t")
			err = r.parseWhen()
			if seen[r.Number] {
				err = fmt.Errorf("the number is used twice")
			}
			seen[r.Number] = true
			list = append(list, r)
		case r == nil:
			err = fmt.Errorf("%q stands before the first rule", body)
		case strings.HasPrefix(body, "-> "):
			r.Then = body[len("-> "):]
			err = r.parseThen()
		case strings.HasPrefix(body, "by "):
			r.By = body[len("by "):]
		case strings.HasPrefix(body, "held "):
			r.Held = body[len("held "):]
		default:
			r.Text = strings.TrimSpace(r.Text + " " + body)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d, rule %s: %w", n+1, r.number(), err)
		}
	}
	for _, r := range list {
		if r.Then == "" != r.Note || r.By == "" || r.Text == "" {
			return nil, fmt.Errorf("rule %s lacks its result, its source or its sentence", r.Number)
		}
	}
	return list, nil
}

func (r *Rule) number() string {
	if r == nil {
		return "-"
	}
	return r.Number
}

// parseWhen reads the conditions: column=value,value, knob:name=value, or
// knob:name!=value of a list that lacks the value.
func (r *Rule) parseWhen() error {
	switch r.When {
	case "always":
		return nil
	case "note":
		r.Note = true
		return nil
	}
	for cond := range strings.FieldsSeq(r.When) {
		name, values, ok := strings.Cut(cond, "=")
		if !ok {
			return fmt.Errorf("condition %q: want column=value", cond)
		}
		if knob, ok := strings.CutPrefix(name, "knob:"); ok {
			lacks := strings.HasSuffix(knob, "!")
			r.knobs = append(r.knobs, setting{strings.TrimSuffix(knob, "!"), values, lacks})
			continue
		}
		col, w, err := named(name)
		if err != nil {
			return err
		}
		if values == "-" && col == colLS {
			r.AsksNot = true
			continue
		}
		for v := range strings.SplitSeq(values, ",") {
			n, err := w.place(v)
			if err != nil {
				return err
			}
			r.when[col] |= 1 << n
		}
	}
	return nil
}

// parseThen reads the result: a verdict, then name=value or a flag.
func (r *Rule) parseThen() error {
	words := strings.Fields(r.Then)
	switch r.Part {
	case LicenseServer:
		r.Answer = words[0]
	case ClassOf:
		r.Class = words[0]
	case GracePeriod:
		r.Grace = words[0]
	case Acquire:
		r.Event = words[0]
	default:
		r.Result = words[0]
	}
	for _, w := range words[1:] {
		name, value, _ := strings.Cut(w, "=")
		var err error
		switch name {
		case "push":
			r.Push = value
		case "mark":
			r.Mark = true
		case "event":
			r.Event = value
		case "also":
			r.Also = value
		case "wire":
			r.Wire = value
		case "then":
			if r.Part == ClassOf {
				r.onward = value
			} else {
				err = r.parseNext(value)
			}
		default:
			err = fmt.Errorf("result %q: want push, mark, event, also, wire or then", w)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// parseNext reads what a rule that goes on changes: a part to read, columns to set.
func (r *Rule) parseNext(text string) error {
	for item := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(item, "=")
		if !ok {
			r.next = Part(item)
			continue
		}
		col, w, err := named(name)
		if err != nil {
			return err
		}
		n, err := w.place(value)
		if err != nil {
			return err
		}
		r.sets = append(r.sets, assigned{col, n})
	}
	return nil
}
