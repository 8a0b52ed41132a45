//go:build linux

package script

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Drill is a drill's source.
type Drill struct {
	Name   string // "first-logon"
	Title  string // its first comment line
	File   string // as it stands in messages: "first-logon.star"
	Source string
}

const extension = ".star"

// Load finds a drill: one of the embedded ones by its name, else a file.
func Load(embedded fs.FS, name string) (Drill, error) {
	all, err := List(embedded)
	if err != nil {
		return Drill{}, err
	}
	i := slices.IndexFunc(all, func(d Drill) bool { return d.Name == name })
	if i >= 0 {
		return all[i], nil
	}
	if !strings.HasSuffix(name, extension) {
		return Drill{}, fmt.Errorf("there is no drill %q; `tslab list` shows those there are, and a file's name ends in %s", name, extension)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return Drill{}, fmt.Errorf("drill: %w", err)
	}
	return newDrill(filepath.Base(name), name, string(b)), nil
}

// List is the embedded drills by name.
func List(embedded fs.FS) ([]Drill, error) {
	names, err := fs.Glob(embedded, "*"+extension)
	if err != nil {
		return nil, err
	}
	var drills []Drill
	for _, name := range names {
		b, err := fs.ReadFile(embedded, name)
		if err != nil {
			return nil, err
		}
		drills = append(drills, newDrill(path.Base(name), name, string(b)))
	}
	slices.SortFunc(drills, func(a, b Drill) int { return strings.Compare(a.Name, b.Name) })
	return drills, nil
}

func newDrill(base, file, source string) Drill {
	d := Drill{Name: strings.TrimSuffix(base, extension), File: file, Source: source}
	if strings.HasPrefix(source, "#") {
		first := source[:strings.IndexAny(source+"\n", "\r\n")]
		d.Title = strings.TrimSpace(strings.TrimLeft(first, "#"))
	}
	return d
}

// options are the dialect: a drill is a program, not a configuration.
func options() *syntax.FileOptions {
	return &syntax.FileOptions{Set: true, While: true, TopLevelControl: true, GlobalReassign: true}
}

// Check parses the drill and resolves its names, without running it.
func (d Drill) Check() error {
	if _, err := d.compile((&engine{}).words()); err != nil {
		return err
	}
	_, err := d.Editions()
	return err
}

// compile parses the drill and resolves its names.
func (d Drill) compile(words starlark.StringDict) (*starlark.Program, error) {
	_, program, err := starlark.SourceProgramOptions(options(), d.File, d.Source, words.Has)
	if err != nil {
		return nil, plain(err)
	}
	return program, nil
}

// Error is why a drill could not be carried out, with its place in the drill.
type Error struct {
	Place string // file:line:column
	Err   error
}

func (e *Error) Error() string { return e.Place + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// instead says what Starlark has for what a drill was written with, as one writes Python;
// "" where it is no such thing.
func instead(said string) string {
	word, _, _ := strings.Cut(strings.TrimPrefix(said, "got "), ",")
	switch word {
	case "await":
		return "; to wait for an event is await_event"
	case "import", "from":
		return "; the words of a drill are all there is: `tslab help drill` lists them"
	case "try", "except", "raise", "finally", "assert", "class", "with", "yield", "del", "is", "global", "nonlocal", "async":
		return "; a drill is in Starlark, which has no " + word
	case "string literal":
		return "; if f\"...\" is meant, Starlark has \"%s\" % name"
	}
	return ""
}

// plain turns Starlark's errors into one sentence that begins with the place.
func plain(err error) error {
	if e, ok := errors.AsType[*starlark.EvalError](err); ok {
		cause := e.Unwrap()
		if cause == nil {
			cause = errors.New(e.Msg)
		}
		for _, frame := range slices.Backward(e.CallStack) { // builtins have no line
			if frame.Pos.Line > 0 {
				return &Error{frame.Pos.String(), cause}
			}
		}
		return cause
	}
	if e, ok := errors.AsType[syntax.Error](err); ok {
		return &Error{e.Pos.String(), errors.New(e.Msg + instead(e.Msg))}
	}
	return err // of the resolver: a list that prints as file:line:column: message
}
