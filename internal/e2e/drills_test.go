package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// drillsBound is how long all drills may take together on a slow machine.
const drillsBound = 12 * time.Minute

// TestEveryDrill runs every drill that comes with the lab, in each of its editions.
func TestEveryDrill(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), drillsBound)
	defer cancel()
	tslab, runs := filepath.Join(programs, "tslab"), t.TempDir()
	var listed []struct {
		Name string `json:"name"`
	}
	out, err := exec.CommandContext(ctx, tslab, "list", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &listed); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, tslab, "run", "--all", "-j", "2", "--json", "--out", runs)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	var records, story bytes.Buffer
	cmd.Stdout, cmd.Stderr = &records, &story
	runErr := cmd.Run()
	var ended []struct {
		Drill        string `json:"drill"`
		Edition      string `json:"edition"`
		Verdict      string `json:"verdict"`
		Error        string `json:"error"`
		Expectations []struct {
			Place, Text, Want, Got string
			Met                    bool
		} `json:"expectations"`
	}
	if err := json.Unmarshal(records.Bytes(), &ended); err != nil {
		t.Fatalf("%v, %v\n%s", runErr, err, story.String())
	}
	legs := map[string]int{}
	for _, r := range ended {
		legs[r.Drill]++
		if r.Verdict == "passed" && len(r.Expectations) > 0 {
			continue
		}
		t.Errorf("%s %s: %s, %d expectations: %s", r.Drill, r.Edition, r.Verdict, len(r.Expectations), r.Error)
		for _, x := range r.Expectations {
			if !x.Met {
				t.Errorf("  %s: %s: want %s, got %s", x.Place, x.Text, x.Want, x.Got)
			}
		}
	}
	for _, d := range listed {
		if legs[d.Name] == 0 {
			t.Errorf("%s was not run", d.Name)
		}
	}
	if runErr != nil && !t.Failed() {
		t.Errorf("%v\n%s", runErr, tail(story.String(), 40))
	}
	t.Logf("%d drills in %d legs", len(listed), len(ended))
}

// tail are the last lines of a text.
func tail(text string, lines int) string {
	all := strings.Split(text, "\n")
	return strings.Join(all[max(len(all)-lines, 0):], "\n")
}
