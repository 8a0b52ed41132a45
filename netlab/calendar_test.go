//go:build linux

package netlab

import (
	"os/exec"
	"testing"
	"time"
)

// TestAdvanceStep: the calendar goes by the smallest advance_step of the servers that
// run; other programs and those that have ended have none.
func TestAdvanceStep(t *testing.T) {
	ended := make(chan struct{})
	close(ended)
	process := func(program string, done chan struct{}, args ...string) *Process {
		return &Process{Program: program, done: done, cmd: &exec.Cmd{Args: append([]string{program}, args...)}}
	}
	lab := &Lab{running: []*Process{
		process("lserver", make(chan struct{}), "--set", "max_step=2d"),
		process("tsclient", make(chan struct{}), "--set", "advance_step=1m"),
		process("termsrv", ended, "--set", "advance_step=2m"),
	}}
	if got := lab.AdvanceStep(); got != 24*time.Hour {
		t.Errorf("without the knob: %s", got)
	}
	lab.running = append(lab.running,
		process("termsrv", make(chan struct{}), "--edition", "ws2003", "--set", "grace_days=5,advance_step=90m"),
		process("lserver", make(chan struct{}), "--set", "advance_step=6h"))
	if got := lab.AdvanceStep(); got != 90*time.Minute {
		t.Errorf("with 90m and 6h: %s", got)
	}
}
