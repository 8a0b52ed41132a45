package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

// The page says what the marks say.
func TestPage(t *testing.T) {
	want, err := build(root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, pageName))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is stale (%v): go run ./internal/requirements", pageName, err)
	}
}

// Every requirement is proved.
func TestEveryRequirementIsProved(t *testing.T) {
	table, err := readTable()
	if err != nil {
		t.Fatal(err)
	}
	proofs, err := marks(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := table.enter(proofs); err != nil {
		t.Fatal(err)
	}
	for _, s := range table.sections {
		for _, r := range s.rows {
			if len(r.proofs) == 0 {
				t.Errorf("R%d has no proof: %s", r.number, r.line)
			}
		}
	}
}

func TestMarks(t *testing.T) {
	const text = "package x\n\n// TestA is a test.\n//\n// proves R1, R2.\nfunc TestA(t *testing.T) {\n\t// proves R3\n}\n\nfunc help() {}\n"
	got, err := marksOf("ls/a_test.go", text)
	if err != nil {
		t.Fatal(err)
	}
	want := []proof{{"ls/a_test.go", 5, "TestA", []int{1, 2}}, {"ls/a_test.go", 7, "TestA", []int{3}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(proof{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	drill, err := marksOf("netlab/drills/quiet.star", "\"\"\"A drill\"\"\"\n# proves R92\n")
	if err != nil || len(drill) != 1 || drill[0].name != "quiet" {
		t.Errorf("drill: %v, %v", drill, err)
	}
	for text, want := range map[string]string{
		"package x\n\n// proves R1\nvar a int\n":                      "ls/a_test.go:3: the mark stands in no test",
		"package x\n\n// proves R1 and R2\nfunc TestA() {}\n":         "want requirements",
		"package x\n\n// proves R1, R1\nfunc TestA() {}\n":            "each once",
		"package x\n\n// proves the opposite\nfunc TestA() {}\n":      "want requirements",
		"package x\n\n// proves R1\nfunc help() {}\n":                 "in no test",
		"package x\n\n// proves R1\nfunc (s suite) TestMethod() {}\n": "in no test",
		"package x\n\nfunc TestA() {\n":                               "expected '}'",
	} {
		if _, err := marksOf("ls/a_test.go", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func TestTableRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"R1 now x":                  "in a section",
		"[A] a\nR2 now x":           "line 2: R2: want R1",
		"[A] a\nR1 never x":         `subject "never"`,
		"[A] a\nR1 now":             "want R1 subject line",
		"[A]\nR1 now x":             "no title",
		"[A] a\nR1 now x\nR1 now y": "want R2",
	} {
		if _, err := parseTable(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
	table, err := parseTable("[A] a\nR1 now x\nR2 buy y")
	if err != nil {
		t.Fatal(err)
	}
	if err := table.enter([]proof{{"a_test.go", 7, "TestA", []int{3}}}); err == nil || err.Error() != "a_test.go:7: there is no requirement R3" {
		t.Errorf("unknown row: %v", err)
	}
	if err := table.enter([]proof{{"p/a_test.go", 7, "TestA", []int{1}}, {"p/a_test.go", 9, "TestA", []int{1}}}); err != nil {
		t.Fatal(err)
	}
	page := string(table.page())
	for _, want := range []string{
		"1 of 2 rows", "| R1 | x | [TestA](../p/a_test.go) in p |", fmt.Sprintf("| R2 | y | open: %s |", subjects["buy"]),
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}

// TestRun writes a page where it belongs.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "docs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a_test.go"), []byte("package a\n\n// proves R7\nfunc TestA() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run(dir); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, pageName))
	if err != nil || !strings.Contains(string(page), "TestA") {
		t.Errorf("page: %v\n%s", err, page)
	}
}
