//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The page "Your first drill" is done as it says.
func TestFirstDrillPage(t *testing.T) { followPage(t, "first-drill.md", 12) }

// And so is the page about faults.
func TestFaultsPage(t *testing.T) { followPage(t, "faults.md", 12) }

// The drill passes on the wire and inside the programs, under both editions.
func TestLostChallenge(t *testing.T) {
	dir := t.TempDir()
	if code, out := lab(bounded(t), t, dir, "lost-challenge"); code != 0 {
		t.Fatalf("exit status %d\n%s", code, out)
	}
	for _, leg := range []string{"w2k-sp3", "ws2003"} {
		r := record(t, filepath.Join(dir, "runs", "lost-challenge", leg))
		var done []uint64
		for _, f := range r.Faults {
			n, _ := f.Total()
			done = append(done, n)
		}
		if !slices.Equal(done, []uint64{1, 1, 1, 1}) || r.Faults[0].Healed.IsZero() || !r.Faults[3].Healed.IsZero() {
			t.Errorf("%s: the faults did %v, healed %v", leg, done, r.Faults[0].Healed)
		}
	}
}

// followPage does what a page says: its files are written, its commands run, and what
// they print is what stands there. Only those fail that the page shows failing.
func followPage(t *testing.T, page string, atLeast int) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	ctx, dir := bounded(t), t.TempDir()
	commands := 0
	for _, block := range regexp.MustCompile("(?ms)^```(star|console) ?(\\S*)\n(.*?)^```$").FindAllStringSubmatch(string(b), -1) {
		if block[1] == "star" {
			if err := os.WriteFile(filepath.Join(dir, block[2]), []byte(block[3]), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		for _, part := range strings.Split("\n"+block[3], "\n$ ")[1:] {
			command, want, _ := strings.Cut(part, "\n")
			cmd := exec.CommandContext(ctx, "sh", "-c", command)
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+programs+":"+os.Getenv("PATH"), "XDG_RUNTIME_DIR="+dir)
			out, err := cmd.CombinedOutput()
			if err != nil && cmd.ProcessState == nil {
				t.Fatal(err)
			}
			commands++
			if !regexp.MustCompile(asPattern(want)).Match(out) {
				t.Fatalf("$ %s\n%s\nwant\n%s", command, out, want)
			}
			if code := cmd.ProcessState.ExitCode(); code != exitShown(want) {
				t.Fatalf("$ %s\n%s\nexit status %d, want %d", command, out, code, exitShown(want))
			}
		}
	}
	if commands < atLeast {
		t.Errorf("%d commands were found", commands)
	}
}

// failing are the lines of what a page shows by which a command has failed.
var failing = regexp.MustCompile(`(?m)^[\w.-]+(:\d+:\d+)?: (undefined: |no expectation |failed: )`)

// exitShown is the exit status of a command of which a page shows that text.
func exitShown(text string) int {
	switch {
	case regexp.MustCompile(`^tsclient: .* cannot be reached: `).MatchString(text):
		return 5
	case failing.MatchString(text):
		return 1
	}
	return 0
}

// asPattern makes what a page shows a pattern: ... stands for anything, and after the
// last line there is nothing more.
func asPattern(text string) string {
	return "(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(text)), `\.\.\.`, ".*") + `\s*$`
}
