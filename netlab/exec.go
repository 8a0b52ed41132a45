//go:build linux

package netlab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
)

// programsVariable names a folder to find programs in before any other.
const programsVariable = "TSLAB_BIN"

// ProgramFolders are the folders to find the lab's programs in before PATH: that of
// $TSLAB_BIN and the one that this program is in.
func ProgramFolders() []string {
	var folders []string
	if dir := os.Getenv(programsVariable); dir != "" {
		folders = append(folders, dir)
	}
	if self, err := os.Executable(); err == nil {
		folders = append(folders, filepath.Dir(self))
	}
	return folders
}

func (l *Lab) find(program string) (string, error) {
	if filepath.IsAbs(program) {
		return program, nil
	}
	for _, dir := range l.programs {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return filepath.Abs(path)
		}
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("program %s is neither in $%s nor beside tslab nor on PATH", program, programsVariable)
	}
	return filepath.Abs(path)
}

// Have says whether a program can be found, in the folders or on PATH.
func Have(folders []string, program string) bool {
	l := &Lab{programs: folders}
	_, err := l.find(program)
	return err == nil
}

// Result is how a program ended and what it said.
type Result struct {
	Exit           int
	Stdout, Stderr string
}

// Run runs a command of one of the lab's programs to its end, with those of the flags
// that all of them share that it has: state, host, clock, events, keylog. The command
// is empty for a program that has none.
func (l *Lab) Run(ctx context.Context, hostName, program, command string, shared []string, args ...string) (Result, error) {
	argv, err := l.commandLine(hostName, program, command, shared, args)
	if err != nil {
		return Result{}, err
	}
	return l.Exec(ctx, hostName, argv, nil)
}

// RunOn starts a command as Run does, and returns when the program has logged the
// event, leaving it running.
func (l *Lab) RunOn(ctx context.Context, hostName, program, command string, shared, args []string, event string) (*Process, error) {
	argv, err := l.commandLine(hostName, program, command, shared, args)
	if err != nil {
		return nil, err
	}
	p, err := l.Spawn(hostName, argv, nil)
	if err != nil {
		return nil, err
	}
	_, err = l.awaitOf(ctx, p, event)
	return p, err
}

// Begin starts a command as Run does and leaves it running; [Lab.Ended] waits for it.
func (l *Lab) Begin(hostName, program, command string, shared []string, args ...string) (*Process, error) {
	argv, err := l.commandLine(hostName, program, command, shared, args)
	if err != nil {
		return nil, err
	}
	return l.Spawn(hostName, argv, nil)
}

// Ended waits until a program has ended, and returns how.
func (l *Lab) Ended(ctx context.Context, p *Process) (Result, error) {
	l.action()
	select {
	case <-p.done:
	case <-ctx.Done():
		return Result{}, fmt.Errorf("%s on %s: %w%s", p.Program, p.Host, context.Cause(ctx), p.lastWords())
	}
	l.journal.poll()
	return p.result()
}

func (l *Lab) commandLine(hostName, program, command string, shared, args []string) ([]string, error) {
	if _, err := l.host(hostName); err != nil {
		return nil, err
	}
	if slices.Contains(shared, "events") {
		if err := l.follow(hostName, program); err != nil {
			return nil, err
		}
	}
	argv := []string{program}
	if command != "" {
		argv = append(argv, command)
	}
	return append(append(argv, l.sharedFlags(hostName, program, shared)...), args...), nil
}

// Job is a command of one of the lab's programs, run as by Run.
type Job struct {
	Host, Program, Command string
	Shared, Args           []string
	State                  string // a state folder of its own, beneath the program's; "" for the program's
}

// RunMany runs jobs, at most parallel of them at once, and returns how each ended.
// All are killed when ctx ends.
func (l *Lab) RunMany(ctx context.Context, jobs []Job, parallel int) ([]Result, error) {
	l.action()
	ended := make(chan int)
	programs := make([]*Process, len(jobs))
	results := make([]Result, len(jobs))
	running := 0
	defer func() {
		for _, p := range programs {
			if p != nil && p.Running() {
				_ = p.signalGroup(syscall.SIGKILL)
			}
		}
		for ; running > 0; running-- {
			<-ended
		}
	}()
	for next := 0; next < len(jobs) || running > 0; {
		if next < len(jobs) && running < parallel {
			p, err := l.begin(jobs[next])
			if err != nil {
				return nil, err
			}
			programs[next] = p
			go func(i int) { <-p.done; ended <- i }(next)
			next++
			running++
			continue
		}
		select {
		case i := <-ended:
			running--
			var err error
			if results[i], err = programs[i].result(); err != nil {
				return nil, err
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("%d of %d had not ended: %w", len(jobs)-next+running, len(jobs), context.Cause(ctx))
		}
	}
	l.journal.poll()
	return results, nil
}

func (l *Lab) begin(j Job) (*Process, error) {
	argv, err := l.commandLine(j.Host, j.Program, j.Command, j.Shared, j.Args)
	if err != nil {
		return nil, err
	}
	if i := slices.Index(argv, "--state"); i >= 0 && j.State != "" {
		argv[i+1] = filepath.Join(argv[i+1], j.State)
	}
	return l.spawn(j.Host, argv, nil)
}

// result is how a program that has ended did, and what it said.
func (p *Process) result() (Result, error) {
	stdout, err := takeOutput(p.Stdout)
	stderr, err2 := takeOutput(p.Stderr)
	return Result{Exit: p.Exit(), Stdout: stdout, Stderr: stderr}, errors.Join(err, err2)
}

// Exec runs any program in a host to its end. It is killed when ctx ends.
func (l *Lab) Exec(ctx context.Context, hostName string, argv, env []string) (Result, error) {
	l.action()
	return l.execute(ctx, hostName, argv, env)
}

// execute is Exec as a part of another action.
func (l *Lab) execute(ctx context.Context, hostName string, argv, env []string) (Result, error) {
	p, err := l.spawn(hostName, argv, env)
	if err != nil {
		return Result{}, err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		_ = p.signalGroup(syscall.SIGKILL)
		<-p.done
		return Result{}, fmt.Errorf("%s on %s: %w%s", p.Program, p.Host, context.Cause(ctx), p.lastWords())
	}
	l.journal.poll()
	return p.result()
}

// takeOutput reads an output file, and removes it when there is nothing in it.
func takeOutput(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err == nil && len(b) == 0 {
		err = os.Remove(path)
	}
	return string(b), err
}

// Spawn starts any program in a host and leaves it running.
func (l *Lab) Spawn(hostName string, argv, env []string) (*Process, error) {
	l.action()
	return l.spawn(hostName, argv, env)
}

func (l *Lab) spawn(hostName string, argv, env []string) (*Process, error) {
	h, err := l.host(hostName)
	if err != nil {
		return nil, err
	}
	if len(argv) == 0 {
		return nil, errors.New("no program to run")
	}
	return l.launch(h, launch{argv: argv, env: env, output: l.nextOutput(hostName, argv[0])})
}

// nextOutput is how the names of a program's output files begin.
func (l *Lab) nextOutput(hostName, program string) string {
	l.runs++
	return filepath.Join(l.hostFolder(hostName), "output", fmt.Sprintf("%03d-%s-", l.runs, filepath.Base(program)))
}
