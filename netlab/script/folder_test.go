//go:build linux

package script_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/script"
)

// What JUnit's XML and --json are made of is there, too, when there never was a lab.
func TestRunThatNeverHadALab(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	const lab = "net(\"lan\"); host(\"h\")\n"
	for _, tt := range []struct {
		name, source, error string
		ctx                 context.Context
		verdict             netlab.Verdict
	}{
		{"does nothing", lab, "does nothing in it", t.Context(), netlab.Broken},
		{"cannot be declared", lab + "net(\"lan\")\nnow()\n", "x.star:2:4: net: there is a net", t.Context(), netlab.Broken},
		{"interrupted", lab + "now()\n", "interrupted", ended, netlab.Interrupted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "run")
			d := script.Drill{Name: "x", Title: "X", File: "x.star", Source: tt.source}
			r, err := script.Run(tt.ctx, d, script.Options{Folder: folder, Seed: 9, Edition: "ws2003", Out: &bytes.Buffer{}})
			if err == nil || !strings.Contains(err.Error(), tt.error) {
				t.Errorf("error %v, want %q", err, tt.error)
			}
			if r == nil || r.Verdict != tt.verdict || r.Error != err.Error() || r.Name() != "x [ws2003]" || r.Seed != 9 || r.Ended.Before(r.Began) {
				t.Errorf("record %+v", r)
			}
			if held, err := netlab.Claim(folder); err != nil {
				t.Error(err)
			} else {
				held.Release()
			}
		})
	}
}

// Whoever waits for the folder finds the report in it.
func TestFolderIsHeldUntilReported(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "run")
	d := script.Drill{Name: "x", File: "x.star", Source: "net(\"lan\"); host(\"h\"); expect(1, 1)\n"}
	reported := false
	_, err := script.Run(t.Context(), d, script.Options{Folder: folder, Out: &bytes.Buffer{}, Report: func(folder string) (string, error) {
		reported = true
		if _, err := netlab.Claim(folder); err == nil || !strings.Contains(err.Error(), "is using it") {
			t.Errorf("the folder can be had before the report is written: %v", err)
		}
		return "", nil
	}})
	if err != nil || !reported {
		t.Errorf("%v, reported %v", err, reported)
	}
	held, err := netlab.Claim(folder)
	if err != nil {
		t.Fatal(err)
	}
	held.Release()
}

// A disk without room is one sentence, and no file is named that is not there.
func TestDiskWithoutRoom(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=100k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	d := script.Drill{Name: "x", File: "x.star", Source: "net(\"lan\"); h = host(\"h\"); host(\"i\")\nexec(h, \"sh\", \"-c\", \"head -c 200000 /dev/zero\")\n"}
	var out bytes.Buffer
	r, err := script.Run(t.Context(), d, script.Options{Folder: filepath.Join(dir, "run"), Out: &out, Report: func(string) (string, error) { return "", nil }})
	if err == nil || !strings.Contains(err.Error(), "no space is left for the logs and the capture of the run; make room, or choose another place with --out") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
	if r.Verdict == netlab.Passed || r.Verdict == netlab.Running {
		t.Errorf("verdict %s", r.Verdict)
	}
	if _, err := os.Stat(filepath.Join(dir, "run", netlab.CaptureName)); err != nil && strings.Contains(out.String(), "capture  wireshark") {
		t.Errorf("a capture is named: %v\n%s", err, out.String())
	}
}

// A folder that takes no files is refused before the drill begins.
func TestFolderThatTakesNoFiles(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	d := script.Drill{Name: "x", File: "x.star", Source: "net(\"lan\"); host(\"h\"); now()\n"}
	for _, folder := range []string{dir, filepath.Join(dir, "runs", "x")} {
		_, err := script.Run(t.Context(), d, script.Options{Folder: folder, Out: &bytes.Buffer{}})
		if err == nil || !strings.Contains(err.Error(), "--out") || strings.Contains(err.Error(), "x.star") {
			t.Errorf("%s: %v", folder, err)
		}
	}
}
