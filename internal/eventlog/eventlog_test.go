package eventlog_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
)

var day0 = time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)

func TestEventBothWays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	l, err := eventlog.Open(path, "ts1", "termsrv", clock.Fixed(day0), nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Event(eventlog.InvalidLicense, eventlog.F("device", "PC-{1}"), eventlog.F("at", day0))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	events, err := eventlog.ReadFile(path)
	if err != nil || len(events) != 1 {
		t.Fatalf("ReadFile = %v, %v", events, err)
	}
	got := events[0]
	if got.Machine.IsZero() {
		t.Error("no machine time")
	}
	got.Machine = time.Time{}
	want := eventlog.Event{
		Lab: day0, Host: "ts1", Program: "termsrv", Name: "termservice.invalid-license", ID: 1003, Severity: eventlog.Error,
		Text:   "The terminal service client 'PC-{1}' has provided an invalid license.",
		Fields: map[string]string{"device": "PC-{1}", "at": "2003-03-03T09:00:00Z"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestReadLeavesOutATornLine(t *testing.T) {
	var buf bytes.Buffer
	l := eventlog.New(&buf, "ls1", "lserver", clock.Fixed(day0), nil)
	l.Event(eventlog.ServerActivated, eventlog.F("server_id", "LAB-1"))
	whole := buf.String()
	events, err := eventlog.Read(strings.NewReader(whole + whole[:len(whole)/2]))
	if err != nil || len(events) != 1 {
		t.Errorf("Read = %d events, %v; want 1", len(events), err)
	}
	if _, err := eventlog.Read(strings.NewReader("no json\n")); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("Read of garbage: %v", err)
	}
}

func TestConcurrentEventsAreWhole(t *testing.T) {
	var buf bytes.Buffer
	l := eventlog.New(&buf, "box", "tslab", clock.Fixed(day0), nil)
	other := l.For("lserver")
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { l.Event(eventlog.ProgramReady, eventlog.F("address", "a")) })
		wg.Go(func() { other.Event(eventlog.ProgramReady, eventlog.F("address", "b")) })
	}
	wg.Wait()
	events, err := eventlog.Read(&buf)
	if err != nil || len(events) != 100 {
		t.Fatalf("Read = %d events, %v; want 100", len(events), err)
	}
	programs := map[string]int{}
	for _, e := range events {
		programs[e.Program]++
	}
	if programs["tslab"] != 50 || programs["lserver"] != 50 {
		t.Errorf("events by program: %v", programs)
	}
}

// Every row of the registry is known by its name, and no name is in two.
func TestKnown(t *testing.T) {
	text, err := os.ReadFile("registry.go")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\t\w+ += \w+[({]"([a-z.-]+)"`).FindAllStringSubmatch(string(text), -1)
	seen := map[string]bool{}
	for _, row := range rows {
		if !eventlog.Known(row[1]) || seen[row[1]] {
			t.Errorf("%s: known %t, in a row before %t", row[1], eventlog.Known(row[1]), seen[row[1]])
		}
		seen[row[1]] = true
	}
	if len(rows) < 90 || eventlog.Known("token.isued") {
		t.Errorf("%d rows", len(rows))
	}
}
