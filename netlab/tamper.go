//go:build linux

package netlab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/tamper"
	"github.com/tslab/tslab/netlab/fault"
)

// tamperTimeout is how long a program may take to take its rules.
const tamperTimeout = 10 * time.Second

// rule is a fault as a program understands it.
func rule(f fault.Fault) tamper.Rule {
	r := tamper.Rule{
		Name: f.Name, Act: tamper.Act(f.Kind), Message: f.Message, Nth: f.Nth, Times: f.Times, Percent: f.Percent, Seed: f.Seed,
		Copies: f.Copies, Delay: f.Delay, Jitter: f.Jitter,
		From: f.Schedule.From, Until: f.Schedule.Until, Every: f.Schedule.Every, For: f.Schedule.For,
	}
	switch f.Direction {
	case fault.From:
		r.Way = tamper.Sent
	case fault.To:
		r.Way = tamper.Received
	}
	if f.Nth > 0 && f.Times == 0 {
		r.Times = 1
	}
	return r
}

// tamper tells the programs of a host which faults they are to do themselves; one that
// is started again is told again. needed is the fault that has just been laid, if one
// has: that no program there can do it is an error then.
func (l *Lab) tamper(ctx context.Context, hostName, needed string) error {
	rules := []tamper.Rule{}
	for _, laid := range l.ledger.laid {
		if laid.Host == hostName && laid.At() == fault.Endpoint {
			rules = append(rules, rule(laid.Fault))
		}
	}
	took := false
	var errs []error
	for _, p := range l.running {
		if p.Host == hostName && p.Running() && l.controlled(p) {
			err := l.tamperOf(ctx, p, rules, nil)
			took = took || err == nil
			errs = append(errs, err)
		}
	}
	if took || needed == "" {
		return nil
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("fault %s: %w", needed, err)
	}
	return fmt.Errorf("fault %s: no program runs on %s that can do it; start termsrv or lserver there before, lay it on the host at the other end, or say level=\"wire\"", needed, hostName)
}

// controlled says whether the program has a control socket.
func (l *Lab) controlled(p *Process) bool {
	_, err := os.Stat(filepath.Join(l.ProgramFolder(p.Host, p.Program), control.SocketName))
	return err == nil
}

// tamperOf sets the rules of a program, or with nil only asks for the counts.
func (l *Lab) tamperOf(ctx context.Context, p *Process, rules []tamper.Rule, counts *[]tamper.Count) error {
	ctx, cancel := context.WithTimeout(ctx, tamperTimeout)
	defer cancel()
	var in, out any
	if rules != nil {
		in = rules
	}
	if counts != nil {
		out = counts
	}
	err := control.Call(ctx, l.ProgramFolder(p.Host, p.Program), tamper.Operation, in, out)
	if said, ok := errors.AsType[*control.Error](err); ok && said.Unknown() {
		return fmt.Errorf("%s on %s does no faults on messages itself; lay it on the host at the other end, with the other direction, or say level=\"wire\"", p.Program, p.Host)
	}
	if err != nil {
		return fmt.Errorf("%s on %s: %w", p.Program, p.Host, err)
	}
	return nil
}

// tamperStarted tells a program that has just started what it is to do.
func (l *Lab) tamperStarted(ctx context.Context, p *Process) error {
	for _, laid := range l.ledger.laid {
		if laid.Host == p.Host && laid.At() == fault.Endpoint {
			return l.tamper(ctx, p.Host, laid.Name)
		}
	}
	return nil
}

// tamperCounts are what the programs of its host say about a fault.
func (l *Lab) tamperCounts(ctx context.Context, laid *laidFault) ([]fault.Counter, error) {
	var counters []fault.Counter
	for _, p := range l.running {
		if p.Host != laid.Host || !p.Running() || !l.controlled(p) {
			continue
		}
		var counts []tamper.Count
		if err := l.tamperOf(ctx, p, nil, &counts); err != nil {
			continue // it knows of no faults, or ends in this moment
		}
		for _, c := range counts {
			if c.Name == laid.Name {
				counters = append(counters, fault.Counter{
					Fault: c.Name, Link: p.Host + ":" + p.Program, ToHost: laid.Direction == fault.To, Matched: c.Matched, Done: c.Done,
				})
			}
		}
	}
	return counters, nil
}
