package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// proof is a mark in the source of a test.
type proof struct {
	file    string // from the root, with slashes
	line    int
	name    string // of the test, or of the drill
	numbers []int
}

func (p proof) place() string { return p.file + " " + p.name }

var markLine = regexp.MustCompile(`^\s*(?://|#)\s*proves\s+(.*?)\.?\s*$`)

// marks finds the marks of the module at root, in the order of files and lines.
func marks(root string) ([]proof, error) {
	var all []proof
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "runs" || d.Name() == "bin"):
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		isTest, isDrill := strings.HasSuffix(rel, "_test.go"), strings.HasSuffix(rel, ".star")
		if !isTest && !isDrill {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		found, err := marksOf(rel, string(text))
		all = append(all, found...)
		return err
	})
	return all, err
}

// marksOf finds the marks of one file.
func marksOf(file, text string) ([]proof, error) {
	nameAt := func(int) string { return strings.TrimSuffix(path.Base(file), ".star") }
	if strings.HasSuffix(file, ".go") {
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		nameAt = func(line int) string { return testAt(set, parsed, line) }
	}
	var found []proof
	for i, line := range strings.Split(text, "\n") {
		m := markLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		p := proof{file: file, line: i + 1, name: nameAt(i + 1)}
		var err error
		if p.numbers, err = numbers(m[1]); err == nil && p.name == "" {
			err = errors.New("the mark stands in no test")
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, i+1, err)
		}
		found = append(found, p)
	}
	return found, nil
}

// testAt is the test or fuzz target that the line is of, by its doc comment or its
// body; "" if there is none.
func testAt(set *token.FileSet, f *ast.File, line int) string {
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Test") && !strings.HasPrefix(fn.Name.Name, "Fuzz") {
			continue
		}
		begin := fn.Pos()
		if fn.Doc != nil {
			begin = fn.Doc.Pos()
		}
		if set.Position(begin).Line <= line && line <= set.Position(fn.End()).Line {
			return fn.Name.Name
		}
	}
	return ""
}

// numbers reads "R96, R101".
func numbers(list string) ([]int, error) {
	var all []int
	for _, word := range strings.Split(list, ",") {
		word = strings.TrimSpace(word)
		digits, ok := strings.CutPrefix(word, "R")
		n, err := strconv.Atoi(digits)
		if !ok || err != nil || slices.Contains(all, n) {
			return nil, fmt.Errorf("%q in %q: want requirements such as R96, R101, each once", word, list)
		}
		all = append(all, n)
	}
	return all, nil
}
