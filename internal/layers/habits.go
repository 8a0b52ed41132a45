package layers

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// longestFunction is the hard stop, in lines.
const longestFunction = 70

// checkHabits holds the rest of what CONTRIBUTING.md asks for and a parser can see.
func checkHabits(files []file) (faults []string) {
	for _, f := range files {
		faults = append(faults, f.unfinished()...)
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if fn.Recv == nil && fn.Name.Name == "init" {
				faults = append(faults, f.at(fn)+": func init: nothing happens before main")
			}
			lines := f.set.Position(fn.End()).Line - f.set.Position(fn.Pos()).Line + 1
			if !f.test && lines > longestFunction {
				faults = append(faults, fmt.Sprintf("%s: %s has %d lines; %d are the most", f.at(fn), fn.Name.Name, lines, longestFunction))
			}
			if f.test {
				faults = append(faults, f.skips(fn)...)
			}
		}
	}
	return append(faults, uncommented(files)...)
}

// unfinished finds the words that mark unfinished work.
func (f file) unfinished() (faults []string) {
	for _, word := range []string{"TO" + "DO", "FIX" + "ME", "XX" + "X:"} {
		for i, line := range strings.Split(f.text, "\n") {
			if strings.Contains(line, word) {
				faults = append(faults, fmt.Sprintf("%s:%d: %s: finish it or open an issue", f.name, i+1, word))
			}
		}
	}
	return faults
}

// skips finds tests that leave themselves out.
func (f file) skips(fn *ast.FuncDecl) (faults []string) {
	ast.Inspect(fn, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if ok && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) {
			if x, ok := sel.X.(*ast.Ident); ok && (x.Name == "t" || x.Name == "b" || x.Name == "tb") {
				faults = append(faults, f.at(n)+": a test that lacks something fails and says 'make deps'")
			}
		}
		return true
	})
	return faults
}

// uncommented finds packages without a package comment.
func uncommented(files []file) (faults []string) {
	commented := map[string]bool{}
	for _, f := range files {
		if !f.test {
			commented[f.pkg] = commented[f.pkg] || f.ast.Doc != nil
		}
	}
	for pkg, ok := range commented {
		if !ok {
			faults = append(faults, pkg+": no package comment")
		}
	}
	slices.Sort(faults)
	return faults
}
