//go:build linux

package netlab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab/fault"
)

// ledger is what is wrong with a lab at the moment.
type ledger struct {
	laid     []*laidFault
	numbers  map[string]int // of names that were made
	overruns uint64         // told of so far
}

// laidFault is a fault that is in place.
type laidFault struct {
	fault.Fault
	group  string // the partition that it belongs to
	record *FaultRecord
}

// FaultRecord is what run.json says about a fault.
type FaultRecord struct {
	Name   string          `json:"name"`
	Text   string          `json:"text"` // in words
	Fault  *fault.Fault    `json:"fault,omitempty"`
	Groups [][]string      `json:"groups,omitempty"` // of a partition
	Laid   time.Time       `json:"laid"`             // by the machine's clock
	Healed time.Time       `json:"healed,omitzero"`
	Counts []fault.Counter `json:"counts"` // what it did, in the end
}

// Total adds up what the fault has done: of so many frames or messages, to so many.
func (r *FaultRecord) Total() (done, matched uint64) {
	for _, c := range r.Counts {
		done, matched = done+c.Done, matched+c.Matched
	}
	return done, matched
}

// Fault lays a fault and returns it with the name that it has now: one that has none
// is called by its kind and a number. One that throws dice and has no seed has the
// stream of the run's seed that is named for it. When Fault returns, the next frame is
// subject to it.
func (l *Lab) Fault(ctx context.Context, f fault.Fault) (fault.Fault, error) {
	l.action()
	if f.Name == "" {
		f.Name = l.ledger.name(string(f.Kind))
	}
	if f.Seed == 0 && f.Chance() {
		f.Seed = Stream(l.record.Seed, "fault", f.Name)
	}
	laid := &laidFault{Fault: f, record: &FaultRecord{Name: f.Name, Text: f.String(), Fault: &f, Counts: []fault.Counter{}}}
	if err := l.lay(ctx, laid); err != nil {
		return f, err
	}
	if f.Chance() {
		l.record.AddStreams(map[string]uint64{"fault/" + f.Name: f.Seed})
	}
	l.recordFault(laid.record)
	return f, nil
}

// name makes a name that no fault has had.
func (f *ledger) name(what string) string {
	if f.numbers == nil {
		f.numbers = map[string]int{}
	}
	f.numbers[what]++
	return fmt.Sprintf("%s-%d", what, f.numbers[what])
}

func (l *Lab) recordFault(r *FaultRecord) {
	r.Laid = time.Now().UTC()
	l.record.Faults = append(l.record.Faults, r)
	l.log.Event(eventlog.FaultLaid, eventlog.F("name", r.Name), eventlog.F("fault", r.Text))
	l.journal.poll()
}

// lay checks a fault against the lab and lets an engine or a program do it.
func (l *Lab) lay(ctx context.Context, laid *laidFault) error {
	if err := laid.Check(); err != nil {
		return err
	}
	if slices.ContainsFunc(l.record.Faults, func(r *FaultRecord) bool { return r.Name == laid.Name }) {
		return fmt.Errorf("fault %s: there is or was one of that name in this run; choose another", laid.Name)
	}
	placed, err := l.place(laid.Fault)
	if err != nil {
		return fmt.Errorf("fault %s: %w", laid.Name, err)
	}
	l.ledger.laid = append(l.ledger.laid, laid)
	if laid.At() == fault.Endpoint {
		err = l.tamper(ctx, laid.Host, laid.Name)
	} else {
		err = l.faults.Apply(placed)
	}
	if err != nil {
		l.ledger.laid = l.ledger.laid[:len(l.ledger.laid)-1]
	}
	return err
}

// place finds the cables and the peers of a fault.
func (l *Lab) place(f fault.Fault) (fault.Placed, error) {
	p := fault.Placed{Fault: f}
	h, err := l.host(f.Host)
	if err != nil {
		return p, err
	}
	var interfaces []string
	for _, c := range h.spec.Cables {
		interfaces = append(interfaces, c.Interface)
	}
	for _, link := range l.cables {
		host, ifname, _ := strings.Cut(link.Name, ":")
		if host == f.Host && (f.Interface == "" || f.Interface == ifname) {
			p.Links = append(p.Links, link)
		}
	}
	if len(p.Links) == 0 {
		return p, fmt.Errorf("%s has no interface %q; it has %s", f.Host, f.Interface, strings.Join(interfaces, ", "))
	}
	p.Peers, err = l.addresses(f.Peers)
	return p, err
}

func (l *Lab) addresses(hosts []string) (all []netip.Addr, err error) {
	for _, name := range hosts {
		h, err := l.host(name)
		if err != nil {
			return nil, err
		}
		for _, c := range h.spec.Cables {
			all = append(all, c.Senders()...)
		}
	}
	return all, nil
}

// Heal takes faults away by their names, or all of them when none is named. A
// partition is healed by its name.
func (l *Lab) Heal(ctx context.Context, names ...string) error {
	l.action()
	if len(names) == 0 {
		for _, laid := range l.ledger.laid {
			if name := cmp.Or(laid.group, laid.Name); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	for _, name := range names {
		if err := l.heal(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) heal(ctx context.Context, name string) error {
	var errs []error
	var record *FaultRecord
	for _, laid := range slices.Clone(l.ledger.laid) {
		if cmp.Or(laid.group, laid.Name) != name {
			continue
		}
		record = laid.record
		counts, err := l.faultCounts(ctx, laid)
		record.Counts = append(record.Counts, counts...)
		errs = append(errs, err, l.lift(ctx, laid))
	}
	if record == nil {
		return fmt.Errorf("there is no fault %q%s", name, l.ledger.advice())
	}
	record.Healed = time.Now().UTC()
	l.log.Event(eventlog.FaultHealed, eventlog.F("name", name))
	l.tellOverruns()
	l.journal.poll()
	return errors.Join(errs...)
}

// advice names the faults that there are.
func (f *ledger) advice() string {
	var names []string
	for _, laid := range f.laid {
		names = append(names, cmp.Or(laid.group, laid.Name))
	}
	if len(names) == 0 {
		return "; none is laid"
	}
	return "; there are " + strings.Join(slices.Compact(names), ", ")
}

func (l *Lab) lift(ctx context.Context, laid *laidFault) error {
	l.ledger.laid = slices.DeleteFunc(l.ledger.laid, func(other *laidFault) bool { return other == laid })
	if laid.At() == fault.Endpoint {
		return l.tamper(ctx, laid.Host, "")
	}
	return l.faults.Remove(laid.Name)
}

// Overruns are frames that the userspace wire has lost so far without a fault that
// would have had them lost.
func (l *Lab) Overruns() uint64 {
	if e, ok := l.faults.(interface{ Overruns() uint64 }); ok {
		return e.Overruns()
	}
	return 0
}

// tellOverruns tells of frames that the userspace wire has lost by itself, which no
// fault is to blame for.
func (l *Lab) tellOverruns() {
	if n := l.Overruns(); n > l.ledger.overruns {
		l.log.Event(eventlog.FaultOverrun, eventlog.F("frames", n-l.ledger.overruns))
		l.ledger.overruns = n
	}
}

// Faults are those of the run, healed ones too, with what they have done so far.
func (l *Lab) Faults(ctx context.Context) ([]FaultRecord, error) {
	all := []FaultRecord{}
	var errs []error
	for _, record := range l.record.Faults {
		r := *record
		r.Counts = slices.Clone(r.Counts)
		for _, laid := range l.ledger.laid {
			if laid.record == record {
				counts, err := l.faultCounts(ctx, laid)
				r.Counts = append(r.Counts, counts...)
				errs = append(errs, err)
			}
		}
		all = append(all, r)
	}
	return all, errors.Join(errs...)
}

// faultCounts are what a fault that is laid has done.
func (l *Lab) faultCounts(ctx context.Context, laid *laidFault) ([]fault.Counter, error) {
	if laid.At() == fault.Endpoint {
		return l.tamperCounts(ctx, laid)
	}
	return slices.DeleteFunc(l.faults.Counters(), func(c fault.Counter) bool { return c.Fault != laid.Name }), nil
}

// settleFaults notes, before the lab ends, what the faults of that level have done that
// nobody has healed.
func (l *Lab) settleFaults(at fault.Level) {
	for _, laid := range l.ledger.laid {
		if laid.At() == at {
			counts, _ := l.faultCounts(context.Background(), laid) // the lab ends, with or without
			laid.record.Counts = append(laid.record.Counts, counts...)
		}
	}
}
