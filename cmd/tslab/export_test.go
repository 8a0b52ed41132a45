//go:build linux

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/cli"
)

// TestExport: what tslab export writes, over what, and what it refuses.
func TestExport(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "moved")
	code, out, errs := tslab(t, "export", "--to", "compose", "--out", folder, "--json", "first-logon")
	if code != 0 {
		t.Fatalf("status %d, %s", code, errs)
	}
	var told struct {
		Folder, Engine, Topology string
		Files, Left              []string
	}
	if err := json.Unmarshal([]byte(out), &told); err != nil || told.Engine != "compose" || told.Topology != "compose.yaml" || len(told.Left) < 5 {
		t.Fatalf("%+v, %v", told, err)
	}
	for _, name := range told.Files {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if script := slices.Contains([]string{"boot", "build.sh", "setup.sh", "faults.sh", "calendar.sh"}, name); script != (info.Mode()&0o100 != 0) {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	old := filepath.Join(folder, "hosts", "gone.sh")
	if err := os.WriteFile(old, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, errs = tslab(t, "export", "--to", "containerlab", "--out", folder, "--edition", "ws2003", "d02-three-editions")
	if code != 0 || !strings.Contains(out, "What does not carry over:\n  - ") {
		t.Errorf("over an export: status %d, %s%s", code, out, errs)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("a host of the earlier export is left")
	}
	topology, err := os.ReadFile(filepath.Join(folder, "d02-three-editions.clab.yml"))
	if err != nil || !strings.Contains(string(topology), "--edition ws2003") {
		t.Errorf("%v: %s", err, topology)
	}
	other := filepath.Join(dir, "other")
	if err := os.MkdirAll(filepath.Join(other, "mine"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--to", "compose", "--out", other, "first-logon"}, cli.CodeRefused, "holds something else; choose another folder with --out"},
		{[]string{"--to", "vagrant", "first-logon"}, cli.CodeUsage, "there are compose and containerlab"},
		{[]string{"first-logon"}, cli.CodeUsage, "to"},
		{[]string{"--to", "compose"}, cli.CodeUsage, ""},
		{[]string{"--to", "compose", "--date", "soon", "first-logon"}, cli.CodeUsage, "--date"},
		{[]string{"--to", "compose", "--out", folder, "no-such"}, cli.CodeRefused, "there is no drill"},
		{[]string{"--to", "compose", "--out", folder, "--edition", "ws2003", "d01-quiet-second-connect"}, cli.CodeRefused, "no leg for ws2003"},
	} {
		if code, _, errs := tslab(t, append([]string{"export"}, tt.args...)...); code != tt.code || !strings.Contains(errs, tt.want) {
			t.Errorf("export %q: status %d, %q; want %d and %q", tt.args, code, errs, tt.code, tt.want)
		}
	}
}

// TestClockBegin: a calendar is laid down once, and goes on from there.
func TestClockBegin(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "calendar")
	for _, tt := range []struct{ arg, want string }{{"show", "2003-03-03 09:0"}, {"+2d", "2003-03-05 09:0"}, {"show", "2003-03-05 09:0"}} {
		if code, out, errs := tslab(t, "clock", "--state", dir, "--begin", "2003-03-03T09:00:00Z", tt.arg); code != 0 || !strings.HasPrefix(out, tt.want) {
			t.Errorf("%s: status %d, %q %q; want %q", tt.arg, code, out, errs, tt.want)
		}
	}
	for _, args := range [][]string{{"--begin", "2003-03-03"}, {"--state", dir, "--begin", "soon"}} {
		if code, _, errs := tslab(t, append([]string{"clock"}, args...)...); code != cli.CodeUsage || !strings.Contains(errs, "--begin") {
			t.Errorf("%q: status %d, %q", args, code, errs)
		}
	}
}
