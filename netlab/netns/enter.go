//go:build linux

package netns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideVariable tells the re-executed program which descriptor ends with the
// program that started it.
const insideVariable = "TSLAB_INSIDE"

// namespaces are what a lab has for itself. The cgroup and time namespaces stay the
// machine's: the lab's calendar is not the kernel's.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC

// Ground is what a lab stands on.
type Ground int

// The grounds.
const (
	// UserGround is a user namespace of its own: no privilege is needed and none is kept.
	UserGround Ground = iota
	// RootGround has none: the lab is root outside as well, as the kernel demands of who
	// gives it programs.
	RootGround
)

// Inside says whether this process is the one that Reexec started: process 1 of a
// lab's namespaces.
func Inside() bool { return os.Getpid() == 1 && os.Getenv(insideVariable) != "" }

// Reexec runs this program again with args in new namespaces on this ground, hands it
// SIGINT, SIGTERM and SIGHUP, waits for it and returns its exit status. If this process
// dies, however it dies, the kernel kills the other and all that it started.
func (g Ground) Reexec(args []string) (int, error) {
	return g.reexec(args, os.Stdin, os.Stdout, os.Stderr)
}

func (g Ground) reexec(args []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	// The kernel sends the parent-death signal when the thread that forked ends, so
	// this one must not end before the process does.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	alive, keep, err := os.Pipe()
	if err != nil {
		return 0, fmt.Errorf("lab: %w", err)
	}
	defer alive.Close()
	defer keep.Close()
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	cmd.ExtraFiles = []*os.File{alive}
	cmd.Env = append(os.Environ(), insideVariable+"="+strconv.Itoa(3))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: namespaces,
		Pdeathsig:  syscall.SIGKILL,
		// A process group of its own, so that Ctrl-C comes once, from here.
		Setpgid: true,
	}
	begin := stepRoot
	if g == UserGround {
		begin = stepUser
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, explain(begin, err)
	}
	done := make(chan struct{})
	go forward(signals, cmd.Process, done)
	err = cmd.Wait()
	close(done)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status := exit.Sys().(syscall.WaitStatus); status.Signaled() {
			return 128 + int(status.Signal()), nil
		}
		return exit.ExitCode(), nil
	}
	return 0, err
}

// Main runs run, such as the main function of a package's tests, in namespaces on this
// ground, for which the program is started again, and returns the exit status.
func (g Ground) Main(run func() int) int {
	if !Inside() {
		code, err := g.Reexec(os.Args[1:])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	}
	if _, err := Enter(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return run()
}

func forward(signals <-chan os.Signal, p *os.Process, done <-chan struct{}) {
	for {
		select {
		case s := <-signals:
			p.Signal(s)
		case <-done:
			return
		}
	}
}

// Enter makes the namespaces that Reexec gave this process fit to build hosts in.
// The returned context ends when the program that called Reexec is gone. Enter must
// be called once, before anything else is done with the lab.
func Enter(ctx context.Context) (context.Context, error) {
	fd, err := strconv.Atoi(os.Getenv(insideVariable))
	if err != nil || os.Getpid() != 1 {
		return nil, errors.New("lab: netns.Enter outside of the namespaces that Reexec makes")
	}
	os.Unsetenv(insideVariable)
	unix.CloseOnExec(fd)
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		io.Copy(io.Discard, os.NewFile(uintptr(fd), "parent"))
		cancel(errors.New("the program that started the lab is gone"))
	}()
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, explain(stepMounts, err)
	}
	// Before anything asks /proc who it is: the old one counts processes from outside.
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return nil, explain(stepProc, err)
	}
	if err := prepareEtc(); err != nil {
		return nil, fmt.Errorf("lab: private /etc: %w", err)
	}
	ipv6 := openIPv6Switch()
	quietIPv6(ipv6)
	_ = unix.Close(ipv6) // fails if there is none
	return ctx, nil
}

// openIPv6Switch opens what turns IPv6 off in this thread's network namespace; -1 where
// /proc/sys has no such thing or cannot be written.
func openIPv6Switch() int {
	fd, err := unix.Open("/proc/sys/net/ipv6/conf/all/disable_ipv6", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return fd
}

// quietIPv6 keeps interfaces, also those made after it, from sending router solicitations
// and multicast reports into every capture. Where it fails they do, which harms nothing
// else.
func quietIPv6(ipv6 int) { _, _ = unix.Write(ipv6, []byte("1")) }
