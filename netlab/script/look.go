//go:build linux

package script

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab"
)

// filter says which events a drill looks for.
type filter struct {
	name, host, program string
	fields              map[string]string
}

// newFilter reads the arguments of events and await_event.
func (e *engine) newFilter(word string, args starlark.Tuple, kwargs []starlark.Tuple, name string) (filter, error) {
	var program string
	var host, named starlark.Value
	own, others := takeFlags(kwargs, "name", "host", "program")
	f := filter{fields: map[string]string{}}
	if err := starlark.UnpackArgs(word, args, own, name, &named, "host?", &host, "program?", &program); err != nil {
		return f, err
	}
	if named != nil {
		var err error
		if f.name, _, err = kindOf(named); err != nil {
			return f, err
		}
	}
	f.program = program
	if host != nil {
		var err error
		if f.host, err = hostName(host); err != nil {
			return f, fmt.Errorf("host: %w", err)
		}
		if _, ok := e.spec.Host(f.host); !ok && f.host != netlab.Name {
			return f, fmt.Errorf("host: %w", e.spec.NoHost(f.host))
		}
	}
	for _, pair := range others {
		value, err := text(pair[1])
		if err != nil {
			return f, fmt.Errorf("%s: %w", pair[0], err)
		}
		f.fields[string(pair[0].(starlark.String))] = value
	}
	return f, nil
}

func (f filter) match(e eventlog.Event) bool {
	if f.name != "" && f.name != e.Name || f.host != "" && f.host != e.Host || f.program != "" && f.program != e.Program {
		return false
	}
	for name, want := range f.fields {
		if got, ok := e.Fields[name]; !ok || got != want {
			return false
		}
	}
	return true
}

func (f filter) String() string {
	s := f.name
	for _, part := range []struct{ name, value string }{{"host", f.host}, {"program", f.program}} {
		if part.value != "" {
			s += fmt.Sprintf(" %s=%s", part.name, part.value)
		}
	}
	for name, value := range f.fields {
		s += fmt.Sprintf(" %s=%s", name, value)
	}
	return s
}

func (e *engine) eventsWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	f, err := e.newFilter("events", args, kwargs, "name?")
	if err != nil {
		return nil, err
	}
	lab, err := e.up()
	if err != nil {
		return nil, err
	}
	var found []starlark.Value
	for _, event := range lab.Events() {
		if f.match(event) {
			found = append(found, eventValue(event))
		}
	}
	return starlark.NewList(found), nil
}

func (e *engine) awaitWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	own, others := takeFlags(kwargs, "timeout")
	wait := patience
	for _, pair := range own {
		seconds, ok := starlark.AsFloat(pair[1])
		if !ok || seconds <= 0 {
			return nil, errors.New("timeout: want seconds")
		}
		wait = time.Duration(seconds * float64(time.Second))
	}
	f, err := e.newFilter("await_event", args, others, "name")
	if err != nil {
		return nil, err
	}
	lab, err := e.up()
	if err != nil {
		return nil, err
	}
	ctx, cancel := e.timeout(wait, "no such event")
	defer cancel()
	event, err := lab.Await(ctx, f.match)
	if err != nil {
		return nil, fmt.Errorf("%v: %w; since the last action there were: %s", f, err, e.heard())
	}
	return eventValue(event), nil
}

// heard lists the names of what happened since the last action began.
func (e *engine) heard() string {
	var names []string
	for _, event := range e.lab.Recent() {
		names = append(names, event.Host+" "+event.Name)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// checkLost makes a drill that looked at packets fail when some were not recorded, or
// came faster than the userspace wire carries them: what it found in the others proves
// nothing.
func (e *engine) checkLost() {
	lost := e.lost()
	if lost == 0 {
		return
	}
	for _, place := range e.counting {
		e.lab.Expect(netlab.Expectation{
			Place: place, Text: "every frame was captured, and carried unless a fault took it, so that packets can be looked at", Want: "0 lost", Got: fmt.Sprintf("%d lost", lost),
		})
	}
}

// ends are the addresses of the two hosts that packets go between.
func (e *engine) ends(between starlark.Tuple) ([][]netip.Addr, error) {
	if between == nil {
		return nil, nil
	}
	if len(between) != 2 {
		return nil, errors.New("between: want two hosts")
	}
	var ends [][]netip.Addr
	for _, v := range between {
		name, err := hostName(v)
		if err != nil {
			return nil, fmt.Errorf("between: %w", err)
		}
		h, ok := e.spec.Host(name)
		if !ok {
			return nil, fmt.Errorf("between: %w", e.spec.NoHost(name))
		}
		ends = append(ends, addresses(h))
	}
	return ends, nil
}

func addresses(h netlab.Host) []netip.Addr {
	var all []netip.Addr
	for _, c := range h.Cables {
		all = append(all, c.Senders()...)
	}
	return all
}
