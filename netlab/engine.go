//go:build linux

package netlab

import (
	"errors"
	"fmt"

	"github.com/tslab/tslab/netlab/fault"
	"github.com/tslab/tslab/netlab/fault/relay"
	"github.com/tslab/tslab/netlab/fault/tcx"
	"github.com/tslab/tslab/netlab/netns"
)

// Engine names what does the faults of a lab.
type Engine string

// The engines.
const (
	UserEngine Engine = "user"   // a wire in this process: every fault, no privilege
	EBPFEngine Engine = tcx.Name // programs in the kernel: root, and what the kernel can do
)

// ParseEngine reads the name of an engine.
func ParseEngine(name string) (Engine, error) {
	switch e := Engine(name); e {
	case UserEngine, EBPFEngine:
		return e, nil
	}
	return "", fmt.Errorf("there is no engine %q; there are %s and %s", name, UserEngine, EBPFEngine)
}

// Ground is what a lab with this engine stands on. The error says in a sentence why it
// cannot be had here, and what to do.
func (e Engine) Ground() (netns.Ground, error) {
	if e == EBPFEngine {
		return netns.RootGround, tcx.Available()
	}
	return netns.UserGround, nil
}

// openEngine makes what does the lab's faults, for cables with these ports in order.
func (l *Lab) openEngine(bridges map[string]string, ports []string) error {
	for _, h := range l.spec.Hosts {
		for _, c := range h.Cables {
			l.cables = append(l.cables, fault.Link{
				Name: h.Name + ":" + c.Interface, Port: ports[len(l.cables)], Bridge: bridges[c.Net], Addresses: c.Addresses(),
			})
		}
	}
	if l.record.Engine != EBPFEngine {
		l.faults = relay.New(l.sw)
		return nil
	}
	l.faults = tcx.New()
	var err error
	l.traffic, err = tcx.Count(l.cables)
	return err
}

// closeEngine heals everything.
func (l *Lab) closeEngine() error {
	var errs []error
	if l.faults != nil {
		errs = append(errs, l.faults.Close())
	}
	if l.traffic != nil {
		traffic, err := l.traffic.Traffic()
		l.record.Traffic = traffic
		errs = append(errs, err, l.traffic.Close())
	}
	return errors.Join(errs...)
}
