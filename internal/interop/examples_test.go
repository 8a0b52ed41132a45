package interop

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// documented are the programs, in the order of docs/commands.md.
func documented() []string {
	return []string{"tslab", "termsrv", "lserver", "clearinghouse", "licmgr", "lsreport", "tscc", "tsclient", "labdc"}
}

// reference is what a program says of itself in a format.
func reference(t *testing.T, program, format string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(programs, program), "--docs="+format).Output()
	if err != nil {
		t.Fatalf("%s --docs=%s: %v", program, format, err)
	}
	return string(out)
}

// TestCommandReference: docs/commands.md and the manual pages are what the programs say.
func TestCommandReference(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "commands.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(string(page), "\n\n## ")
	var want strings.Builder
	for _, p := range documented() {
		want.WriteString(reference(t, p, "markdown"))
		manual, err := os.ReadFile(filepath.Join(root, "docs", "man", p+".1"))
		if err != nil {
			t.Error(err)
		} else if diff := cmp.Diff(reference(t, p, "man"), string(manual)); diff != "" {
			t.Errorf("docs/man/%s.1 is stale; run make docs", p)
		}
		check := exec.CommandContext(t.Context(), "bash", "-n")
		check.Stdin = strings.NewReader(reference(t, p, "bash"))
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("bash completion of %s: %v %s", p, err, out)
		}
	}
	if diff := cmp.Diff(want.String(), "## "+got); diff != "" {
		t.Errorf("docs/commands.md is stale; run make docs\n-programs +page\n%.2000s", diff)
	}
}

// TestExamples plays the examples of all programs, in the order of their steps, as one
// session.
func TestExamples(t *testing.T) {
	var lines []string
	for _, p := range documented() {
		lines = append(lines, strings.Split(strings.TrimSpace(reference(t, p, "examples")), "\n")...)
	}
	lines = slices.DeleteFunc(lines, func(l string) bool { return l == "" })
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(a[:3], b[:3]) })
	if len(lines) < 20 {
		t.Fatalf("only %d examples", len(lines))
	}
	s := newStage(t, scene{})
	for _, line := range lines {
		ctx, cancel := context.WithTimeout(t.Context(), stepBound)
		command := "bin/" + line[4:]
		switch words := strings.Fields(command); {
		case words[0] == "bin/lserver", words[0] == "bin/termsrv", words[0] == "bin/clearinghouse" && words[1] == "serve":
			s.serves(ctx, t, command)
		default:
			if code, err := s.start(t, command).Wait(ctx); err != nil || code != 0 && code != nothingToDo {
				t.Fatalf("%s: exit status %d, %v", command, code, err)
			}
		}
		cancel()
	}
}

// nothingToDo is an exit status that is no failure.
const nothingToDo = 3
