package layers

import (
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func module(t *testing.T) []file {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil || !strings.HasPrefix(string(mod), "module "+Module+"\n") {
		t.Fatalf("%s is not the root of module %s (%v)", root, Module, err)
	}
	files, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func report(t *testing.T, faults []string) {
	t.Helper()
	for _, fault := range faults {
		t.Error(fault)
	}
}

func TestImports(t *testing.T) { report(t, checkImports(module(t))) }
func TestTime(t *testing.T)    { report(t, checkTime(module(t))) }
func TestHabits(t *testing.T)  { report(t, checkHabits(module(t))) }

// TestFaultsAreFound gives each check what it must refuse.
func TestFaultsAreFound(t *testing.T) {
	checks := map[string]func([]file) []string{"imports": checkImports, "time": checkTime, "habits": checkHabits}
	for _, tt := range []struct{ check, name, text, want string }{
		{"imports", "wire/rdp/a.go", `import "net"`, "wire/rdp must not import net"},
		{"imports", "wire/rdp/a.go", `import "net/netip"`, "must not import net/netip"},
		{"imports", "ts/policy/a.go", `import "os"`, "acts on nothing"},
		{"imports", "ts/a.go", `import "github.com/tslab/tslab/ls/store"`, "not the license server"},
		{"imports", "client/a.go", `import "github.com/tslab/tslab/ls"`, "not the license server"},
		{"imports", "ls/clearinghouse/a.go", `import "github.com/tslab/tslab/ls"`, "meet in wire/enroll"},
		{"imports", "ls/a.go", `import "github.com/tslab/tslab/ls/clearinghouse"`, "meet in wire/enroll"},
		{"imports", "netlab/a.go", `import "github.com/tslab/tslab/ts"`, "as a user would"},
		{"imports", "ls/a.go", `import "go.etcd.io/bbolt"`, "one owner"},
		{"imports", "cmd/lserver/a.go", `import "github.com/google/go-cmp/cmp"`, "for tests"},
		{"imports", "internal/cursor/a.go", `import "github.com/tslab/tslab/wire/hwid"`, "strictly down"},
		{"imports", "internal/helpers/a.go", ``, "new package"},
		{"time", "wire/token/a.go", `import "time"; var now = time.Now()`, "wire/token/a.go:3: time.Now"},
		{"time", "ls/policy/a.go", `import clk "time"; var now = clk.Since`, "told the time"},
		{"time", "ts/a_test.go", `import "time"; func f() { time.Sleep(1) }`, "synctest"},
		{"habits", "ts/a.go", `func init() {}`, "func init"},
		{"habits", "ts/a.go", "// TO" + "DO", "finish it"},
		{"habits", "ts/a.go", "func f() {" + strings.Repeat("\n", 70) + "}", "f has 71 lines"},
		{"habits", "ts/a.go", ``, "ts: no package comment"},
		{"habits", "ts/a_test.go", `func f(t *testing.T) { t.Skip() }`, "make deps"},
	} {
		files := []file{{pkg: "wire/hwid"}, {pkg: "ls"}, {pkg: "ts"}}
		for i := range files {
			files[i].ast, files[i].set = source(t, files[i].pkg+"/b.go", "").ast, token.NewFileSet()
		}
		files = append(files, source(t, tt.name, tt.text))
		faults := strings.Join(checks[tt.check](files), "\n")
		if !strings.Contains(faults, tt.want) {
			t.Errorf("%s in %s: faults %q, want %q", tt.text, tt.name, faults, tt.want)
		}
	}
}

func source(t *testing.T, name, text string) file {
	t.Helper()
	f, err := parse(token.NewFileSet(), name, "\npackage x\n"+text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAllowed(t *testing.T) {
	for _, tt := range []struct{ name, text string }{
		{"ls/store/a.go", `import "go.etcd.io/bbolt"`},
		{"discovery/dc/a.go", `import "github.com/miekg/dns"`},
		{"ts/a_test.go", `import "github.com/google/go-cmp/cmp"`},
		{"internal/transport/a.go", `import "net"`},
		{"wire/token/a.go", `import "time"; var zero time.Time`},
	} {
		files := []file{source(t, tt.name, tt.text)}
		report(t, append(checkImports(files), checkTime(files)...))
	}
}

// TestRulesHaveReasons keeps the table honest.
func TestRulesHaveReasons(t *testing.T) {
	for _, r := range rules {
		if r.why == "" || (r.only == nil) == (r.not == nil) {
			t.Errorf("rule about %s: needs a reason, and either only or not", r.imports)
		}
	}
	seen := map[string]bool{}
	for _, packages := range order {
		for _, p := range packages {
			if seen[p] {
				t.Errorf("%s stands in two layers", p)
			}
			seen[p] = true
		}
	}
}
