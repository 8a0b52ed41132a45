package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ls/report"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/tsls"
)

// temporary gives a device a temporary token.
func (d *desk) temporary(device byte, machine string) {
	d.t.Helper()
	if _, err := d.dial().Call(d.t.Context(), tsls.Allocate{Request: tsls.RequestTemp, HardwareID: hwid.New(0x04000201, [16]byte{device}), Machine: machine,
		Mode: "device", Edition: "w2k-sp3", Features: tsls.FeatureMark | tsls.FeatureExpiry}); err != nil {
		d.t.Fatal(err)
	}
}

// restored is a desk at a license server that begins with a backup.
func (d *desk) restored(backup string) *desk {
	d.t.Helper()
	s := startServerWith(d.t, "LS1", edition.W2KSP3(), serverOptions{backup: backup})
	return &desk{t: d.t, dir: d.t.TempDir(), server: s.addr, store: s, house: d.house}
}

// TestCheckFormer: of the store that was there before a backup was restored, what the
// license server does not know any more is told, and what it has given to others since.
func TestCheckFormer(t *testing.T) {
	d := newDesk(t)
	d.temporary(1, "PC-1")
	day1 := d.path("day1")
	if _, err := d.store.Backup(day1); err != nil {
		t.Fatal(err)
	}
	for n, name := range []string{"PC-2", "PC-3"} {
		d.temporary(byte(n+2), name)
	}
	former := d.path("former")
	if _, err := d.store.Backup(former); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := d.run("check", "--former", former); code != tscli.CodeNothing {
		t.Errorf("nothing was restored: exit %d, %s", code, stderr)
	}

	restored := d.restored(day1)
	restored.temporary(9, "NEW")
	calendar := d.path("clock")
	if err := clock.CreateLab(calendar, day.AddDate(0, 0, 12)); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := restored.run("check", "--former", former, "--clock", calendar, "--json")
	var got checked
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 || stderr != "" {
		t.Fatalf("exit %d, %v, %s%s", code, err, stdout, stderr)
	}
	var kinds []string
	for _, f := range got.Findings {
		kinds = append(kinds, f.Kind)
	}
	if want := []string{report.SameID, report.NoRow}; !slices.Equal(kinds, want) || !strings.HasPrefix(got.Findings[0].Text, "PC-2 holds temporary LAB-") ||
		!strings.Contains(got.Findings[0].Text, "which LS1 has given to NEW") || !strings.HasPrefix(got.Findings[1].Text, "PC-3 holds") {
		t.Errorf("%+v", got.Findings)
	}
	if _, stdout, _ = restored.run("check", "--former", former, "--clock", calendar); strings.Count(stdout, "After an old backup") != 1 {
		t.Errorf("what to do:\n%s", stdout)
	}
	// 90 days later nobody holds them.
	over := d.path("over")
	if err := clock.CreateLab(over, day.AddDate(0, 0, 91)); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := restored.run("check", "--former", former, "--clock", over); code != tscli.CodeNothing {
		t.Errorf("exit %d, %s", code, stderr)
	}
	other := newDeskOf(t, "LS2", edition.W2KSP3())
	other.temporary(5, "PC-5")
	other.refused("is that of license server LS1, which is none of those that were asked", "check", "--former", former)
	other.refused("no such file", "check", "--former", d.path("none"))
	other.refused("", "check", "--former", d.write("text", []byte("no store")))
	if about, err := store.Inspect(former); err != nil || about.Tokens != 3 {
		t.Errorf("the former store has changed: %+v, %v", about, err)
	}
}
