//go:build linux

package tcx

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/tslab/tslab/netlab/fault"
)

// Name is the engine's name on a command line.
const Name = "ebpf"

// Engine is a fault.Engine whose faults are programs in the kernel, attached to the
// switch's ends of the cables. They are there as long as this process holds them.
type Engine struct {
	mu      sync.Mutex
	applied []*applied
}

var _ fault.Engine = (*Engine)(nil)

// applied is a fault that works.
type applied struct {
	fault   fault.Placed
	spots   []spot
	links   []link.Link // in the order of the spots
	tallies *ebpf.Map   // a tally for each spot
}

// spot is one direction of one cable.
type spot struct {
	link   fault.Link
	toHost bool
}

// New returns an engine without faults. Nothing is asked of the kernel before the
// first; see [Available].
func New() *Engine { return &Engine{} }

// Apply implements [fault.Engine]. It must be called in the switch's network
// namespace.
func (e *Engine) Apply(f fault.Placed) error {
	if err := supported(f.Fault); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if slices.ContainsFunc(e.applied, func(a *applied) bool { return a.fault.Name == f.Name }) {
		return fmt.Errorf("fault %s: there is one of that name already", f.Name)
	}
	a, err := apply(f)
	if err != nil {
		return fmt.Errorf("fault %s: %w", f.Name, explain(err))
	}
	e.applied = append(e.applied, a)
	return nil
}

// supported says what the kernel cannot do.
func supported(f fault.Fault) error {
	refuse := func(what, why string) error {
		return &fault.UnsupportedError{Engine: Name, Fault: f.Name, What: what, Why: why}
	}
	verb, ok := fault.VerbOf(f.Kind)
	switch {
	case !ok || !verb.Kernel:
		return refuse(string(f.Kind), "a program in the kernel judges a frame when it comes, and keeps none")
	case f.At() == fault.Endpoint:
		return refuse(f.Message, "it is done inside a program")
	case sealed(f.Message) != "":
		return refuse("a fault of "+f.Message, sealed(f.Message))
	}
	return nil
}

func apply(f fault.Placed) (a *applied, err error) {
	a = &applied{fault: f}
	for _, l := range f.Links {
		for _, toHost := range []bool{false, true} {
			if f.Takes(toHost) {
				a.spots = append(a.spots, spot{l, toHost})
			}
		}
	}
	a.tallies, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "tslab_fault", Type: ebpf.Array, KeySize: 4, ValueSize: uint32(max(len(a.spots), 1) * tallySize), MaxEntries: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("map: %w", err)
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return nil, errors.Join(err, a.close())
	}
	since := time.Duration(now.Nano())
	programs := make([]*ebpf.Program, len(a.spots))
	defer func() {
		for _, p := range programs {
			if p != nil {
				p.Close() // a link holds it
			}
		}
	}()
	for i, s := range a.spots { // all are loaded before the first works
		if programs[i], err = load(program(f, s, a.tallies.FD(), i, since)); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: program: %w", s.link.Name, err), a.close())
		}
	}
	for i, s := range a.spots {
		l, err := attach(s, programs[i])
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", s.link.Name, err), a.close())
		}
		a.links = append(a.links, l)
	}
	return a, nil
}

// attach puts a program behind those that are at the spot already. What a host sends
// comes in at the switch, and is recorded there before it is judged.
func attach(s spot, p *ebpf.Program) (link.Link, error) {
	port, err := net.InterfaceByName(s.link.Port)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", s.link.Port, err)
	}
	way := ebpf.AttachTCXIngress
	if s.toHost {
		way = ebpf.AttachTCXEgress
	}
	return link.AttachTCX(link.TCXOptions{Interface: port.Index, Program: p, Attach: way})
}

func load(b *builder) (*ebpf.Program, error) {
	return ebpf.NewProgram(&ebpf.ProgramSpec{Name: "tslab_fault", Type: ebpf.SchedCLS, Instructions: b.code, License: "MIT"})
}

// program is the whole program of a fault at a spot.
func program(f fault.Placed, s spot, counters, index int, since time.Duration) *builder {
	b := &builder{}
	b.begin()
	b.schedule(f.Schedule, since)
	if b.filter(f, s.toHost) {
		b.count(counters, index)
		b.chosen(f.Fault)
		b.chance(fault.NewDice(f.Seed, s.link.Name, s.toHost), f.Percent)
		b.note(counters, index)
		b.act(f.Fault, s.toHost)
	}
	b.finish()
	return b
}

func (a *applied) close() error {
	var errs []error
	for _, l := range a.links {
		errs = append(errs, l.Close())
	}
	return errors.Join(append(errs, a.tallies.Close())...)
}

// Remove implements [fault.Engine].
func (e *Engine) Remove(name string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.IndexFunc(e.applied, func(a *applied) bool { return a.fault.Name == name })
	if i < 0 {
		return fmt.Errorf("there is no fault %q", name)
	}
	a := e.applied[i]
	e.applied = slices.Delete(e.applied, i, i+1)
	return a.close()
}

// Counters implements [fault.Engine].
func (e *Engine) Counters() []fault.Counter {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []fault.Counter
	for _, a := range e.applied {
		counted := make([]tally, max(len(a.spots), 1))
		if err := a.tallies.Lookup(uint32(0), &counted); err != nil { // it is there as long as its descriptor
			continue
		}
		for i, s := range a.spots {
			all = append(all, fault.Counter{Fault: a.fault.Name, Link: s.link.Name, ToHost: s.toHost, Matched: counted[i].Matched, Done: counted[i].Done})
		}
	}
	return all
}

// Close implements [fault.Engine].
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs []error
	for _, a := range e.applied {
		errs = append(errs, a.close())
	}
	e.applied = nil
	return errors.Join(errs...)
}
