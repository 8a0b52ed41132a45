package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// extension is that of the files that describe mutants, one each.
const extension = ".mutant"

// mutant is one change of the program that a test or a drill must notice.
type mutant struct {
	name  string // of its file, without the extension
	title string // what is wrong with the program
	part  string // of the decision table, or an area beyond it
	rules string // the rules that it breaks
	file  string // of the program, from the module's root
	pkg   string // of the test that notices it, as ./ls; empty for a drill
	run   string // that test, a pattern for go test -run
	drill string // the drill that notices it, with its edition where it has several
	old   string // text of the file, there once
	new   string // instead of it
}

// parts are the parts of the decision table and the areas beyond it; each has two
// mutants at least.
func parts() []string {
	return []string{
		"1 editions", "2 wire", "3 gate", "4 classes", "5 per device", "6 per user", "7a requests", "7b duties", "8 discovery", "9 grace", "10 connector",
		"store", "inventory", "gossip", "codes", "clearinghouse", "tokens", "terminal server",
	}
}

// parse reads a mutant's file:
//
//	# what is wrong
//	part: 9 grace
//	rules: S1
//	file: ts/policy/grace.go
//	test: ./internal/rules TestGracePeriod      or      drill: d21-referral-maze w2k-rtm
//	--- old
//	...
//	--- new
//	...
//
// A text ends before the newline in front of the next mark or the end of the file.
func parse(name, content string) (m mutant, err error) {
	m.name = name
	head, rest, ok := strings.Cut(content, "\n--- old\n")
	if !ok {
		return m, fmt.Errorf("%s: no line --- old", name)
	}
	if m.old, m.new, ok = strings.Cut(rest, "\n--- new\n"); !ok {
		return m, fmt.Errorf("%s: no line --- new", name)
	}
	m.new = strings.TrimSuffix(m.new, "\n")
	for line := range strings.Lines(head) {
		line = strings.TrimSpace(line)
		key, value, _ := strings.Cut(line, ": ")
		switch {
		case strings.HasPrefix(line, "# "):
			m.title = line[2:]
		case key == "part":
			m.part = value
		case key == "rules":
			m.rules = value
		case key == "file":
			m.file = value
		case key == "test":
			m.pkg, m.run, _ = strings.Cut(value, " ")
		case key == "drill":
			m.drill = value
		default:
			return m, fmt.Errorf("%s: %q is no line of a mutant", name, line)
		}
	}
	return m, m.check()
}

func (m mutant) check() error {
	switch {
	case m.title == "" || m.rules == "" || m.file == "":
		return fmt.Errorf("%s: want a title, rules and a file", m.name)
	case !slices.Contains(parts(), m.part):
		return fmt.Errorf("%s: there is no part %q", m.name, m.part)
	case (m.run == "") == (m.drill == ""):
		return fmt.Errorf("%s: want a test or a drill that notices it", m.name)
	case m.old == m.new || m.old == "":
		return fmt.Errorf("%s: it changes nothing", m.name)
	}
	return nil
}

// read reads all mutants of a folder, by name.
func read(fsys fs.FS) ([]mutant, error) {
	names, err := fs.Glob(fsys, "*"+extension)
	if err != nil {
		return nil, err
	}
	var list []mutant
	var errs []error
	for _, name := range names {
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		m, err := parse(strings.TrimSuffix(path.Base(name), extension), string(b))
		list, errs = append(list, m), append(errs, err)
	}
	return list, errors.Join(errs...)
}

// apply makes the change in the text of its file.
func (m mutant) apply(source string) (string, error) {
	if n := strings.Count(source, m.old); n != 1 {
		return "", fmt.Errorf("%s is stale: its old text stands %d times in %s", m.name, n, m.file)
	}
	return strings.Replace(source, m.old, m.new, 1), nil
}

// noticed is what is expected to notice the mutant.
func (m mutant) noticed() string {
	if m.drill != "" {
		return "drill " + m.drill
	}
	return m.pkg + " " + m.run
}
