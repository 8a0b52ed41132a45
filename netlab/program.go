//go:build linux

package netlab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tslab/tslab/internal/eventlog"
)

const (
	eventsName = "events.jsonl"
	keyLogName = "keys.log"

	readyTimeout = 20 * time.Second
)

// Process is a program that runs in a host until it is stopped or ends by itself.
type Process struct {
	Host    string
	Program string
	Address string // where it serves, from its program.ready event
	Stdout  string // file that its output goes to
	Stderr  string // file that its error output goes to

	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// Start starts a program of the lab that serves on listen (empty if it listens on
// nothing) and returns when it says that it is ready. Its state is kept from one
// start to the next.
func (l *Lab) Start(ctx context.Context, hostName, program, listen string, args ...string) (*Process, error) {
	h, err := l.host(hostName)
	if err != nil {
		return nil, err
	}
	for _, p := range l.running {
		if p.Host == hostName && p.Program == program && p.Running() {
			return nil, fmt.Errorf("%s is running on %s already", program, hostName)
		}
	}
	if err := l.follow(hostName, program); err != nil {
		return nil, err
	}
	flags := l.sharedFlags(hostName, program, []string{"state", "host", "clock", "events", "keylog"})
	if listen != "" {
		flags = append(flags, "--listen", listen)
	}
	flags = append(flags, l.spec.domainFlags(h.spec, program, l.domainFolder())...)
	l.action()
	folder := l.ProgramFolder(hostName, program)
	p, err := l.launch(h, launch{argv: append(append(command(program), flags...), args...), output: filepath.Join(folder, "std")})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, errors.New("it does not say that it is ready"))
	defer cancel()
	ready, err := l.awaitOf(ctx, p, eventlog.ProgramReady.Name)
	p.Address = ready.Fields["address"]
	if err != nil {
		return p, err
	}
	if program == controllerProgram {
		return p, l.joinHosts(ctx, h.spec)
	}
	return p, l.tamperStarted(ctx, p)
}

// ProgramFolder is where a program keeps its state in a host. tscc has none: it
// speaks with the terminal server, in that one's.
func (l *Lab) ProgramFolder(hostName, program string) string {
	if program == "tscc" {
		program = "termsrv"
	}
	return filepath.Join(l.hostFolder(hostName), program)
}

// DocumentFolder is where documents of a host lie that others carry away.
func (l *Lab) DocumentFolder(hostName string) (string, error) {
	folder := filepath.Join(l.hostFolder(hostName), "documents")
	return folder, os.MkdirAll(folder, 0o755)
}

// follow sees to it that a program's event log is followed.
func (l *Lab) follow(hostName, program string) error {
	events := filepath.Join(l.ProgramFolder(hostName, program), eventsName)
	if _, err := os.Stat(events); errors.Is(err, fs.ErrNotExist) {
		return l.journal.follow(events)
	}
	return nil
}

// sharedFlags are the flags of those names that all programs of the lab understand.
func (l *Lab) sharedFlags(hostName, program string, names []string) []string {
	if program == "lsreport" {
		program = "licmgr" // the tools of a host have one key, and one membership
	}
	dir := l.ProgramFolder(hostName, program)
	var argv []string
	for _, name := range names {
		value := ""
		switch name {
		case "state":
			value = dir
		case "host":
			value = hostName
		case "clock":
			value = l.clockOf(hostName).Path()
		case "events":
			value = filepath.Join(dir, eventsName)
		case "keylog":
			value = filepath.Join(dir, keyLogName)
		case "lserver": // the folder of the host's license server, for a command that looks after it
			value = l.ProgramFolder(hostName, "lserver")
		}
		argv = append(argv, "--"+name, value)
	}
	return argv
}

// awaitOf waits until the process has logged an event of that name.
func (l *Lab) awaitOf(ctx context.Context, p *Process, event string) (eventlog.Event, error) {
	ctx, ended := context.WithCancelCause(ctx)
	defer ended(nil)
	go func() {
		select {
		case <-p.done:
			ended(errors.New("it ended"))
		case <-ctx.Done():
		}
	}()
	e, err := l.Await(ctx, func(e eventlog.Event) bool {
		return e.Name == event && e.Host == p.Host && e.Program == p.Program
	})
	if err != nil {
		return e, fmt.Errorf("%s on %s: %w%s", p.Program, p.Host, err, p.lastWords())
	}
	return e, nil
}

// launch is what a program is started with.
type launch struct {
	argv   []string
	env    []string   // beside that of all programs
	output string     // how the names of its output files begin
	files  []*os.File // its descriptors from 3 on
	stdio  []*os.File // its input, output and error output in place of files

	terminal bool // its input is a terminal, which it gets for its own
}

// launch starts a program in a host.
func (l *Lab) launch(h *host, what launch) (*Process, error) {
	path, err := l.find(what.argv[0])
	if err != nil {
		return nil, err
	}
	home := filepath.Join(l.hostFolder(h.Name), "home")
	if err := errors.Join(os.MkdirAll(filepath.Dir(what.output), 0o755), os.MkdirAll(home, 0o755)); err != nil {
		return nil, err
	}
	p := &Process{
		Host: h.Name, Program: filepath.Base(what.argv[0]), done: make(chan struct{}),
		Stdout: what.output + "out.log", Stderr: what.output + "err.log", cmd: exec.Command(path, what.argv[1:]...),
	}
	p.cmd.ExtraFiles = what.files
	p.cmd.Dir = home
	p.cmd.Env = append(l.environment(home), what.env...)
	stdout, err := appendTo(p.Stdout)
	if err != nil {
		return nil, err
	}
	defer stdout.Close()
	stderr, err := appendTo(p.Stderr)
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	p.cmd.Stdout, p.cmd.Stderr = stdout, stderr
	if len(what.stdio) == 3 {
		p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = what.stdio[0], what.stdio[1], what.stdio[2]
	}
	if what.terminal {
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	}
	if err := h.Start(p.cmd); err != nil {
		return nil, fmt.Errorf("%s on %s: %w", p.Program, h.Name, err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.done)
	}()
	l.running = append(slices.DeleteFunc(l.running, func(p *Process) bool { return !p.Running() }), p)
	l.record.Programs = append(l.record.Programs, ProgramRecord{Host: h.Name, Program: p.Program, Command: append([]string{path}, what.argv[1:]...)})
	return p, nil
}

func appendTo(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
}

// environment is that of every program: the user's, with the lab's own programs
// first on the path, and the folders that a user has inside of the run: what a killed
// program leaves there is in nobody's way.
func (l *Lab) environment(home string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == "HOME" || name == "PATH" || name == "DISPLAY" || name == "XAUTHORITY" || strings.HasPrefix(name, "XDG_")
	})
	path := strings.Join(append(slices.Clone(l.programs), os.Getenv("PATH")), string(os.PathListSeparator))
	return append(env, "HOME="+home, "XDG_RUNTIME_DIR="+filepath.Join(home, "run"), "PATH="+path)
}

// Running says whether the program has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Exit is the program's exit status when it has ended: 128 and the signal's number
// when a signal ended it.
func (p *Process) Exit() int {
	<-p.done
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return p.cmd.ProcessState.ExitCode()
}

// Stop asks the program to end and waits until it has.
func (l *Lab) Stop(ctx context.Context, p *Process) error {
	l.action()
	if !p.Running() {
		return fmt.Errorf("%s on %s is not running", p.Program, p.Host)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("%s on %s: %w", p.Program, p.Host, err)
	}
	select {
	case <-p.done:
		l.journal.poll()
		return nil
	case <-time.After(stopTimeout):
		return fmt.Errorf("%s on %s does not end %v after SIGTERM", p.Program, p.Host, stopTimeout)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Kill ends the program without asking, as a power failure would.
func (l *Lab) Kill(p *Process) error {
	l.action()
	if !p.Running() {
		return fmt.Errorf("%s on %s is not running", p.Program, p.Host)
	}
	if err := p.signalGroup(syscall.SIGKILL); err != nil {
		return fmt.Errorf("%s on %s: %w", p.Program, p.Host, err)
	}
	<-p.done
	l.log.Event(eventlog.ProgramKilled, eventlog.F("program", p.Program), eventlog.F("target", p.Host))
	l.journal.poll()
	return nil
}

// Pause stops the program where it is (SIGSTOP): its connections stay open and
// nothing answers on them.
func (l *Lab) Pause(p *Process) error {
	return l.signal(p, syscall.SIGSTOP, eventlog.ProgramPaused)
}

// PauseLater does what Pause does after a while of elapsed time, and Resume a while
// after that, while the drill goes on. A program that has ended by then is left alone.
func (l *Lab) PauseLater(p *Process, after, lasting time.Duration) error {
	l.action()
	if !p.Running() {
		return fmt.Errorf("%s on %s is not running", p.Program, p.Host)
	}
	l.later.Go(func() {
		if !l.waited(p, after) || p.signalGroup(syscall.SIGSTOP) != nil {
			return
		}
		l.log.Event(eventlog.ProgramPaused, eventlog.F("program", p.Program), eventlog.F("target", p.Host))
		if l.waited(p, lasting) && p.signalGroup(syscall.SIGCONT) == nil {
			l.log.Event(eventlog.ProgramResumed, eventlog.F("program", p.Program), eventlog.F("target", p.Host))
		}
	})
	return nil
}

// waited waits, and says whether the program and the lab still live then.
func (l *Lab) waited(p *Process, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return p.Running()
	case <-p.done:
	case <-l.ending:
	}
	return false
}

// Resume lets a program go on that Pause has stopped.
func (l *Lab) Resume(p *Process) error {
	return l.signal(p, syscall.SIGCONT, eventlog.ProgramResumed)
}

func (l *Lab) signal(p *Process, s syscall.Signal, kind eventlog.Kind) error {
	l.action()
	if !p.Running() {
		return fmt.Errorf("%s on %s is not running", p.Program, p.Host)
	}
	if err := p.signalGroup(s); err != nil {
		return fmt.Errorf("%s on %s: %w", p.Program, p.Host, err)
	}
	l.log.Event(kind, eventlog.F("program", p.Program), eventlog.F("target", p.Host))
	l.journal.poll()
	return nil
}

func (p *Process) signalGroup(s syscall.Signal) error {
	return syscall.Kill(-p.cmd.Process.Pid, s)
}

// end stops the program, and kills it when it does not end in time.
func (p *Process) end(patience time.Duration) {
	if !p.Running() {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may end in this moment
	_ = p.signalGroup(syscall.SIGCONT)        // and it may be paused
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.signalGroup(syscall.SIGKILL)
		<-p.done
	}
}

// lastWords is the end of the program's error output, to go behind an error.
func (p *Process) lastWords() string {
	b, err := os.ReadFile(p.Stderr)
	text := strings.TrimSpace(string(b))
	if err != nil || text == "" {
		return ""
	}
	lines := strings.Split(text, "\n")
	return ": " + strings.Join(lines[max(0, len(lines)-3):], "; ")
}
