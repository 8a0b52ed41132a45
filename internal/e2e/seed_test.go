//go:build linux

package e2e

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/eventlog"
)

// sequences is what every host says in a run, in order: without times, and without
// what the system draws: ports, hardware ids, keys and the server ids made of them.
func sequences(t *testing.T, folder string) map[string][]string {
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
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("one seed, two sequences: -first +again\n%s", diff)
	}
	if cmp.Equal(first, other) || !strings.Contains(strings.Join(first["ls1"], "\n"), "LAB-") {
		t.Errorf("another seed chooses the same:\n%s", strings.Join(first["ls1"], "\n"))
	}
}
