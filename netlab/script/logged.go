//go:build linux

package script

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"go.starlark.net/starlark"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab"
)

// A drill passes if what it lists was logged, and nothing else. What has to be listed
// is every warning, every error and every numbered event of any program, and every
// event of a kind that the drill has listed for some host. The lab's own events are
// the drill's doing.
const (
	labProgram = "tslab"
	logged     = 3 * time.Second // for what is listed and still being written
)

// entry is a kind of event in the log of a host.
type entry struct{ host, name string }

// label is the entry as a drill writes it: by number where there is one.
func label(name string, id int) string {
	if id != 0 {
		return strconv.Itoa(id)
	}
	return strconv.Quote(name)
}

// listing is how many events of one entry a drill has listed, and where.
type listing struct {
	label     string
	low, high int
	place     string
	order     int
}

func (l *listing) want() string {
	if l.low == l.high {
		return strconv.Itoa(l.low)
	}
	return fmt.Sprintf("%d to %d", l.low, l.high)
}

func (e *engine) loggedWord(thread *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var at starlark.Value
	var kinds *starlark.Dict
	if err := starlark.UnpackArgs("logged", args, kwargs, "host", &at, "kinds", &kinds); err != nil {
		return nil, err
	}
	host, err := hostName(at)
	if err != nil {
		return nil, err
	}
	if _, ok := e.spec.Host(host); !ok {
		return nil, e.spec.NoHost(host)
	}
	for _, item := range kinds.Items() {
		name, label, err := kindOf(item[0])
		if err != nil {
			return nil, err
		}
		low, high, err := countOf(item[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", label, err)
		}
		l := e.logged[entry{host, name}]
		if l == nil {
			l = &listing{label: label, order: len(e.logged)}
			e.logged[entry{host, name}] = l
		}
		l.low, l.high, l.place = l.low+low, l.high+high, thread.CallFrame(1).Pos.String()
	}
	return starlark.None, nil
}

// kindOf takes the name of a kind of event, or its number.
func kindOf(v starlark.Value) (name, said string, err error) {
	switch v := v.(type) {
	case starlark.String:
		if !eventlog.Known(string(v)) {
			return "", "", fmt.Errorf("there is no event %q; `tslab events` shows the names of those of a run", string(v))
		}
		return string(v), label(string(v), 0), nil
	case starlark.Int:
		id, err := starlark.AsInt32(v)
		if err != nil || eventlog.Name(id) == "" {
			return "", "", fmt.Errorf("there is no event %s; the numbered ones are those of the terminal server's System log", v)
		}
		return eventlog.Name(id), label("", id), nil
	}
	return "", "", fmt.Errorf("got %s, want the name or the number of an event", v.Type())
}

// countOf takes a count, or the least and the most of it.
func countOf(v starlark.Value) (low, high int, err error) {
	if pair, ok := v.(starlark.Tuple); ok && len(pair) == 2 {
		low, err = starlark.AsInt32(pair[0])
		if err == nil {
			high, err = starlark.AsInt32(pair[1])
		}
	} else {
		low, err = starlark.AsInt32(v)
		high = low
	}
	if err != nil || low < 0 || high < low {
		return 0, 0, errors.New("want a count, or (least, most)")
	}
	return low, high, nil
}

// checkLogged ends a drill: what it has listed was logged, and nothing else.
func (e *engine) checkLogged() {
	if e.lab == nil {
		return
	}
	e.awaitListed()
	found := map[entry][]eventlog.Event{}
	listedKinds := map[string]bool{}
	for at := range e.logged {
		listedKinds[at.name] = true
	}
	for _, event := range e.lab.Events() {
		if event.Program != labProgram && (event.Severity != eventlog.Information || event.ID != 0 || listedKinds[event.Name]) {
			at := entry{event.Host, event.Name}
			found[at] = append(found[at], event)
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(e.logged), func(a, b entry) int { return cmp.Compare(e.logged[a].order, e.logged[b].order) }) {
		e.lab.Expect(e.logged[at].verdict(at, found[at]))
		delete(found, at)
	}
	e.checkUnlisted(found)
}

// awaitListed waits for events that are listed and not yet logged, for a moment: a
// program that has answered may still be writing what it did.
func (e *engine) awaitListed() {
	ctx, cancel := e.timeout(logged, "listed events")
	defer cancel()
	for at, l := range e.logged {
		seen := 0
		_, _ = e.lab.AwaitAny(ctx, func(event eventlog.Event) bool { // the count is judged afterwards
			if event.Host == at.host && event.Name == at.name && event.Program != labProgram {
				seen++
			}
			return seen >= l.low
		})
	}
}

// verdict compares what was listed with what was logged.
func (l *listing) verdict(at entry, events []eventlog.Event) netlab.Expectation {
	x := netlab.Expectation{
		Place: l.place, Text: fmt.Sprintf("events %s in the log of %s", l.label, at.host), Want: l.want(), Got: strconv.Itoa(len(events)),
		Met: l.low <= len(events) && len(events) <= l.high,
	}
	if len(events) > l.high {
		x.Event = &events[l.high]
		x.Got += ", the first too many " + told(*x.Event)
	}
	return x
}

// checkUnlisted expects that nothing is left of what was logged.
func (e *engine) checkUnlisted(left map[entry][]eventlog.Event) {
	const text = "nothing else was logged"
	place := e.drill.File
	if len(left) == 0 {
		e.lab.Expect(netlab.Expectation{Place: place, Text: text, Met: true, Want: "nothing", Got: "nothing"})
		return
	}
	first := func(a, b entry) int { return left[a][0].Machine.Compare(left[b][0].Machine) }
	for _, at := range slices.SortedFunc(maps.Keys(left), first) {
		event := left[at][0]
		said := label(at.name, event.ID)
		e.lab.Expect(netlab.Expectation{
			Place: place, Text: text, Event: &event, Want: fmt.Sprintf("logged(%s, {%s: %d}), if it is meant", at.host, said, len(left[at])),
			Got: fmt.Sprintf("%d of %s, the first %s", len(left[at]), said, told(event)),
		})
	}
}

// told is an event in a sentence, with when and where.
func told(e eventlog.Event) string {
	return fmt.Sprintf("at %s on %s: %s", e.Lab.Format(dateForm), e.Host, e.Text)
}
