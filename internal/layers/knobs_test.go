package layers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/edition"
)

// TestUnreadKnobs: the knobs that internal/edition calls unread are those that no
// program reads. Who reads one takes it off the list in internal/edition/unread.go.
func TestUnreadKnobs(t *testing.T) {
	knobs := fieldKnobs(t)
	if len(knobs) < 50 {
		t.Fatalf("%d fields of edition.Profile were found", len(knobs))
	}
	readBy := map[string]string{}
	for _, f := range module(t) {
		if f.test || f.pkg == "internal/edition" || f.pkg == "internal/rules" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && knobs[s.Sel.Name] != "" && isProfile(s.X) {
				readBy[knobs[s.Sel.Name]] = f.pkg
			}
			return true
		})
	}
	for _, knob := range slices.Sorted(maps.Values(knobs)) {
		dir, read := readBy[knob]
		switch {
		case read && edition.Unread(knob):
			t.Errorf("knob %s is read by %s: take it off the list in internal/edition/unread.go", knob, dir)
		case !read && !edition.Unread(knob):
			t.Errorf("knob %s is read by no program: read it, or put it on the list in internal/edition/unread.go", knob)
		}
	}
}

// isProfile reports an expression that is an edition.Profile as they are called
// everywhere: other types have fields of the same names.
func isProfile(x ast.Expr) bool {
	name := ""
	switch x := x.(type) {
	case *ast.Ident:
		name = x.Name
	case *ast.SelectorExpr:
		name = x.Sel.Name
	case *ast.CallExpr:
		if len(x.Args) == 0 {
			return isProfile(x.Fun)
		}
		if s, ok := x.Fun.(*ast.SelectorExpr); ok {
			return isProfile(s.X)
		}
	}
	return slices.Contains([]string{"p", "profile", "Profile", "edition", "Edition", "W2KSP3"}, name)
}

// fieldKnobs are the knobs by the fields of edition.Profile, whose comments they are.
func fieldKnobs(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../edition/profile.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	knobs := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		s, ok := n.(*ast.TypeSpec)
		if !ok || s.Name.Name != "Profile" {
			return true
		}
		for _, f := range s.Type.(*ast.StructType).Fields.List {
			if f.Comment != nil {
				knobs[f.Names[0].Name] = strings.TrimSpace(f.Comment.Text())
			}
		}
		return false
	})
	return knobs
}
