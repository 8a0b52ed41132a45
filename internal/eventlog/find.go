package eventlog

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The sources of the System log, in the words of Windows.
const (
	SourceTermService = "TermService"       // the terminal server's numbered events
	SourceLicensing   = "TermServLicensing" // what the license server tells
)

// The names of event logs: a program's, and the lab's own in the folder of a run.
const logName, labLog = "events.jsonl", "lab.jsonl"

// Source is what the Event Viewer would name as the event's source: TermService for
// the terminal server's numbered events, TermServLicensing for the license server's,
// otherwise the program.
func (e Event) Source() string {
	switch {
	case e.ID != 0:
		return SourceTermService
	case e.Program == "lserver":
		return SourceLicensing
	}
	return e.Program
}

// Filter says which events are wanted; the zero Filter wants all.
type Filter struct {
	Sources []string  // programs or sources, in any case
	IDs     []string  // numbers, names, or the first part of names: "1011", "token.issued", "token"
	Hosts   []string  // in any case
	Since   time.Time // of the lab's calendar
}

func (k Kind) is(id string) bool {
	if n, err := strconv.Atoi(id); err == nil {
		return k.ID == n
	}
	return k.Name == id || strings.HasPrefix(k.Name, id+".")
}

// Wants reports whether the event passes.
func (f Filter) Wants(e Event) bool {
	kind := Kind{Name: e.Name, ID: e.ID}
	return f.wantsSource(e) && !e.Lab.Before(f.Since) &&
		(len(f.IDs) == 0 || slices.ContainsFunc(f.IDs, kind.is)) &&
		(len(f.Hosts) == 0 || slices.ContainsFunc(f.Hosts, func(h string) bool { return strings.EqualFold(h, e.Host) }))
}

func (f Filter) wantsSource(e Event) bool {
	return len(f.Sources) == 0 || slices.ContainsFunc(f.Sources, func(s string) bool {
		return strings.EqualFold(s, e.Program) || strings.EqualFold(s, e.Source())
	})
}

// Logs finds the event logs in a folder and below it: of one program, or of a run
// with all its hosts. The folder may be one log.
func Logs(dir string) ([]string, error) {
	var logs []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil && name != dir && d != nil && d.IsDir() {
			return fs.SkipDir // somebody's private folder, or one that is being removed
		}
		if err == nil && !d.IsDir() && (name == dir || slices.Contains([]string{logName, labLog}, path.Base(filepath.ToSlash(name)))) {
			logs = append(logs, name)
		}
		if name != dir {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("event logs: %w", err)
	}
	return logs, nil
}
