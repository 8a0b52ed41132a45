package layers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/edition"
)

// readers are the packages whose reading of a knob makes their program its reader.
// What reads a knob of another's edition is no reader of its own.
func readers(pkg string) edition.Readers {
	switch {
	case strings.HasPrefix(pkg, "ls/keypack"):
		return edition.Tool
	case pkg == "ts", pkg == "ts/policy", pkg == "discovery", pkg == "cmd/termsrv":
		return edition.TerminalServer
	case pkg == "ls", pkg == "ls/policy", pkg == "cmd/lserver":
		return edition.LicenseServer
	case pkg == "netlab", pkg == "cmd/tslab":
		return edition.Calendar
	}
	return 0
}

// ofAnother are knobs that a program asks another program's edition for: a terminal
// server its license server's, tslab explain that of what it explains.
func ofAnother(knob, pkg string) bool {
	return knob == "serves_ts" && pkg == "ts" || knob == "event_text_days" && pkg == "cmd/tslab"
}

// TestKnobsAreRead: every knob of the table is read by the programs that the table
// names as its readers, and by no other.
func TestKnobsAreRead(t *testing.T) {
	knobs := fieldKnobs(t)
	if len(knobs) < 50 {
		t.Fatalf("%d fields of edition.Profile were found", len(knobs))
	}
	readBy := map[string]edition.Readers{}
	for _, f := range module(t) {
		if f.test || f.pkg == "internal/edition" || f.pkg == "internal/rules" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok || knobs[s.Sel.Name] == "" || !isProfile(s.X) || ofAnother(knobs[s.Sel.Name], f.pkg) {
				return true
			}
			who := readers(f.pkg)
			if who == 0 {
				t.Errorf("%s reads the knob %s, and it is not said for which program", f.at(n), knobs[s.Sel.Name])
			}
			readBy[knobs[s.Sel.Name]] |= who
			return true
		})
	}
	for _, k := range edition.Knobs() {
		if readBy[k.Name] != k.Readers {
			t.Errorf("knob %s is read by %q; the table of internal/edition says %q", k.Name, readBy[k.Name], k.Readers)
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
