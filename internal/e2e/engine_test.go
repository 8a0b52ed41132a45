//go:build linux

package e2e

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/harness"
)

// Drills pass on the eBPF engine as on the other, also those with a cut or with a fault
// inside a program, and the kernel has counted what the
// capture holds. It takes root, and a kernel with tcx: without them the lab says why,
// and this test with it.
func TestKernelEngine(t *testing.T) {
	for _, drill := range []string{"first-logon", "d06-temporary-token", "d22-who-burns-a-license", "d05-any-terminal-server", "d28-broken-license", "d41-asymmetric-cut"} {
		t.Run(drill, func(t *testing.T) {
			dir := t.TempDir()
			if code, out := lab(bounded(t), t, dir, "--engine", "ebpf", drill); code != 0 {
				t.Fatalf("exit status %d\n%s", code, out)
			}
			runs := 0
			err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if d.Name() == "run.json" {
					runs++
					checkTraffic(t, filepath.Dir(path))
				}
				return err
			})
			if err != nil || runs == 0 {
				t.Errorf("%d runs, %v", runs, err)
			}
		})
	}
}

// checkTraffic compares what the kernel counted with what was recorded.
func checkTraffic(t *testing.T, folder string) {
	t.Helper()
	r := record(t, folder)
	if r.Engine != "ebpf" {
		t.Errorf("%s: engine %q", folder, r.Engine)
	}
	sent, licenses := map[string]int{}, 0
	for _, x := range r.Traffic {
		if !x.ToHost {
			sent[x.Link] += int(x.Frames)
			if x.Kind == "LICENSE_REQUEST" {
				licenses += int(x.Frames)
			}
		}
	}
	const late = 3 // frames, of ARP mostly, that a host may still send when recording has ended
	for name, l := range r.Links {
		if more := sent[name] - int(l.Packets); more < 0 || more > late {
			t.Errorf("%s: %s: the kernel counted %d frames, recorded are %d", folder, name, sent[name], l.Packets)
		}
	}
	if err := harness.Need("tshark"); err != nil {
		t.Fatal(err)
	}
	lines := tshark(t, filepath.Join(folder, "lab.pcapng"), "-Y", "rdp.bMsgType == 0x01 && frame.interface_name contains \":\"")
	if requests := strings.Count(lines, "\n"); requests != licenses || licenses == 0 {
		t.Errorf("%s: the kernel counted %d LICENSE_REQUESTs, tshark finds %d:\n%s", folder, licenses, requests, lines)
	}
}

// Without root the engine cannot be had, and one sentence says so before anything is
// built.
func TestKernelEngineNeedsRoot(t *testing.T) {
	program := []string{filepath.Join(programs, "tslab")}
	if os.Getuid() == 0 {
		if err := harness.Need("unshare"); err != nil {
			t.Fatal(err)
		}
		program = append([]string{"unshare", "--user", "--map-root-user"}, program...) // root, and not the machine's
	}
	for _, args := range [][]string{{"run", "first-logon"}, {"up", "first-logon"}, {"run", "--all"}} {
		cmd := exec.Command(program[0], append(append(program[1:], args[0], "--engine", "ebpf"), args[1:]...)...)
		cmd.Dir = t.TempDir()
		out, err := cmd.CombinedOutput()
		if err == nil || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), "engine ebpf: ") || !strings.Contains(string(out), "--engine user") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
		if left, err := os.ReadDir(cmd.Dir); err != nil || len(left) > 0 {
			t.Errorf("%v left %v, %v", args, left, err)
		}
	}
	cmd := exec.Command(filepath.Join(programs, "tslab"), "run", "--engine", "magic", "first-logon")
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "user and ebpf") {
		t.Errorf("an engine that there is not: %v\n%s", err, out)
	}
}

// lossy sends numbered datagrams past a fault, and two cuts beside it.
const lossy = `# Datagrams past faults
lan = net("lan")
c1 = host("c1")
c2 = host("c2")
def refused(): # neighbors know each other then, and what was sent before has passed
    return exec(c1, "bash", "-c", "echo x >/dev/tcp/10.0.0.2/9").exit == 1
expect(refused())
lost = fault(c1, "loss", percent = 30, protocol = "udp", port = 7001, direction = "from")
third = fault(c1, "drop", protocol = "udp", port = 7002, direction = "from", nth = 3)
send = "for i in $(seq 200); do echo $i >/dev/udp/10.0.0.2/%s; done 2>/dev/null; true"
exec(c1, "bash", "-c", send % 7001)
exec(c1, "bash", "-c", send % 7002)
expect(refused())
expect([faults(third).done, faults(third).matched], [1, 200], "the third and no other")
print("lost %d of %d" % (faults(lost).done, faults(lost).matched))
expect(packets(source = c1, protocol = "udp"), 400, "what is lost stands in the capture as sent")
cut = fault(c2, "cut")
expect(exec(c1, "timeout", "0.5", "bash", "-c", "echo x >/dev/tcp/10.0.0.2/9").exit, 124, "nobody answers")
heal(cut)
expect(refused(), True, "healed, the port refuses")
`

// With one seed both engines lose the same frames; what the kernel cannot do is an
// error that names the other engine.
func TestEnginesAgree(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("lossy.star", lossy)
	var lost []string
	for _, args := range [][]string{{"user", "1"}, {"ebpf", "1"}, {"ebpf", "2"}} {
		code, out := lab(bounded(t), t, dir, "--engine", args[0], "--seed", args[1], "lossy.star")
		if code != 0 {
			t.Fatalf("engine %s: exit status %d\n%s", args[0], code, out)
		}
		_, line, _ := strings.Cut(out, "\nlost ")
		line, _, _ = strings.Cut(line, "\n")
		lost = append(lost, line)
	}
	if lost[0] != lost[1] || !strings.HasSuffix(lost[0], " of 200") || lost[0] == "0 of 200" {
		t.Errorf("lost were %q", lost)
	}
	write("late.star", "# A delay\nlan = net(\"lan\")\nc1 = host(\"c1\")\nfault(c1, \"delay\", delay = \"20ms\")\n")
	code, out := lab(bounded(t), t, dir, "--engine", "ebpf", "late.star")
	if code != 1 || !strings.Contains(out, "late.star:4:6: fault delay-1: ") || !strings.Contains(out, "the engine ebpf cannot do delay: ") || !strings.Contains(out, "use --engine user") {
		t.Errorf("a delay in the kernel: exit status %d\n%s", code, out)
	}
}
