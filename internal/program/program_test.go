package program_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/program"
)

var day0 = time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	calendar := filepath.Join(dir, "clock")
	if err := clock.CreateLab(calendar, day0); err != nil {
		t.Fatal(err)
	}
	d := cli.Daemon{State: filepath.Join(dir, "state"), Host: "ts1", Clock: calendar, KeyLog: filepath.Join(dir, "keys")}
	var out strings.Builder
	p, err := program.Open("termsrv", d, &out)
	if err != nil {
		t.Fatal(err)
	}
	p.Ready("10.0.0.1:3389")
	p.Stopped(os.ErrClosed)
	p.Stopped(fmt.Errorf("found nobody: %w", context.Canceled))
	if _, err := p.KeyLog.Write([]byte("secret\n")); err != nil {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if !strings.HasPrefix(out.String(), "2003-03-03 09:0") || !strings.Contains(out.String(), "  termsrv  termsrv is ready on 10.0.0.1:3389\n") {
		t.Errorf("printed %q", out.String())
	}
	events, err := eventlog.ReadFile(filepath.Join(d.State, program.EventsName))
	if err != nil || len(events) != 3 {
		t.Fatalf("event log: %v, %v; want 3 events", events, err)
	}
	if closed, asked := events[1].Text, events[2].Text; !strings.Contains(closed, "file already closed") || closed == asked || !strings.HasSuffix(asked, "asked to") {
		t.Errorf("stopped: %q, %q", closed, asked)
	}
	if e := events[0]; e.Text != "termsrv is ready on 10.0.0.1:3389" || e.Host != "ts1" || e.Lab.Sub(day0).Abs() > time.Hour {
		t.Errorf("first event: %+v", e)
	}
}

// TestStopped: who is asked to end says so, unless something went wrong beside it.
func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, dialed := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:1")
	beside := errors.Join(context.Canceled, errors.New("store: disk full"))
	for _, tt := range []struct {
		reason error
		want   string
	}{
		{nil, "asked to"},
		{context.Canceled, "asked to"},
		{dialed, "asked to"},
		{fmt.Errorf("found nobody: %w", errors.Join(context.Canceled, nil)), "asked to"},
		{fmt.Errorf("%w; and the network: %w", dialed, context.Canceled), "asked to"},
		{beside, "store: disk full"},
		{fmt.Errorf("license server: %w", beside), "store: disk full"},
		{context.DeadlineExceeded, "deadline exceeded"},
	} {
		var out strings.Builder
		p, err := program.Open("lserver", cli.Daemon{State: t.TempDir(), Host: "ls1"}, &out)
		if err != nil {
			t.Fatal(err)
		}
		p.Stopped(tt.reason)
		if err := p.Close(); err != nil || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%v: printed %q, %v; want %q", tt.reason, out.String(), err, tt.want)
		}
	}
}

func TestOpenNamesTheHost(t *testing.T) {
	p, err := program.Open("lserver", cli.Daemon{State: t.TempDir()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if host, err := os.Hostname(); p.Host != host {
		t.Errorf("Host = %q, want the machine's %q (%v)", p.Host, host, err)
	}
	if p.KeyLog != nil {
		t.Error("a key log that nobody asked for")
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		d    cli.Daemon
		want string
	}{
		"state is a file": {cli.Daemon{State: file}, "state folder"},
		"no clock":        {cli.Daemon{State: dir, Clock: filepath.Join(dir, "none")}, "lab clock"},
		"foreign clock":   {cli.Daemon{State: dir, Clock: file}, "not a lab clock"},
		"key log":         {cli.Daemon{State: dir, KeyLog: filepath.Join(dir, "none", "keys")}, "key log"},
		"events":          {cli.Daemon{State: dir, Events: filepath.Join(dir, "none", "events")}, "event log"},
	} {
		if _, err := program.Open("termsrv", tt.d, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, tt.want)
		}
	}
}

// TestOwner: a state folder from which one server has served is refused to others.
func TestOwner(t *testing.T) {
	d := cli.Daemon{State: t.TempDir(), Host: "ts1"}
	serve := func(name, host string) error {
		d := d
		d.Host = host
		p, err := program.Open(name, d, nil)
		if err != nil {
			return err
		}
		p.Ready("127.0.0.1:1")
		return p.Close()
	}
	for _, tt := range []struct{ program, host, want string }{
		{"termsrv", "ts1", ""},
		{"termsrv", "ts1", ""},
		{"termsrv", "ts2", `belongs to terminal server "ts1", and this is "ts2"; choose another with --state, or say --host ts1`},
		{"lserver", "ts1", `belongs to terminal server "ts1"; choose another with --state`},
	} {
		err := serve(tt.program, tt.host)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s on %s: %v, want %q", tt.program, tt.host, err, tt.want)
		}
	}
	if err := os.WriteFile(filepath.Join(d.State, program.OwnerName), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := serve("termsrv", "ts1"); err == nil || !strings.Contains(err.Error(), "does not say whose it is") {
		t.Errorf("damaged: %v", err)
	}
}
