//go:build linux

package netlab_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/capture"
)

// newLab is a lab of hosts c1, s1 and s2 on one net, up.
func newLab(t *testing.T) *netlab.Lab {
	t.Helper()
	var s netlab.Spec
	mustSpec(t, s.AddNet("lan", netip.Prefix{}), s.AddHost("c1", "lan"), s.AddHost("s1", "lan"), s.AddHost("s2", "lan"))
	l, err := netlab.New(t.Context(), s, netlab.Options{
		Folder: filepath.Join(t.TempDir(), "runs", "x"), Name: "x", Title: "a test", Seed: 7, Programs: []string{standIns(t)},
		Tell: func(e eventlog.Event) { t.Log(e.Lab.Format(time.DateTime), e.Host, e.Text) },
	})
	check(t, err)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func readRecord(t *testing.T, folder string) netlab.Record {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(folder, "run.json"))
	check(t, err)
	var r netlab.Record
	check(t, json.Unmarshal(b, &r))
	return r
}

// tcpPackets counts TCP packets between two addresses.
func tcpPackets(t *testing.T, l *netlab.Lab, a, b string) int {
	t.Helper()
	ends, n := []string{a, b}, 0
	check(t, l.Packets(t.Context(), func(p capture.Packet) {
		got := []string{p.From.Addr().String(), p.To.Addr().String()}
		slices.Sort(got)
		if p.Protocol == "tcp" && slices.Equal(got, ends) {
			n++
		}
	}))
	return n
}

func TestLabFromStartToFolder(t *testing.T) {
	l := newLab(t)
	p, err := l.Start(t.Context(), "s1", echod, ":7007", "--greeting", "hello ")
	check(t, err)
	if p.Address != "[::]:7007" || !p.Running() {
		t.Errorf("started: %+v", p)
	}
	if n := tcpPackets(t, l, "10.0.0.1", "10.0.0.2"); n != 0 {
		t.Errorf("%d packets before any was sent", n)
	}
	r, err := l.Exec(t.Context(), "c1", []string{echo, "s1:7007", "world"}, nil)
	check(t, err)
	if diff := cmp.Diff(netlab.Result{Stdout: "hello world\n"}, r); diff != "" {
		t.Errorf("exec: -want +got\n%s", diff)
	}
	n := tcpPackets(t, l, "10.0.0.1", "10.0.0.2")
	if n < 7 { // three to open, one each way, two to close
		t.Errorf("%d packets for a conversation", n)
	}
	if again := tcpPackets(t, l, "10.0.0.1", "10.0.0.2"); again != n {
		t.Errorf("%d packets, then %d with nothing sent between", n, again)
	}
	if other := tcpPackets(t, l, "10.0.0.1", "10.0.0.3"); other != 0 {
		t.Errorf("%d packets to a host that nobody talked to", other)
	}
	check(t, l.Advance(t.Context(), 3*24*time.Hour))
	var days []string
	for _, e := range l.Events() {
		if e.Name == eventlog.TokenExpired.Name {
			days = append(days, e.Fields["device"]+" on "+e.Lab.Format(time.DateOnly))
		}
	}
	if diff := cmp.Diff([]string{"2003-03-04 on 2003-03-04", "2003-03-05 on 2003-03-05", "2003-03-06 on 2003-03-06"}, days); diff != "" {
		t.Errorf("each day on its own date: -want +got\n%s", diff)
	}
	l.Expect(netlab.Expectation{Place: "x.star:1:1", Text: "something", Met: true, Want: "1", Got: "1"})
	check(t, l.Close())
	checkFolder(t, l.Folder, n)
	if p.Running() {
		t.Error("the daemon is still running")
	}
}

func checkFolder(t *testing.T, folder string, packets int) {
	t.Helper()
	r := readRecord(t, folder)
	if r.Verdict != netlab.Passed || r.Drill != "x" || r.Seed != 7 || len(r.Hosts) != 3 || len(r.Expectations) != 1 || r.Drops != 0 {
		t.Errorf("run.json: %+v", r)
	}
	if r.Events["program.ready"] != 1 || r.Events["program.stopped"] != 1 || r.Events["token.expired"] != 3 {
		t.Errorf("run.json events: %v", r.Events)
	}
	if got := r.End.Sub(r.Start); got < 72*time.Hour || got > 73*time.Hour {
		t.Errorf("the run took %v of lab time", got)
	}
	if got := r.Links["c1:eth0"].Packets + r.Links["s1:eth0"].Packets; got < uint64(packets) {
		t.Errorf("run.json has %d packets on two links, counted were %d", got, packets)
	}
	b, err := os.ReadFile(filepath.Join(folder, netlab.CaptureName))
	check(t, err)
	for _, want := range []string{"c1:eth0", "s2:eth0", "CLIENT_RANDOM", "TSLAB_EVENT=program.ready"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s has no %q", netlab.CaptureName, want)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "raw")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("raw recordings are left: %v", err)
	}
}

func TestStopKillAndStartAgain(t *testing.T) {
	l := newLab(t)
	p, err := l.Start(t.Context(), "s1", echod, ":7007")
	check(t, err)
	if _, err := l.Start(t.Context(), "s1", echod, ":7008"); err == nil || !strings.Contains(err.Error(), "running on s1 already") {
		t.Errorf("a second echod: %v", err)
	}
	check(t, l.Stop(t.Context(), p))
	if p.Exit() != 0 {
		t.Errorf("exit status %d after stop", p.Exit())
	}
	if err := l.Stop(t.Context(), p); err == nil {
		t.Error("stopped twice")
	}
	p, err = l.Start(t.Context(), "s1", echod, ":7007")
	check(t, err)
	check(t, l.Kill(p))
	if p.Exit() != 128+int(syscall.SIGKILL) {
		t.Errorf("exit status %d after kill", p.Exit())
	}
	if last := l.Events()[len(l.Events())-1]; last.Name != eventlog.ProgramKilled.Name || last.Fields["target"] != "s1" {
		t.Errorf("last event %+v", last)
	}
	_, err = l.Start(t.Context(), "s2", echod, ":7007")
	check(t, err)
	_, err = l.Start(t.Context(), "s1", echod, ":7007")
	check(t, err)
}

func TestAwaitLooksFromTheLastActionOn(t *testing.T) {
	l := newLab(t)
	p, err := l.Start(t.Context(), "s1", echod, ":7007")
	check(t, err)
	ready := func(e eventlog.Event) bool { return e.Name == eventlog.ProgramReady.Name }
	if e, err := l.Await(t.Context(), ready); err != nil || e.Host != "s1" {
		t.Errorf("Await after Start: %+v, %v", e, err)
	}
	check(t, l.Stop(t.Context(), p))
	reason := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	if _, err := l.Await(ctx, ready); !errors.Is(err, reason) {
		t.Errorf("Await found what was before the last action: %v", err)
	}
}

func TestWhatCannotStart(t *testing.T) {
	l := newLab(t)
	for _, tt := range []struct{ host, program, want string }{
		{"s1", refusal, "refusal on s1: it ended: refusal: the state folder is another's"},
		{"s9", echod, `there is no host "s9" in this lab`},
		{"s1", "no-such-program", "neither in $TSLAB_BIN nor beside tslab nor on PATH"},
	} {
		if _, err := l.Start(t.Context(), tt.host, tt.program, ":1"); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s on %s: %v, want %q", tt.program, tt.host, err, tt.want)
		}
	}
	if r, err := l.Exec(t.Context(), "c1", []string{echo, "s1:7007", "nobody there"}, nil); err != nil || r.Exit != 1 || !strings.Contains(r.Stderr, "refused") {
		t.Errorf("exec: %+v, %v", r, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("no patience"))
	if _, err := l.Exec(ctx, "c1", []string{"sleep", "1000"}, nil); err == nil || !strings.Contains(err.Error(), "no patience") {
		t.Errorf("exec without end: %v", err)
	}
}

func TestCloseKillsWhatDoesNotHeed(t *testing.T) {
	l := newLab(t)
	p, err := l.Start(t.Context(), "s1", stuck, ":7007")
	check(t, err)
	check(t, l.Close())
	if p.Exit() != 128+int(syscall.SIGKILL) {
		t.Errorf("exit status %d", p.Exit())
	}
}

func TestSecondLabRefusesAFolderInUse(t *testing.T) {
	l := newLab(t)
	_, err := netlab.New(t.Context(), netlab.Spec{}, netlab.Options{Folder: l.Folder})
	if err == nil || !strings.Contains(err.Error(), "another run is using it") {
		t.Errorf("New in a folder in use: %v", err)
	}
}
