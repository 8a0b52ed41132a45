//go:build linux

package netlab

import (
	"fmt"

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
