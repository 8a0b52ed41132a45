//go:build linux

package e2e

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/eventlog"
)

// sequences is what every host says in a run, in order, one program of it after the
// other: which of two says something first is the machine's. It is without times, without
// what the system draws: ports, hardware ids, keys and the server ids made of them; and
// without the raced events, which come in the order in which several peers are heard.
func sequences(t *testing.T, folder string, raced ...string) map[string][]string {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(folder, "hosts", "*", "*", "events.jsonl"))
	if err != nil || len(logs) < 3 {
		t.Fatalf("event logs: %v, %v", logs, err)
	}
	system := regexp.MustCompile(`[T ]\d\d:\d\d(:\d\d)?(\.\d+)?Z?|LAB-\w{2}(-\w{5}){6}|sha256:[\w-]+|:\d{4,5}\b|\b[0-9A-Fa-f]{32,}\b|\b\d+(\.\d+)? ?m?s\b`)
	said := map[string][]string{}
	for _, path := range logs {
		events, err := eventlog.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if slices.Contains(raced, e.Name) {
				continue
			}
			line := e.Program + " " + e.Name
			for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
				line += " " + name + "=" + system.ReplaceAllString(e.Fields[name], "*")
			}
			said[e.Host] = append(said[e.Host], line)
		}
	}
	return said
}

// Two runs of a drill with one seed make the same choices; with another seed, others.
func TestSameSeedSameChoices(t *testing.T) {
	dir := t.TempDir()
	run := func(out, seed string) map[string][]string {
		if code, said := lab(bounded(t), t, dir, "--seed", seed, "--out", filepath.Join(dir, out), "first-logon"); code != 0 {
			t.Fatalf("exit status %d\n%s", code, said)
		}
		return sequences(t, filepath.Join(dir, out))
	}
	first, again, other := run("a", "7"), run("b", "7"), run("c", "8")
	for folder, want := range map[string]int{"b": 0, "c": 1} {
		cmd := exec.CommandContext(bounded(t), filepath.Join(programs, "tslab"), "diff", filepath.Join(dir, "a"), filepath.Join(dir, folder))
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != want {
			t.Errorf("tslab diff a %s: want exit status %d, got %v\n%s", folder, want, err, out)
		}
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("one seed, two sequences: -first +again\n%s", diff)
	}
	if cmp.Equal(first, other) || !strings.Contains(strings.Join(first["ls1"], "\n"), "LAB-") {
		t.Errorf("another seed chooses the same:\n%s", strings.Join(first["ls1"], "\n"))
	}
}

// choices tells all that is left to chance: which license server each of four terminal
// servers takes of those that answer a broadcast, how long CALs last, which frames a
// fault takes, what a drill draws itself.
const choices = `# Whatever is left to chance, told line by line
lan = net("lan")
c1 = host("c1")
ch1 = host("ch1")
farm = [host("ts%d" % n) for n in range(4)]
servers = [host("ls%d" % n) for n in range(3)]
office = clearinghouse(ch1)
for ls in servers:
    start(ls, "lserver", edition = "ws2003")
    activate(ls, office)
    stock(ls, office, cals = 5, product = "5.2")
for ts in farm:
    start(ts, "termsrv", edition = "ws2003", security = "rdp", encryption = "none", discovery_wait = "500ms")
    print("choice: server:", ts.name, events("server.found", host = ts)[-1].fields.server)
for day in range(2):
    for n in range(3):
        expect(connect(c1, farm[0], name = "PC-%d" % n, store = "pc%d" % n, security = "rdp", encryption = "none").status, "connected")
    advance(days = 1)
print("choice: life:", [e.fields.expires[:10] for e in events(kind = "CAL", program = "tsclient")])
fault(c1, "loss", percent = 40, protocol = "icmp", peer = farm[0])
got = exec(c1, "ping", "-c40", "-i0.01", "-W1", farm[0].name).stdout
print("choice: frames:", [line.split("icmp_seq=")[1].split(" ")[0] for line in got.split("\n") if "icmp_seq=" in line])
print("choice: draw:", [draw("a", 100) for n in range(5)])
`

func TestEveryChoiceIsTheSeeds(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "choices.star"), []byte(choices), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(out, seed string) map[string]string {
		code, said := lab(bounded(t), t, dir, "--seed", seed, "--out", filepath.Join(dir, out), "choices.star")
		if code != 0 {
			t.Fatalf("exit status %d\n%s", code, said)
		}
		chosen := map[string]string{}
		for _, m := range regexp.MustCompile(`(?m)^choice: (\w+): (.*)$`).FindAllStringSubmatch(said, -1) {
			chosen[m[1]] += m[2] + "\n"
		}
		return chosen
	}
	first, again, other := run("a", "7"), run("b", "7"), run("c", "8")
	said := func(out string) map[string][]string {
		return sequences(t, filepath.Join(dir, out), "discovery.answered", "server.met", "inventory.heard")
	}
	if diff := cmp.Diff(said("a"), said("b")); diff != "" {
		t.Errorf("one seed, two sequences: -first +again\n%s", diff)
	}
	if cmp.Equal(said("a"), said("c")) {
		t.Error("another seed, the same sequences")
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("one seed, two choices: -first +again\n%s", diff)
	}
	for _, of := range []string{"server", "life", "frames", "draw"} {
		if first[of] == other[of] || first[of] == "" {
			t.Errorf("seeds 7 and 8 choose the same %s: %q", of, first[of])
		}
	}
}
