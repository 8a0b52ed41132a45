package harness_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/harness"
)

const bound = time.Minute

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	t.Cleanup(cancel)
	return ctx
}

func TestMain(m *testing.M) {
	code, inside, err := harness.Private()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	} else if inside {
		code = m.Run()
	}
	os.Exit(code)
}

func start(t *testing.T, stdin, script string) *harness.Process {
	t.Helper()
	p, err := harness.Start(t.TempDir(), []string{"GREETING=hello"}, stdin, "sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func TestProcess(t *testing.T) {
	p := start(t, "world\n", `read name; echo "$GREETING $name" >&2; exit 3`)
	code, err := p.Wait(bounded(t))
	if code != 3 || err != nil || p.Output() != "hello world\n" {
		t.Errorf("exit status %d, %v, printed %q", code, err, p.Output())
	}
	if p.Usage() < 0 {
		t.Errorf("processor time %v", p.Usage())
	}
}

func TestStopEndsTheChildrenToo(t *testing.T) {
	for name, end := range map[string]func(*harness.Process){"Stop": (*harness.Process).Stop, "Kill": (*harness.Process).Kill} {
		p := start(t, "", `sleep 1000 & echo $!; wait`)
		var child string
		err := harness.Until(bounded(t), "the child", func() (bool, error) {
			child = strings.TrimSpace(p.Output())
			return child != "", nil
		})
		if err != nil {
			t.Fatal(err)
		}
		end(p)
		err = harness.Until(bounded(t), "the child's end", func() (bool, error) {
			stat, err := os.ReadFile("/proc/" + child + "/stat")
			return errors.Is(err, os.ErrNotExist) || strings.Contains(string(stat), ") Z "), nil
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWaitSaysWhatWasPrinted(t *testing.T) {
	p := start(t, "", `echo stuck; sleep 1000`)
	ctx, cancel := context.WithCancel(t.Context())
	err := harness.Until(bounded(t), "output", func() (bool, error) { return p.Output() != "", nil })
	cancel()
	if _, waitErr := p.Wait(ctx); err != nil || waitErr == nil || !strings.Contains(waitErr.Error(), "stuck") {
		t.Errorf("Wait: %v, %v", err, waitErr)
	}
}

func TestUntilNamesWhatItWaitsFor(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := harness.Until(ctx, "the moon", func() (bool, error) { return false, nil })
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "the moon") {
		t.Errorf("Until: %v", err)
	}
	if err := harness.Until(ctx, "", func() (bool, error) { return false, os.ErrClosed }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Until: %v", err)
	}
}

func TestJournal(t *testing.T) {
	j := harness.Journal{Path: filepath.Join(t.TempDir(), "events.jsonl")}
	if events, err := j.All(); err != nil || len(events) != 0 {
		t.Errorf("a log that is not there yet: %v, %v", events, err)
	}
	log, err := eventlog.Open(j.Path, "ls1", "lserver", clock.System{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for _, address := range []string{"a", "b"} {
		log.Event(eventlog.ProgramReady, eventlog.F("address", address))
		log.Event(eventlog.ProgramStopped)
	}
	for _, want := range []string{"a", "b"} {
		if e, err := j.Await(bounded(t), eventlog.ProgramReady.Name); err != nil || e.Fields["address"] != want {
			t.Errorf("Await = %v, %v; want %s", e, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = j.Await(ctx, eventlog.ProgramReady.Name)
	if err == nil || !strings.Contains(err.Error(), "program.stopped") {
		t.Errorf("Await past the end: %v, want what the log says instead", err)
	}
}

func TestMeasures(t *testing.T) {
	if cpu, err := harness.CPU(os.Getpid()); err != nil || cpu < 0 {
		t.Errorf("CPU = %v, %v", cpu, err)
	}
	now, peak, err := harness.Memory(os.Getpid())
	if err != nil || now < 1<<20 || peak < now/2 {
		t.Errorf("Memory = %d, %d, %v", now, peak, err)
	}
	if _, err := harness.CPU(1 << 30); err == nil {
		t.Error("CPU of nobody succeeded")
	}
	if _, _, err := harness.Memory(1 << 30); err == nil {
		t.Error("Memory of nobody succeeded")
	}
}

func TestNeed(t *testing.T) {
	err := harness.Need("sh", "no-such-program")
	if err == nil || !strings.Contains(err.Error(), "no-such-program is not installed; run make deps") {
		t.Errorf("Need: %v", err)
	}
}
