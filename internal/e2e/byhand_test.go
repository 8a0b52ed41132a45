//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab"
)

// A lab is kept, worked in by hand, entered by a client of this machine, and ended:
// once as it should be, once by killing the process that keeps it.
func TestLabByHand(t *testing.T) {
	const mark = "TSLAB_TEST_MARK=by-hand"
	dir := t.TempDir()
	ctx := bounded(t)
	tslab := func(input, program string, args ...string) (int, string) {
		cmd := exec.CommandContext(ctx, filepath.Join(programs, program), args...)
		cmd.Dir, cmd.Env, cmd.Stdin = dir, append(os.Environ(), mark, "XDG_RUNTIME_DIR="+dir), strings.NewReader(input)
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), string(out)
	}
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("two.star", "# Two\nnet(\"lan\"); ts1 = host(\"ts1\"); host(\"pc\")\nstart(ts1, \"termsrv\", edition = \"w2k-sp3\")\n")
	put("wrong.star", "# Wrong\nnet(\"lan\"); ts1 = host(\"ts1\")\nstart(ts1, \"no-such\")\n")

	if code, out := tslab("", "tslab", "up", "wrong.star"); code != 1 || !strings.Contains(out, "no-such is neither in") {
		t.Errorf("up of a drill that fails: %d %s", code, out)
	}
	if code, out := tslab("", "tslab", "hosts"); code != 3 || !strings.Contains(out, "no lab is up under runs/") {
		t.Errorf("hosts without a lab: %d %s", code, out)
	}
	if code, out := tslab("", "tslab", "exec", "ts1", "--", "true"); code != 1 || !strings.Contains(out, "no lab is up under runs/") {
		t.Errorf("exec without a lab: %d %s", code, out)
	}
	up := func() (pid int, port string) {
		code, out := tslab("", "tslab", "up", "--forward", "0:ts1:3389", "two.star")
		kept := regexp.MustCompile(`127\.0\.0\.1:(\d+) leads to ts1:3389[^$]*kept by process (\d+)`).FindStringSubmatch(out)
		if code != 0 || kept == nil {
			t.Fatalf("up: %d %s", code, out)
		}
		pid, err := strconv.Atoi(kept[2])
		if err != nil {
			t.Fatal(err)
		}
		return pid, kept[1]
	}
	_, port := up()
	if code, out := tslab("hello\n", "tslab", "exec", "pc", "--", "sh", "-c", "hostname; cat; getent hosts ts1; exit 7"); code != 7 || !strings.HasPrefix(out, "pc\nhello\n10.0.0.1") {
		t.Errorf("exec: %d %s", code, out)
	}
	if code, out := tslab("", "tslab", "exec", "pc", "sh", "-c", "exit 8"); code != 8 { // what stands behind the host is the command's
		t.Errorf("exec without --: %d %s", code, out)
	}
	onTerminal := exec.CommandContext(ctx, "script", "-qec", filepath.Join(programs, "tslab")+" exec pc sh -i", os.DevNull)
	onTerminal.Dir, onTerminal.Env, onTerminal.Stdin = dir, append(os.Environ(), mark, "XDG_RUNTIME_DIR="+dir), strings.NewReader("tty; ps -o tty= -p $$; exit 9\n")
	if out, err := onTerminal.CombinedOutput(); onTerminal.ProcessState.ExitCode() != 9 || !strings.Contains(string(out), "/dev/pts/") || strings.Contains(string(out), "job control turned off") {
		t.Errorf("a shell on a terminal: %v %s", err, out)
	}
	if code, out := tslab("", "tslab", "exec", "nobody", "--", "true"); code != 1 || !strings.Contains(out, `no host "nobody"`) {
		t.Errorf("exec in no host: %d %s", code, out)
	}
	if code, out := tslab("", "tslab", "clock", "--state", "runs/two", "+2d"); code != 0 || !strings.HasPrefix(out, "2003-03-05 09:0") {
		t.Errorf("clock: %d %s", code, out)
	}
	if code, out := tslab("", "tslab", "clock", "+1d"); code != 0 || !strings.HasPrefix(out, "2003-03-06 09:0") {
		t.Errorf("clock of the newest: %d %s", code, out)
	}
	if code, out := tslab("", "tslab", "hosts"); code != 0 || !regexp.MustCompile(`(?s)^runs/two: two, 2003-03-06 09:0.*\nts1 +eth0 +lan +10\.0\.0\.1 +termsrv\npc +eth0 +lan +10\.0\.0\.2\noutside `).MatchString(out) {
		t.Errorf("hosts: %d %s", code, out)
	}
	if code, out := tslab("", "tslab", "events", "--id", "clock"); code != 0 || !strings.Contains(out, "the calendar moved to 2003-03-06") {
		t.Errorf("events of the newest: %d %s", code, out)
	}
	if code, out := tslab("", "tsclient", "connect", "--state", "device", "--name", "OUTSIDER", "127.0.0.1:"+port); code != 0 {
		t.Errorf("a client of this machine: %d %s", code, out)
	}
	if code, out := tslab("", "tslab", "down"); code != 0 {
		t.Errorf("down: %d %s", code, out)
	}
	folder := filepath.Join(dir, "runs", "two")
	if _, err := os.Stat(filepath.Join(folder, "report.html")); err != nil { // at once
		t.Errorf("the lab is down: %v", err)
	}
	awaitGone(ctx, t, marked(t, mark))
	if r := record(t, folder); r.Verdict != netlab.Passed || r.Events[eventlog.LogonSucceeded.Name] != 1 || r.Events[eventlog.ClockMoved.Name] == 0 {
		t.Errorf("run.json: %+v", r)
	}
	if tshark(t, filepath.Join(folder, netlab.CaptureName), "-Y", "ip.src == 10.0.0.3 && tcp.dstport == 3389") == "" {
		t.Error("the capture has nothing from outside")
	}

	pid, _ := up() // over the folder of the first
	all := marked(t, mark)
	if len(all) < 3 { // supervisor, lab, termsrv
		t.Errorf("%d processes", len(all))
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	awaitGone(ctx, t, all)
	if code, _ := tslab("", "tslab", "down"); code != 1 {
		t.Errorf("down of a lab that was killed: %d", code)
	}
}
