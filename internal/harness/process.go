//go:build linux

package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopBound is how long a process gets between being asked to end and being killed.
const stopBound = 5 * time.Second

// Process is a started program.
type Process struct {
	cmd    *exec.Cmd
	name   string
	output buffer
	ended  chan struct{}
	err    error // after ended
}

// Start starts program in dir with the arguments and the additional environment. What
// it prints is kept; it reads stdin, if any. Servers are registered in dir: those that
// the user runs by hand are not to be taken for a test's, nor the other way round.
func Start(dir string, env []string, stdin, program string, args ...string) (*Process, error) {
	cmd := exec.Command(program, args...)
	cmd.Env = append(append(os.Environ(), "XDG_RUNTIME_DIR="+dir), env...)
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	return startCommand(cmd, dir)
}

func startCommand(cmd *exec.Cmd, dir string) (*Process, error) {
	p := &Process{cmd: cmd, name: cmd.Path, ended: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	// What the program starts goes with it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = stopBound
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		p.err = p.cmd.Wait()
	}()
	return p, nil
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Output is what it has printed so far.
func (p *Process) Output() string { return p.output.String() }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Wait waits for the end and returns the exit code; -1 after a signal.
func (p *Process) Wait(ctx context.Context) (int, error) {
	select {
	case <-p.ended:
	case <-ctx.Done():
		return -1, fmt.Errorf("%s has not ended: %w; it printed:\n%s", p.name, ctx.Err(), p.Output())
	}
	if _, isExit := errors.AsType[*exec.ExitError](p.err); p.err != nil && !isExit {
		return -1, p.err
	}
	return p.cmd.ProcessState.ExitCode(), nil
}

// Usage is the processor time that the process took; it is known when it has ended.
func (p *Process) Usage() time.Duration {
	<-p.ended
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

// Stop asks the process and its children to end, kills them if they do not, and
// returns when the process has ended.
func (p *Process) Stop() {
	p.signal(syscall.SIGTERM)
	timer := time.NewTimer(stopBound)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		p.Kill()
	}
}

// Kill kills the process and its children and returns when the process has ended.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

func (p *Process) signal(s syscall.Signal) {
	select {
	case <-p.ended: // its id may be another's by now
	default:
		_ = syscall.Kill(-p.PID(), s)
	}
}

// buffer is a bytes.Buffer that may be read while it is written.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
