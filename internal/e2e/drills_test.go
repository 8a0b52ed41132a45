package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// drillsBound is how long all drills may take together on a slow machine.
const drillsBound = 12 * time.Minute

// atOnce is how many drills run at a time: most of their time they wait.
const atOnce = 3

// ended is what a test reads of the record of a run.
type ended struct {
	Drill        string `json:"drill"`
	Edition      string `json:"edition"`
	Verdict      string `json:"verdict"`
	Error        string `json:"error"`
	Expectations []expectation
}

type expectation struct {
	Place, Text, Want, Got string
	Met                    bool
}

// runDrills runs tslab run with these arguments, and returns how many legs each drill
// had. Each must pass, and its last expectation be that nothing else was logged.
func runDrills(ctx context.Context, t *testing.T, args ...string) (legs map[string]int) {
	t.Helper()
	args = append([]string{"run", "--json", "--out", t.TempDir()}, args...)
	cmd := exec.CommandContext(ctx, filepath.Join(programs, "tslab"), args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	var records, story bytes.Buffer
	cmd.Stdout, cmd.Stderr = &records, &story
	runErr := cmd.Run()
	var all []ended
	if err := json.Unmarshal(records.Bytes(), &all); err != nil {
		t.Fatalf("%v: %v, %v\n%s", args, runErr, err, tail(story.String(), 40))
	}
	legs, passed := map[string]int{}, true
	for _, r := range all {
		legs[r.Drill]++
		quiet := slices.ContainsFunc(r.Expectations, func(x expectation) bool { return x.Met && x.Text == "nothing else was logged" })
		if r.Verdict == "passed" && quiet && len(r.Expectations) > 1 {
			continue
		}
		passed = false
		t.Errorf("%s %s: %s, %d expectations: %s", r.Drill, r.Edition, r.Verdict, len(r.Expectations), r.Error)
		for _, x := range r.Expectations {
			if !x.Met {
				t.Errorf("  %s: %s: want %s, got %s", x.Place, x.Text, x.Want, x.Got)
			}
		}
	}
	if runErr != nil && passed {
		t.Errorf("%v: %v\n%s", args, runErr, tail(story.String(), 40))
	}
	return legs
}

// allDrills are the names of the drills that come with the lab.
func allDrills(ctx context.Context, t *testing.T) (names []string) {
	t.Helper()
	out, err := exec.CommandContext(ctx, filepath.Join(programs, "tslab"), "list", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var listed []struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(out, &listed); err != nil {
		t.Fatal(err)
	}
	for _, d := range listed {
		names = append(names, d.Name)
	}
	return names
}

// TestEveryDrill runs every drill that comes with the lab, in each of its editions.
func TestEveryDrill(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), drillsBound)
	defer cancel()
	legs := runDrills(ctx, t, "--all", "-j", strconv.Itoa(atOnce))
	for _, name := range allDrills(ctx, t) {
		if legs[name] == 0 {
			t.Errorf("%s was not run", name)
		}
	}
	t.Logf("%d drills", len(legs))
}

// TestOtherSeeds runs one drill of four with another seed than that of TestEveryDrill:
// what a drill expects is no matter of luck. Left out are those that take a minute.
func TestOtherSeeds(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), drillsBound)
	defer cancel()
	seeds := []string{"7", "4242", "20260101"}
	long := []string{"d27-new-identity", "d33-split-brain", "d39-monday"}
	slot := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	n := 0
	for i, name := range allDrills(ctx, t) {
		if i%4 != 1 || slices.Contains(long, name) {
			continue
		}
		seed := seeds[n%len(seeds)]
		n++
		all.Go(func() {
			slot <- struct{}{}
			defer func() { <-slot }()
			if legs := runDrills(ctx, t, "--seed", seed, name); legs[name] == 0 {
				t.Errorf("%s was not run with the seed %s", name, seed)
			}
		})
	}
	all.Wait()
}

// tail are the last lines of a text.
func tail(text string, lines int) string {
	all := strings.Split(text, "\n")
	return strings.Join(all[max(len(all)-lines, 0):], "\n")
}
