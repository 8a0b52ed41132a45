package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/harness"
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
	if len(lines) < 80 {
		t.Fatalf("only %d examples", len(lines))
	}
	s := session{stage: newStage(t, scene{files: map[string]string{
		"secret.txt": "a secret of the lab\n", "lan.star": "lan = net(\"lan\")\nc1 = host(\"c1\", lan)\nts1 = host(\"ts1\", lan)\n",
	}}), served: map[string]*harness.Process{}, printed: map[string][]string{}}
	for _, line := range lines {
		s.plays(t, line[4:])
	}
}

// session is a stage on which what was printed before can be typed, as LAB-A... and the
// like.
type session struct {
	*stage
	served  map[string]*harness.Process // by their state folders
	printed map[string][]string         // numbers, by their letters, the newest last
}

// typed is what is typed at commands that ask.
func typed(line string) string {
	switch {
	case strings.HasPrefix(line, "licmgr wizard"):
		return "3\nLAB-1234566\n1\n1\n10\nno\n" // Select; a CAL; Windows 2000; ten; no more
	case strings.HasPrefix(line, "termsrv user"):
		return "swordfish\n"
	}
	return ""
}

func (s *session) plays(t *testing.T, line string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stepBound)
	defer cancel()
	words := strings.Fields(line)
	if words[0] == "licmgr" && words[1] == "restore" { // not while it serves
		s.served["ls1"].Stop()
	}
	p, err := harness.Start(s.dir, s.env, typed(line), "sh", "-c", "exec bin/"+s.fill(t, line))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	state := regexp.MustCompile(`--state (\S+)`).FindStringSubmatch(line)
	if daemon := strings.HasPrefix(words[1], "--") && slices.Contains([]string{"lserver", "termsrv", "labdc"}, words[0]) || words[1] == "serve"; daemon {
		s.served[state[1]] = p
		_, err = (&harness.Journal{Path: filepath.Join(s.dir, state[1], "events.jsonl")}).Await(ctx, eventlog.ProgramReady.Name)
	} else if code, waited := p.Wait(ctx); waited != nil || code != 0 && code != nothingToDo && !(code == 1 && words[1] == "diff") { // two runs that differ
		err = fmt.Errorf("exit status %d, %v", code, waited)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, p.Output())
	}
	for _, m := range regexp.MustCompile(`LAB-([A-Z])[0-9A-Z](?:-[0-9A-Z]{5})+`).FindAllStringSubmatch(p.Output(), -1) {
		if list := s.printed[m[1]]; len(list) == 0 || list[len(list)-1] != m[0] {
			s.printed[m[1]] = append(list, m[0])
		}
	}
}

// fill types the number that was printed last for the first LAB-A... of a line, and the
// one before it for the second.
func (s *session) fill(t *testing.T, line string) string {
	t.Helper()
	back := map[string]int{}
	return regexp.MustCompile(`LAB-([A-Z])\.\.\.`).ReplaceAllStringFunc(line, func(what string) string {
		letter := what[4:5]
		back[letter]++
		list := s.printed[letter]
		if len(list) < back[letter] {
			t.Fatalf("%s: no such number was printed", line)
		}
		return list[len(list)-back[letter]]
	})
}

// TestEveryCommandHasAnExample: but for those that stand there to refuse.
func TestEveryCommandHasAnExample(t *testing.T) {
	for _, p := range documented() {
		for _, part := range strings.Split(reference(t, p, "markdown"), "\n### ")[1:] {
			name, _, _ := strings.Cut(part, "\n")
			if !strings.Contains(part, name+" COMMAND") && !strings.Contains(part, "Refused: ") && !strings.Contains(part, "\n```sh\n"+p+" ") {
				t.Errorf("%s has no example", name)
			}
		}
	}
}

// nothingToDo is an exit status that is no failure.
const nothingToDo = 3
