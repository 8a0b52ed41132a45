//go:build linux

package netlab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab/capture"
)

// ErrFinished is wrapped by FinishCapture's error about a run whose capture is whole.
var ErrFinished = errors.New("the capture is whole already")

// brokenOff is what the record of a run says that was killed.
const brokenOff = "the run was broken off; its capture was assembled afterwards, and frames that it may have lost were not counted"

// FinishCapture assembles the capture of a run that was killed, from what its folder
// holds, and settles its record.
func FinishCapture(folder string) (*Record, error) {
	held, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	defer held.Close()
	r, err := readRecord(folder)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(held.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, fmt.Errorf("%s: the run is still going on; its capture is assembled when it ends", folder)
	}
	recordings := r.recordings(folder)
	if len(recordings) == 0 {
		if _, err := os.Stat(filepath.Join(folder, CaptureName)); err == nil {
			return r, fmt.Errorf("%s: %w", folder, ErrFinished)
		}
		return nil, fmt.Errorf("%s: nothing was recorded: there is neither %s nor a recording in %s", folder, CaptureName, rawFolder)
	}
	if err := r.recount(recordings); err != nil {
		return nil, err
	}
	events, damaged, err := allEvents(folder)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(r.scan(recordings), r.assemble(folder, recordings, events)); err != nil {
		return nil, err
	}
	r.settle(events, damaged)
	return r, r.write(folder)
}

// notRun says that a folder is not that of a run, and names the runs that are in it: those
// of a drill with an edition matrix are its legs.
func notRun(folder string) error {
	legs, _ := filepath.Glob(filepath.Join(folder, "*", recordName))
	if len(legs) == 0 {
		return fmt.Errorf("%s is not the folder of a run: it has no %s", folder, recordName)
	}
	for i := range legs {
		legs[i] = filepath.Dir(legs[i])
	}
	return fmt.Errorf("%s is the folder of several runs, name one of them: %s", folder, strings.Join(legs, ", "))
}

// readRecord reads the run.json of a folder.
func readRecord(folder string) (*Record, error) {
	b, err := os.ReadFile(filepath.Join(folder, recordName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notRun(folder)
	}
	if err != nil {
		return nil, err
	}
	r := &Record{}
	if err := json.Unmarshal(b, r); err != nil || r.Format != recordFormat {
		return nil, fmt.Errorf("%s: %s is not that of a run of this version (format %q, want %q)", folder, recordName, r.Format, recordFormat)
	}
	return r, nil
}

// recount makes up for the statistics that were never written.
func (r *Record) recount(recordings []capture.Recording) error {
	if r.Links == nil {
		r.Links = map[string]capture.Stats{}
	}
	for i, rec := range recordings {
		s := capture.Stats{Start: r.Began, End: r.Began}
		err := capture.Frames(rec.Path, func(f *capture.Frame) error {
			s.Packets++
			s.End = f.Time
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", rec.Path, err)
		}
		recordings[i].Stats, r.Links[rec.Name] = s, s
	}
	return nil
}

// allEvents reads the event logs of all programs, in the order of time.
func allEvents(folder string) (events []eventlog.Event, damaged int, err error) {
	paths, err := filepath.Glob(filepath.Join(folder, "hosts", "*", "*", eventsName))
	if err != nil {
		return nil, 0, err
	}
	for _, path := range append([]string{filepath.Join(folder, "lab.jsonl")}, paths...) {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		t := &tail{file: f}
		events = t.read(events, &damaged)
		f.Close()
	}
	slices.SortStableFunc(events, func(a, b eventlog.Event) int { return a.Machine.Compare(b.Machine) })
	return events, damaged, nil
}

// settle notes how a run ended that did not note it itself.
func (r *Record) settle(events []eventlog.Event, damaged int) {
	r.Events, r.DamagedLines = map[string]int{}, damaged
	for _, e := range events {
		r.Events[e.Name]++
	}
	if r.Verdict == Running {
		r.Verdict, r.Error = Interrupted, brokenOff
	}
	if len(events) > 0 {
		last := events[len(events)-1]
		r.End, r.Ended = last.Lab, last.Machine
	}
	if r.Ended.IsZero() {
		r.Ended = time.Now().UTC()
	}
}
