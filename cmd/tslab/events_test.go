package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
)

// logged is a folder with events of two programs on two days.
func logged(t *testing.T) (dir string, more func(eventlog.Kind)) {
	t.Helper()
	dir = t.TempDir()
	day0 := time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)
	open := func(program, host string, days int) *eventlog.Log {
		l, err := eventlog.Open(filepath.Join(dir, "events.jsonl"), host, program, clock.Fixed(day0.AddDate(0, 0, days)), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	open("lserver", "ls1", 0).Event(eventlog.TokenIssued, eventlog.F("kind", "temporary token"), eventlog.F("license_id", "LAB-1"),
		eventlog.F("device", "PC\x1b1"), eventlog.F("expires", "x"), eventlog.F("free", 3))
	l := open("termsrv", "ts1", 91)
	l.Event(eventlog.TemporaryExpired, eventlog.F("device", "PC1"))
	return dir, func(k eventlog.Kind) { l.Event(k) }
}

func TestEvents(t *testing.T) {
	dir, _ := logged(t)
	const head = "TYPE         DATE                 SOURCE             ID    COMPUTER  TEXT\n"
	issued := "Information  2003-03-03 09:00:00  TermServLicensing        ls1       temporary token LAB-1 issued to PC\uFFFD1, valid to x; 3 free\n"
	const over = "Error        2003-06-02 09:00:00  TermService        1011  ts1       The terminal services client PC1 has been disconnected because its temporary license has expired.\n"
	for args, want := range map[string]string{
		"":                            head + issued + over,
		"--source TermService":        head + over,
		"--source lserver":            head + issued,
		"--id 1011 --id 1004":         head + over,
		"--id token":                  head + issued,
		"--host LS1":                  head + issued,
		"--since 2003-03-04":          head + over,
		"--since 90d":                 head + over,
		"--since 91d":                 head + issued + over,
		"--source termsrv --host ls1": "",
	} {
		code, out, errs := explained(t, append([]string{"events", "--state", dir}, strings.Fields(args)...)...)
		if diff := cmp.Diff(want, strings.ReplaceAll(out, "?", "\uFFFD")); diff != "" {
			t.Errorf("%s: %s -want +got\n%s", args, errs, diff)
		}
		if nothing := want == ""; nothing != (code == cli.CodeNothing) || !nothing && code != 0 {
			t.Errorf("%s: exit code %d, %s", args, code, errs)
		}
	}
	for args, want := range map[string]string{
		"--since never": "no date",
		"--since=-2d":   "no date",
		"no-such-drill": "`tslab run no-such-drill` makes one",
		"--state /none": "no such file",
		"--state a b":   "not both",
	} {
		if code, _, errs := explained(t, append([]string{"events"}, strings.Fields(args)...)...); code == 0 || !strings.Contains(errs, want) {
			t.Errorf("%s: exit code %d, %q; want %q", args, code, errs, want)
		}
	}
}

// JSON is what the programs have logged, byte for byte.
func TestEventsJSON(t *testing.T) {
	dir, _ := logged(t)
	code, out, errs := explained(t, "events", "--json", filepath.Join(dir, "events.jsonl"))
	if code != 0 {
		t.Fatal(errs)
	}
	text, err := os.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var want, got []eventlog.Event
	for _, pair := range []struct {
		text string
		to   *[]eventlog.Event
	}{{string(text), &want}, {out, &got}} {
		for dec := json.NewDecoder(strings.NewReader(pair.text)); ; {
			var e eventlog.Event
			if err := dec.Decode(&e); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			*pair.to = append(*pair.to, e)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Following shows what is logged later, until it is interrupted.
func TestEventsFollow(t *testing.T) {
	dir, more := logged(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe()
	done := make(chan int)
	go func() {
		var errs bytes.Buffer
		done <- cli.Run(ctx, command(), []string{"tslab", "events", "--follow", "--id", "1010", "--state", dir}, w, &errs)
		w.Close()
	}()
	more(eventlog.NoLicenseServer)
	buf := make([]byte, 1000)
	n, err := r.Read(buf)
	if err != nil || !strings.Contains(string(buf[:n]), "1010") {
		t.Errorf("%q, %v", buf[:n], err)
	}
	cancel()
	go io.Copy(io.Discard, r)
	if code := <-done; code != cli.CodeDone {
		t.Errorf("exit code %d", code)
	}
}

func TestWrap(t *testing.T) {
	const text = "The terminal server cannot issue a client license."
	for _, tt := range []struct {
		wide, indent int
		want         string
	}{
		{0, 10, text},
		{100, 10, text},
		{40, 10, "The terminal server cannot\n          issue a client license."},
		{35, 30, "\n    The terminal server cannot\n    issue a client license."},
		{1, 30, "\n    The terminal server\n    cannot issue a\n    client license."},
	} {
		if diff := cmp.Diff(tt.want, wrap(text, tt.wide, tt.indent)); diff != "" {
			t.Errorf("%d columns: -want +got\n%s", tt.wide, diff)
		}
	}
}
