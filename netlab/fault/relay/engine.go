//go:build linux

package relay

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tslab/tslab/netlab/fault"
	"github.com/tslab/tslab/netlab/netns"
)

// Name is what the engine is called.
const Name = "user"

// opening bounds how many cables are spliced at once: they wait for the kernel together.
const opening = 8

// Engine is the userspace wire.
type Engine struct {
	sw *netns.Switch

	mu       sync.Mutex
	wires    map[string]*wire // by the name of the cable
	laid     []*laid
	overruns uint64 // of wires that are gone
	discards errgroup.Group
}

// laid is a fault that is on its cables.
type laid struct {
	fault *fault.Placed
	on    []on
}

// on is a fault on one lane.
type on struct {
	side  *side
	stage *stage
}

// New makes the engine for the cables of a switch.
func New(sw *netns.Switch) *Engine { return &Engine{sw: sw, wires: map[string]*wire{}} }

// Apply lays the fault on its cables; see [fault.Engine].
func (e *Engine) Apply(p fault.Placed) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case slices.ContainsFunc(e.laid, func(l *laid) bool { return l.fault.Name == p.Name }):
		return fmt.Errorf("fault %s: there is one of that name", p.Name)
	case len(p.Links) == 0:
		return fmt.Errorf("fault %s: on no cable", p.Name)
	case p.At() == fault.Endpoint:
		return &fault.UnsupportedError{Engine: Name, Fault: p.Name, What: "what is inside a program", Why: "the frames that carry it are encrypted"}
	}
	if err := e.open(p.Links); err != nil {
		return errors.Join(fmt.Errorf("fault %s: %w", p.Name, err), e.closeIdle())
	}
	l := &laid{fault: &p}
	now := time.Now()
	for _, link := range p.Links {
		for _, s := range e.wires[link.Name].sides {
			if p.Takes(s.lane.toHost) {
				l.on = append(l.on, on{s, newStage(l.fault, link.Name, s.lane.toHost, now)})
			}
		}
	}
	for _, o := range l.on {
		o.side.mu.Lock()
		o.side.lane.add(o.stage)
		o.side.mu.Unlock()
	}
	e.laid = append(e.laid, l)
	return nil
}

// open sees to it that the cables pass through here.
func (e *Engine) open(links []fault.Link) error {
	var g errgroup.Group
	g.SetLimit(opening)
	var mu sync.Mutex
	slots := maxSlots
	for slots > minSlots && slots*slotSize*2*len(links) > budget {
		slots /= 2
	}
	for _, link := range links {
		if e.wires[link.Name] != nil {
			continue
		}
		g.Go(func() error {
			w, err := openWire(e.sw, link, slots)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			e.wires[link.Name] = w
			return nil
		})
	}
	return g.Wait()
}

// Remove heals a fault; see [fault.Engine].
func (e *Engine) Remove(name string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.IndexFunc(e.laid, func(l *laid) bool { return l.fault.Name == name })
	if i < 0 {
		return fmt.Errorf("there is no fault %q", name)
	}
	e.lift(e.laid[i])
	e.laid = slices.Delete(e.laid, i, i+1)
	return e.closeIdle()
}

func (e *Engine) lift(l *laid) {
	for _, o := range l.on {
		o.side.mu.Lock()
		o.side.lane.remove(o.stage)
		o.side.mu.Unlock()
	}
}

// closeIdle takes the relay out of cables that no fault is on.
func (e *Engine) closeIdle() error {
	var g errgroup.Group
	g.SetLimit(opening)
	for name, w := range e.wires {
		if len(w.sides[0].lane.stages)+len(w.sides[1].lane.stages) > 0 {
			continue
		}
		delete(e.wires, name)
		g.Go(func() error {
			err := w.close()
			e.discards.Go(w.discard)
			return err
		})
		defer func() { e.overruns += w.overruns() }()
	}
	return g.Wait()
}

// Counters counts so far; see [fault.Engine].
func (e *Engine) Counters() []fault.Counter {
	e.mu.Lock()
	defer e.mu.Unlock()
	var counters []fault.Counter
	for _, l := range e.laid {
		for _, o := range l.on {
			o.side.mu.Lock()
			counters = append(counters, fault.Counter{
				Fault: l.fault.Name, Link: o.side.lane.name, ToHost: o.side.lane.toHost, Matched: o.stage.matched, Done: o.stage.done,
			})
			o.side.mu.Unlock()
		}
	}
	return counters
}

// Overruns are frames that the relay lost by itself so far: they came faster than it
// could read, or the kernel would not take them back.
func (e *Engine) Overruns() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := e.overruns
	for _, w := range e.wires {
		n += w.overruns()
	}
	return n
}

func (w *wire) overruns() (n uint64) {
	for _, s := range w.sides {
		n += s.overruns.Load() + s.failed.Load()
	}
	return n
}

// Close heals everything; see [fault.Engine].
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range e.laid {
		e.lift(l)
	}
	e.laid = nil
	return errors.Join(e.closeIdle(), e.discards.Wait())
}
