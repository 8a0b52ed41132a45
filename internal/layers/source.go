package layers

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// file is one parsed source file of the module.
type file struct {
	pkg  string // its folder, with slashes
	name string // its path from the module's root
	test bool
	text string
	ast  *ast.File
	set  *token.FileSet
}

// load parses every source file under root.
func load(root string) ([]file, error) {
	var files []file
	set := token.NewFileSet()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); p != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "runs" || name == "bin") {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(p) != ".go" {
			return nil
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		f, err := parse(set, filepath.ToSlash(rel), string(text))
		files = append(files, f)
		return err
	})
	return files, err
}

func parse(set *token.FileSet, name, text string) (file, error) {
	f, err := parser.ParseFile(set, name, text, parser.ParseComments)
	return file{pkg: path.Dir(name), name: name, test: strings.HasSuffix(name, "_test.go"), text: text, ast: f, set: set}, err
}

// imports returns the file's imports; own packages without the module's path.
func (f file) imports() []string {
	var paths []string
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has refused it before
		}
		paths = append(paths, strings.TrimPrefix(p, Module+"/"))
	}
	return paths
}

func (f file) at(n ast.Node) string {
	p := f.set.Position(n.Pos())
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// own reports whether the import path is of this module.
func own(files []file) map[string]bool {
	packages := map[string]bool{}
	for _, f := range files {
		packages[f.pkg] = true
	}
	return packages
}

// checkImports holds the order and the rules.
func checkImports(files []file) (faults []string) {
	packages := own(files)
	for pkg := range packages {
		if layerOf(pkg) < 0 {
			faults = append(faults, pkg+": a new package needs a layer in internal/layers/order.go and a line in ARCHITECTURE.md")
		}
	}
	for _, f := range files {
		if f.test {
			continue
		}
		for _, imp := range f.imports() {
			if packages[imp] && layerOf(imp) >= layerOf(f.pkg) {
				faults = append(faults, fmt.Sprintf("%s: %s (layer %d) imports %s (layer %d): imports go strictly down",
					f.name, f.pkg, layerOf(f.pkg), imp, layerOf(imp)))
			}
			for _, r := range rules {
				if r.forbids(f.pkg, imp) {
					faults = append(faults, fmt.Sprintf("%s: %s must not import %s: %s", f.name, f.pkg, imp, r.why))
				}
			}
		}
	}
	slices.Sort(faults)
	return faults
}

// clockReads are the functions of package time that ask what time it is or wait.
var clockReads = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// checkTime holds that pure packages are told the time and that no test sleeps.
func checkTime(files []file) (faults []string) {
	for _, f := range files {
		isPure := !f.test && matchesAny(pure, f.pkg)
		name := timeName(f.ast)
		if name == "" || !isPure && !f.test {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := call.X.(*ast.Ident); !ok || x.Name != name || x.Obj != nil {
				return true
			}
			switch {
			case isPure && slices.Contains(clockReads, call.Sel.Name):
				faults = append(faults, fmt.Sprintf("%s: time.%s: pure packages are told the time", f.at(n), call.Sel.Name))
			case f.test && call.Sel.Name == "Sleep":
				faults = append(faults, fmt.Sprintf("%s: time.Sleep: a test waits in synctest or for an event", f.at(n)))
			}
			return true
		})
	}
	return faults
}

// timeName is what the file calls package time, "" if it does not import it.
func timeName(f *ast.File) string {
	for _, spec := range f.Imports {
		if spec.Path.Value != `"time"` {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return "time"
	}
	return ""
}
