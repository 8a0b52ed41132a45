//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tslab/tslab/internal/harness"
	"github.com/tslab/tslab/netlab"
)

// lab runs `tslab run` to its end in dir and returns its exit status and what it
// printed.
func lab(ctx context.Context, t *testing.T, dir string, args ...string) (int, string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, filepath.Join(programs, "tslab"), append([]string{"run"}, args...)...)
	cmd.Dir = dir
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.CombinedOutput()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func record(t *testing.T, folder string) netlab.Record {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(folder, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r netlab.Record
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// The capture reads itself: an unmodified Wireshark names the links, opens the leg
// between the servers, and shows what the programs said between the packets.
func TestCaptureReadsItself(t *testing.T) {
	if err := harness.Need("tshark"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if code, out := lab(bounded(t), t, dir, "first-logon"); code != 0 {
		t.Fatalf("exit status %d\n%s", code, out)
	}
	folder := filepath.Join(dir, "runs", "first-logon")
	if r := record(t, folder); r.Verdict != netlab.Passed || r.Drops != 0 || len(r.Expectations) < 10 {
		t.Errorf("run.json: %+v", r)
	}
	path := filepath.Join(folder, netlab.CaptureName)
	interfaces := strings.Fields(tshark(t, path, "-T", "fields", "-e", "frame.interface_name"))
	slices.Sort(interfaces)
	if diff := cmp.Diff([]string{"c1:eth0", "ls1:eth0", "ts1:eth0"}, slices.Compact(interfaces)); diff != "" {
		t.Errorf("interfaces: -want +got\n%s", diff)
	}
	if tshark(t, path, "-Y", "tls && data", "-T", "fields", "-e", "data.data") == "" {
		t.Error("the leg between the servers cannot be read")
	}
	if tshark(t, path, "-Y", `systemd_journal.message contains "upgraded from"`) == "" {
		t.Error("no row of the license server between the packets")
	}
	// A busy machine makes TCP send a frame again now and then; if each stood in the
	// file on two links, half of them would be called so.
	again := strings.Count(tshark(t, path, "-Y", "tcp.analysis.retransmission"), "\n")
	if all := strings.Count(tshark(t, path, "-Y", "tcp"), "\n"); again > all/20 {
		t.Errorf("%d of %d frames are called retransmissions", again, all)
	}
}

func tshark(t *testing.T, path string, args ...string) string {
	t.Helper()
	cmd := exec.Command("tshark", append([]string{"-r", path}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, stderr.String())
	}
	return string(out)
}

func TestRealClients(t *testing.T) {
	if err := harness.Need("rdesktop", "xfreerdp", "Xvfb"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if code, out := lab(bounded(t), t, dir, "real-clients"); code != 0 {
		t.Errorf("exit status %d\n%s", code, out)
	}
}

func TestDrillThatFails(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	head := "# A drill that fails\nlan = net(\"lan\")\nc1 = host(\"c1\")\n"
	write("unmet.star", head+"expect(exec(c1, \"true\").exit, 7, \"true fails\")\n")
	write("syntax.star", head+"expect((\n")
	write("name.star", head+"connekt(c1)\n")
	write("unreachable.star", head+"r = connect(c1, \"c1\", name = \"PC-1\")\nexpect(r.status, \"unreachable\")\nexpect(r.exit, 5)\nlogged(c1, {\"client.unreachable\": 1})\n")
	write("controller.star", "# A message lost at a domain controller\nnet(\"lan\"); dc1 = host(\"dc1\", domain = \"corp.example\", dc = True)\n"+
		"start(dc1, \"labdc\")\nfault(dc1, \"drop\", message = \"tsls.Allocate\")\n")
	for _, tt := range []struct {
		drill string
		code  int
		want  string
	}{
		{"controller.star", 1, "controller.star:4:6: fault drop-1: labdc on dc1 does no faults on messages itself; lay it on the host at the other end"},
		{"unmet.star", 1, "unmet.star:4:7: true fails: want 7, got 0"},
		{"syntax.star", 1, "syntax.star:5:1: got end of file"},
		{"name.star", 1, "name.star:4:1: undefined: connekt"},
		{"unreachable.star", 0, "4 of 4 expectations met"},
		{"no-such-drill", 1, "`tslab list` shows those there are"},
	} {
		if code, out := lab(bounded(t), t, dir, tt.drill); code != tt.code || !strings.Contains(out, tt.want) {
			t.Errorf("%s: exit status %d, want %d with %q\n%s", tt.drill, code, tt.code, tt.want, out)
		}
	}
	for _, drill := range []string{"syntax.star", "unmet.star"} { // what CI reads is never empty
		if code, out := lab(bounded(t), t, dir, "--junit", filepath.Join(dir, "out.xml"), drill); code != 1 {
			t.Errorf("%s: exit status %d\n%s", drill, code, out)
		}
		if b, err := os.ReadFile(filepath.Join(dir, "out.xml")); err != nil || !strings.Contains(string(b), strings.TrimSuffix(drill, ".star")) || !strings.Contains(string(b), " message=") {
			t.Errorf("%s: %v\n%s", drill, err, b)
		}
	}
	write("thesis.tex", "precious")
	code, out := lab(bounded(t), t, dir, "--out", ".", "unreachable.star")
	if code != 1 || !strings.Contains(out, "is left alone") || strings.Contains(out, "unreachable.star:") { // no fault of a line of the drill
		t.Errorf("a folder that is no run's: exit status %d\n%s", code, out)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "thesis.tex")); err != nil || string(b) != "precious" {
		t.Errorf("thesis.tex: %q, %v", b, err)
	}
}

// endless is a lab with servers, a client that stays and a program that waits, which
// never comes to its end.
const endless = `# A lab that does not end by itself
lan = net("lan")
c1 = host("c1")
ts1 = host("ts1")
ls1 = host("ls1")
start(ls1, "lserver")
start(ts1, "termsrv", license_server = ls1)
connect(c1, ts1, stay = True, name = "PC-1")
exec(c1, "sh", "-c", "sleep 1000 & sleep 1000", background = True)
step("everything runs")
await_event("fault.overrun", timeout = 1000)
`

// However a lab ends, nothing of it is left.
func TestEndedLabLeavesNothing(t *testing.T) {
	for _, tt := range []struct {
		signal  syscall.Signal
		verdict netlab.Verdict
		code    int
	}{
		{syscall.SIGKILL, netlab.Running, -1},
		{syscall.SIGINT, netlab.Interrupted, 130},
		{syscall.SIGTERM, netlab.Interrupted, 130},
	} {
		t.Run(tt.signal.String(), func(t *testing.T) {
			ctx := bounded(t)
			dir, temp := t.TempDir(), t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "endless.star"), []byte(endless), 0o644); err != nil {
				t.Fatal(err)
			}
			mark := "TSLAB_E2E_MARK=" + dir
			p, err := harness.Start(dir, []string{mark, "TMPDIR=" + temp}, "", filepath.Join(programs, "tslab"), "run", "--out", filepath.Join(dir, "run"), filepath.Join(dir, "endless.star"))
			if err != nil {
				t.Fatal(err)
			}
			defer p.Kill()
			err = harness.Until(ctx, "the lab runs", func() (bool, error) { return strings.Contains(p.Output(), "everything runs"), nil })
			if err != nil {
				t.Fatalf("%v\n%s", err, p.Output())
			}
			var all []unix.PollFd
			const expected = 7 // two of tslab, two servers, a client, two that sleep
			err = harness.Until(ctx, "all processes are there", func() (bool, error) {
				all = marked(t, mark)
				return len(all) >= expected, nil
			})
			if err != nil {
				t.Fatalf("%d processes of the lab: %v", len(all), err)
			}
			spaces := namespaces(t, mark)
			if len(spaces) < 2+3 { // the lab's of processes and mounts, and a network each of its hosts
				t.Fatalf("the lab has the namespaces %v", spaces)
			}
			if err := syscall.Kill(p.PID(), tt.signal); err != nil {
				t.Fatal(err)
			}
			awaitGone(ctx, t, all)
			wantNoSpace(t, spaces)
			if code, err := p.Wait(ctx); err != nil || code != tt.code {
				t.Errorf("exit status %d, %v; want %d", code, err, tt.code)
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
				t.Errorf("outside of the run's folder are left %v (%v)", left, err)
			}
			if r := record(t, filepath.Join(dir, "run")); r.Verdict != tt.verdict {
				t.Errorf("verdict %q, want %q", r.Verdict, tt.verdict)
			}
			_, err = os.Stat(filepath.Join(dir, "run", netlab.CaptureName))
			if assembled := err == nil; assembled != (tt.verdict == netlab.Interrupted) {
				t.Errorf("capture assembled: %v (%v)", assembled, err)
			}
		})
	}
}

// At whatever moment it is ended, also while it is being built: no process is left, none of
// the namespaces there were, and a run that was interrupted says so.
func TestLabEndedWhileItBegins(t *testing.T) {
	for _, there := range []string{"run", "run/clock", "run/raw/ls1-eth0.pcap", "run/hosts/ls1/lserver", "run/hosts/c1/tsclient/events.jsonl"} {
		for signal, code := range map[syscall.Signal]int{syscall.SIGKILL: -1, syscall.SIGINT: 130} {
			t.Run(fmt.Sprintf("%s %v", there, signal), func(t *testing.T) {
				ctx, dir := bounded(t), t.TempDir()
				if err := os.WriteFile(filepath.Join(dir, "endless.star"), []byte(endless), 0o644); err != nil {
					t.Fatal(err)
				}
				mark := "TSLAB_E2E_MARK=" + dir
				p, err := harness.Start(dir, []string{mark}, "", filepath.Join(programs, "tslab"), "run", "--out", "run", "endless.star")
				if err != nil {
					t.Fatal(err)
				}
				defer p.Kill()
				err = harness.Until(ctx, there+" is there", func() (bool, error) {
					_, err := os.Stat(filepath.Join(dir, there))
					return err == nil, nil
				})
				if err != nil {
					t.Fatalf("%v\n%s", err, p.Output())
				}
				all, spaces := marked(t, mark), namespaces(t, mark)
				if err := syscall.Kill(p.PID(), signal); err != nil {
					t.Fatal(err)
				}
				if got, err := p.Wait(ctx); err != nil || got != code {
					t.Errorf("exit status %d, %v; want %d", got, err, code)
				}
				awaitGone(ctx, t, all)
				awaitGone(ctx, t, marked(t, mark)) // what had begun in between
				wantNoSpace(t, spaces)
				if code == 130 && !strings.Contains(p.Output(), "interrupted") {
					t.Errorf("it does not say that it was interrupted:\n%s", p.Output())
				}
			})
		}
	}
}

// marked opens every process that has the mark in its environment.
func marked(t *testing.T, mark string) (pidfds []unix.PollFd) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		env, err := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if err != nil || !slices.Contains(strings.Split(string(env), "\x00"), mark) {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if errors.Is(err, unix.ESRCH) {
			continue // it has ended since
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		pidfds = append(pidfds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	return pidfds
}

// namespaces are those of every thread of the processes with the mark that the test
// itself is not in, as "net:[4026532001]". They are held open to the end of the test: the
// kernel would give their numbers to the next ones, which may be those of another lab.
func namespaces(t *testing.T, mark string) map[string]bool {
	t.Helper()
	spaces := map[string]bool{}
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range environs {
		env, err := os.ReadFile(path)
		if err == nil && slices.Contains(strings.Split(string(env), "\x00"), mark) {
			threads(filepath.Dir(path), func(space, link string) {
				if spaces[space] {
					return
				}
				if f, err := os.Open(link); err == nil {
					spaces[space] = true
					t.Cleanup(func() { f.Close() })
				}
			})
		}
	}
	threads("/proc/self", func(space, _ string) { delete(spaces, space) })
	return spaces
}

// threads passes the namespaces of a process's threads to f, with where they are to be
// opened. One that has ended runs no
// program; it keeps nothing, and is there until its parent asks how it ended.
func threads(process string, f func(space, link string)) {
	if _, err := os.Readlink(process + "/exe"); err != nil {
		return
	}
	links, err := filepath.Glob(process + "/task/*/ns/*")
	if err != nil {
		return
	}
	for _, link := range links {
		if space, err := os.Readlink(link); err == nil {
			f(space, link)
		}
	}
}

// wantNoSpace holds that nothing keeps the namespaces, and with them what was mounted
// there: no thread of any process is in one, and none is mounted anywhere.
func wantNoSpace(t *testing.T, spaces map[string]bool) {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range processes {
		threads(process, func(space, _ string) {
			if spaces[space] {
				t.Errorf("%s is left: %s is in it", space, process)
			}
		})
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for space := range spaces {
		if strings.Contains(string(mounts), space) {
			t.Errorf("%s is left: it is mounted", space)
		}
	}
}

// awaitGone waits until each process has ended.
func awaitGone(ctx context.Context, t *testing.T, pidfds []unix.PollFd) {
	t.Helper()
	const second = 1000 // the unit of poll is a millisecond
	for i := range pidfds {
		for n := 0; n == 0; {
			var err error
			if n, err = unix.Poll(pidfds[i:i+1], second); err != nil && !errors.Is(err, unix.EINTR) {
				t.Fatal(err)
			}
			if n == 0 && ctx.Err() != nil {
				t.Fatalf("%d of %d processes are left", len(pidfds)-i, len(pidfds))
			}
		}
	}
}
