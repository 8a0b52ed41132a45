package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// elsewhere are the knobs that a decision reads and no table of combinations can
// have, with where they are held instead.
func elsewhere() map[string]string {
	return map[string]string{
		"temp_days":      "a date: ls/policy TestExpires",
		"cal_life_days":  "a draw: ls/policy TestExpires",
		"builtin_expiry": "a date: ls/policy TestExpires",
	}
}

// TestEveryKnobOfADecisionIsOfTheTable reads the source of the two packages that
// decide: a knob that one of them reads is in the table, or shapes its combinations,
// or is held elsewhere by name. So no knob can be read by the code and not by the table.
func TestEveryKnobOfADecisionIsOfTheTable(t *testing.T) {
	used := shaping()
	table := load(t)
	for _, p := range Parts() {
		for _, r := range table.Rules(p) {
			for _, k := range r.knobs {
				used[k.knob] = ""
			}
		}
	}
	knobs, read := knobsOfFields(t), map[string]bool{}
	for _, dir := range []string{"../../ts/policy", "../../ls/policy"} {
		for name := range fieldsRead(t, dir, knobs) {
			read[name] = true
		}
	}
	if len(read) < 25 {
		t.Fatalf("the decisions read %d knobs: the source was not understood", len(read))
	}
	for name := range read {
		_, ofTable := used[name]
		if reason := elsewhere()[name]; ofTable == (reason != "") {
			t.Errorf("knob %s is read by a decision; in the table: %v, held elsewhere: %q", name, ofTable, reason)
		}
	}
	for name := range used {
		if !read[name] {
			t.Errorf("knob %s is of the table, and no decision reads it", name)
		}
	}
	var idle []string
	for name := range elsewhere() {
		if !read[name] {
			idle = append(idle, name)
		}
	}
	if diff := cmp.Diff([]string(nil), idle); diff != "" {
		t.Errorf("held elsewhere and read by nothing (-want +got):\n%s", diff)
	}
}

// knobsOfFields are the knobs by the names of their fields, as the comments of
// edition.Profile say.
func knobsOfFields(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../edition/profile.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	knobs := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.TypeSpec); ok && s.Name.Name == "Profile" {
			for _, f := range s.Type.(*ast.StructType).Fields.List {
				if f.Comment != nil {
					knobs[f.Names[0].Name] = strings.TrimSpace(f.Comment.Text())
				}
			}
		}
		return true
	})
	return knobs
}

// fieldsRead are the knobs whose fields a package selects. A name behind a
// package's is not a field.
func fieldsRead(t *testing.T, dir string, knobs map[string]string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v, %v", dir, files, err)
	}
	read := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		packages := map[string]bool{}
		for _, i := range file.Imports {
			packages[strings.Trim(filepath.Base(i.Path.Value), `"`)] = true
		}
		ast.Inspect(file, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, plain := s.X.(*ast.Ident)
			if knob := knobs[s.Sel.Name]; knob != "" && !(plain && packages[x.Name]) {
				read[knob] = true
			}
			return true
		})
	}
	return read
}
