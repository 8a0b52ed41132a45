package eventlog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
)

// write appends events of a program to dir's log.
func write(t *testing.T, path, host, program string, at time.Time, kinds ...eventlog.Kind) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := eventlog.Open(path, host, program, clock.Fixed(at), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		l.Event(k, eventlog.F("device", "PC1"))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func names(events []eventlog.Event) (all []string) {
	for _, e := range events {
		all = append(all, fmt.Sprintf("%s %s %s", e.Host, e.Source(), e.Name))
	}
	return all
}

// A run's folder with its hosts is read as one log, in the order of what happened,
// and goes on where it stopped.
func TestTail(t *testing.T) {
	dir := t.TempDir()
	ts, ls := filepath.Join(dir, "hosts", "ts1", "termsrv", "events.jsonl"), filepath.Join(dir, "hosts", "ls1", "lserver", "events.jsonl")
	write(t, filepath.Join(dir, "lab.jsonl"), "lab", "tslab", day0, eventlog.LabUp)
	write(t, ts, "ts1", "termsrv", day0, eventlog.NoLicenseServer)
	write(t, ls, "ls1", "lserver", day0, eventlog.TokenIssued)
	write(t, filepath.Join(dir, "hosts", "ts1", "transcript.jsonl"), "ts1", "termsrv", day0, eventlog.LabUp)
	tail := eventlog.NewTail(dir)
	want := []string{"lab tslab lab.up", "ts1 TermService termservice.no-license-server", "ls1 TermServLicensing token.issued"}
	for i, want := range [][]string{want, nil} {
		events, err := tail.Read()
		if diff := cmp.Diff(want, names(events)); diff != "" || err != nil {
			t.Errorf("reading %d: %v, -want +got\n%s", i, err, diff)
		}
	}
	write(t, ts, "ts1", "termsrv", day0, eventlog.TemporaryExpired)
	write(t, filepath.Join(dir, "hosts", "c1", "events.jsonl"), "c1", "tsclient", day0, eventlog.ClientAccepted)
	events, err := tail.Read()
	if diff := cmp.Diff([]string{"ts1 TermService termservice.temporary-expired", "c1 tsclient client.accepted"}, names(events)); diff != "" || err != nil {
		t.Errorf("later: %v, -want +got\n%s", err, diff)
	}
}

// What a killed program leaves behind spoils nothing.
func TestTailOfTornLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	write(t, path, "ls1", "lserver", day0, eventlog.TokenIssued)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tail := eventlog.NewTail(path)
	line, half := string(whole), string(whole[:40])
	put(line + half) // a line that is being written
	if events, err := tail.Read(); len(events) != 1 || err != nil {
		t.Errorf("%d events, %v; want 1", len(events), err)
	}
	put(line + half + line) // its program was killed, and the next one began behind it
	if events, err := tail.Read(); len(events) != 1 || err != nil {
		t.Errorf("%d events, %v; want 1", len(events), err)
	}
	put(line + half + line + "garbage\n" + "more\n" + line)
	events, err := tail.Read()
	if len(events) != 1 || err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("%d events, %v; want 1 and an error that names the log", len(events), err)
	}
	put(line + half + line + "garbage\n" + "more\n" + line + "again\n")
	if events, err := tail.Read(); len(events) != 0 || err != nil {
		t.Errorf("%d events, %v; want none, and the damage told once", len(events), err)
	}
	if _, err := eventlog.NewTail(filepath.Join(t.TempDir(), "none")).Read(); err == nil {
		t.Error("no error for a folder that is not there")
	}
}

func TestFilter(t *testing.T) {
	e := eventlog.Event{Lab: day0, Host: "ts1", Program: "termsrv", Name: eventlog.TemporaryExpired.Name, ID: 1011}
	issued := eventlog.Event{Lab: day0, Host: "ls1", Program: "lserver", Name: "token.issued"}
	for _, tt := range []struct {
		filter eventlog.Filter
		e      eventlog.Event
		want   bool
	}{
		{eventlog.Filter{}, e, true},
		{eventlog.Filter{Sources: []string{"termservice"}}, e, true},
		{eventlog.Filter{Sources: []string{"termsrv"}}, e, true},
		{eventlog.Filter{Sources: []string{"TermService"}}, issued, false},
		{eventlog.Filter{Sources: []string{"TermService", "TermServLicensing"}}, issued, true},
		{eventlog.Filter{Sources: []string{"lserver"}}, issued, true},
		{eventlog.Filter{IDs: []string{"1011"}}, e, true},
		{eventlog.Filter{IDs: []string{"1004", "1011"}}, e, true},
		{eventlog.Filter{IDs: []string{"101"}}, e, false},
		{eventlog.Filter{IDs: []string{"token"}}, issued, true},
		{eventlog.Filter{IDs: []string{"token.issued"}}, issued, true},
		{eventlog.Filter{IDs: []string{"tok"}}, issued, false},
		{eventlog.Filter{IDs: []string{"0"}}, issued, true},
		{eventlog.Filter{Hosts: []string{"TS1"}}, e, true},
		{eventlog.Filter{Hosts: []string{"ts"}}, e, false},
		{eventlog.Filter{Since: day0}, e, true},
		{eventlog.Filter{Since: day0.Add(time.Second)}, e, false},
	} {
		if got := tt.filter.Wants(tt.e); got != tt.want {
			t.Errorf("%+v wants %s: %v", tt.filter, tt.e.Name, got)
		}
	}
}
