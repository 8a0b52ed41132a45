package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../../.."

// TestMutants: every mutant can be applied, once, to the file that it names, and each
// part of the decision table and every area beyond it has two.
func TestMutants(t *testing.T) {
	list, err := read(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, m := range list {
		count[m.part]++
		source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m.file)))
		if err != nil {
			t.Errorf("%s is stale: %v", m.name, err)
			continue
		}
		if after, err := m.apply(string(source)); err != nil {
			t.Error(err)
		} else if after == string(source) {
			t.Errorf("%s changes nothing", m.name)
		}
		if m.drill != "" {
			name, _, _ := strings.Cut(m.drill, " ")
			if _, err := os.Stat(filepath.Join(root, "netlab", "drills", name+".star")); err != nil {
				t.Errorf("%s: %v", m.name, err)
			}
			continue
		}
		m.findTests(t)
	}
	for _, part := range parts() {
		if count[part] < 2 {
			t.Errorf("part %s has %d mutants, want two", part, count[part])
		}
	}
}

// findTests holds that the package has the tests that the mutant names.
func (m mutant) findTests(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(m.pkg), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	for _, name := range strings.Split(m.run, "|") {
		if !strings.Contains(all.String(), "\nfunc "+strings.Trim(name, "^$")) {
			t.Errorf("%s: %s has no test %s", m.name, m.pkg, name)
		}
	}
}

const sample = `# The sum is wrong
part: store
rules: L14
file: sum/sum.go
test: ./sum TestSum
--- old
	return a + b
--- new
	return a - b
`

// TestParse: what a mutant's file says, and what is refused.
func TestParse(t *testing.T) {
	m, err := parse("sum", sample)
	want := mutant{"sum", "The sum is wrong", "store", "L14", "sum/sum.go", "./sum", "TestSum", "", "\treturn a + b", "\treturn a - b"}
	if err != nil || m != want {
		t.Errorf("%+v, %v", m, err)
	}
	for _, tt := range []struct{ old, new, want string }{
		{"--- old\n", "", "no line --- old"},
		{"--- new\n", "", "no line --- new"},
		{"part: store", "part: stores", `no part "stores"`},
		{"rules: L14\n", "", "want a title"},
		{"test: ./sum TestSum\n", "", "a test or a drill"},
		{"test: ./sum TestSum", "drill: d01\ntest: ./sum TestSum", "a test or a drill"},
		{"a - b", "a + b", "changes nothing"},
		{"rules:", "rule:", "no line of a mutant"},
	} {
		if _, err := parse("sum", strings.Replace(sample, tt.old, tt.new, 1)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("with %q for %q: %v, want %q", tt.new, tt.old, err, tt.want)
		}
	}
}

// TestTry: in a module of its own, a mutant that is noticed, one that survives, and
// those that cannot be tried.
func TestTry(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("go.mod", "module m\n\ngo 1.26\n")
	put("sum/sum.go", "package sum\n\nfunc Sum(a, b int) int {\n\treturn a + b\n}\n")
	put("sum/sum_test.go", "package sum\n\nimport \"testing\"\n\nfunc TestSum(t *testing.T) {\n\tif Sum(2, 0) != 2 {\n\t\tt.Fail()\n\t}\n}\n\nfunc TestBad(t *testing.T) { t.Fail() }\n")
	change := func(name string, pairs ...string) {
		put(folder+"/"+name+extension, strings.NewReplacer(pairs...).Replace(sample))
	}
	change("noticed", "a - b", "b")
	change("survivor")
	change("stale", "a + b", "a * b")
	change("uncompiled", "a - b", "a - c")
	change("untested", "./sum TestSum", "./sum TestNothing")
	change("failing", "./sum TestSum", "./sum TestBad")
	tr := &tree{root: dir}
	var said strings.Builder
	list, err := read(os.DirFS(filepath.Join(dir, folder)))
	if err != nil {
		t.Fatal(err)
	}
	err = tell(t.Context(), &said, len(list), try(t.Context(), []*tree{tr}, list))
	if err == nil || !strings.Contains(err.Error(), "nobody notices survivor:") {
		t.Errorf("in the end: %v", err)
	}
	for name, want := range map[string]string{
		"noticed": "noticed", "survivor": "SURVIVES", "stale": "ERROR: stale is stale: its old text stands 0 times",
		"uncompiled": "does not compile", "untested": "has no test TestNothing", "failing": "fails also without",
	} {
		found := false
		for line := range strings.Lines(said.String()) {
			found = found || strings.Contains(line, " "+name+" ") && strings.Contains(line, want)
		}
		if !found {
			t.Errorf("%s: want %q in\n%s", name, want, said.String())
		}
	}
	if !strings.Contains(said.String(), "6 of 6 mutants tried, 1 noticed, 1 survived") {
		t.Errorf("the sum: %s", said.String())
	}
	if b, err := os.ReadFile(filepath.Join(dir, "sum/sum.go")); err != nil || !strings.Contains(string(b), "a + b") {
		t.Errorf("what is left of the program: %s, %v", b, err)
	}
}
