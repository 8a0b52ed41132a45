package clock_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/clock"
)

// TestMain also plays a program of the lab: it does a duty a day and says so.
func TestMain(m *testing.M) {
	path := os.Getenv("TSLAB_TEST_CLOCK")
	if path == "" {
		os.Exit(m.Run())
	}
	l, err := clock.OpenLab(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	d := &duty{due: day0.Add(day)}
	fmt.Println("ready")
	err = clock.Run(context.Background(), l, "child", d.next, func(now time.Time) {
		d.do(now)
		fmt.Println("duty", len(d.done))
	})
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

type child struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func startChild(t *testing.T, l *clock.Lab, attr *syscall.SysProcAttr) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TSLAB_TEST_CLOCK="+l.Path())
	cmd.SysProcAttr, cmd.Stderr = attr, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	c := &child{cmd, bufio.NewScanner(out)}
	c.expect(t, "ready")
	for len(l.Programs()) == 0 {
		if err := l.Advance(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *child) expect(t *testing.T, want string) {
	t.Helper()
	if !c.lines.Scan() || c.lines.Text() != want {
		t.Fatalf("child says %q (%v), want %q", c.lines.Text(), c.lines.Err(), want)
	}
}

func TestOtherProcess(t *testing.T) {
	l := newLab(t)
	c := startChild(t, l, nil)
	for i := range 3 {
		if err := l.Advance(t.Context(), day); err != nil {
			t.Fatal(err)
		}
		c.expect(t, fmt.Sprint("duty ", i+1))
	}
	if got := l.NextDue(); !got.Equal(day0.Add(4 * day)) {
		t.Errorf("NextDue = %v, want day 4", got)
	}
}

func TestDeadProcessDoesNotHoldTheBarrier(t *testing.T) {
	l := newLab(t)
	c := startChild(t, l, nil)
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.cmd.Wait()
	if err := l.Advance(t.Context(), day); err != nil {
		t.Errorf("Advance past a dead program: %v", err)
	}
	if programs := l.Programs(); len(programs) != 0 {
		t.Errorf("Programs = %+v, want none", programs)
	}
	startChild(t, l, nil).expect(t, "duty 1") // its slot is used again
}

func TestStoppedProcessDoesNotHoldTheBarrier(t *testing.T) {
	l := newLab(t)
	c := startChild(t, l, nil)
	pid := c.cmd.Process.Pid
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("child did not stop: %v, %v", status, err)
	}
	if err := l.Advance(t.Context(), day); err != nil {
		t.Errorf("Advance past a stopped program: %v", err)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	c.expect(t, "duty 1")
}

func TestProcessInAnotherPIDNamespace(t *testing.T) {
	l := newLab(t)
	attr := &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	c := startChild(t, l, attr)
	if p := l.Programs(); len(p) != 1 || p[0].PID != 1 {
		t.Errorf("Programs = %+v, want one with pid 1 of its namespace", p)
	}
	if err := l.Advance(t.Context(), day); err != nil {
		t.Fatal(err)
	}
	c.expect(t, "duty 1")
	c.cmd.Process.Kill()
	c.cmd.Wait()
	if err := l.Advance(t.Context(), day); err != nil {
		t.Errorf("Advance past a dead program of another namespace: %v", err)
	}
}

func BenchmarkNow(b *testing.B) {
	path := b.TempDir() + "/clock"
	if err := errors.Join(clock.CreateLab(path, day0)); err != nil {
		b.Fatal(err)
	}
	l, err := clock.OpenLab(path)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for b.Loop() {
		l.Now()
	}
}
