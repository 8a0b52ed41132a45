package e2e

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/harness"
)

// nobody is an id that owns nothing.
const nobody = 65534

// TestFirstLogon runs the first lab as whoever runs the tests.
func TestFirstLogon(t *testing.T) {
	dir := t.TempDir()
	runFirstLogon(bounded(t), t, dir, filepath.Join(programs, "tslab"), "run", "first-logon")
	checkRun(t, filepath.Join(dir, "runs", "first-logon"))
}

// TestFirstLogonUnprivileged runs it as nobody: root must not hide that a lab needs
// root. Somebody else than root has done so with the test above.
func TestFirstLogonUnprivileged(t *testing.T) {
	if os.Getuid() != 0 { // the user is one without privileges already
		work := t.TempDir()
		runFirstLogon(bounded(t), t, work, filepath.Join(programs, "tslab"), "run", "first-logon")
		checkRun(t, filepath.Join(work, "runs", "first-logon"))
		return
	}
	if err := harness.Need("setpriv"); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "tslab-nobody-") // t.TempDir lies behind folders of root
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	bin, work := filepath.Join(dir, "bin"), filepath.Join(dir, "work")
	if err := os.CopyFS(bin, os.DirFS(programs)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(work, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(work, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	for _, open := range []string{dir, bin} {
		if err := os.Chmod(open, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	runFirstLogon(bounded(t), t, work, "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
		"--", filepath.Join(bin, "tslab"), "run", "first-logon")
	checkRun(t, filepath.Join(work, "runs", "first-logon"))
}

// runFirstLogon runs it twice: a second run replaces the folder of the first.
func runFirstLogon(ctx context.Context, t *testing.T, dir, program string, args ...string) {
	t.Helper()
	for range 2 {
		p, err := harness.Start(dir, []string{"HOME=" + dir, "TSLAB_BIN=", "XDG_STATE_HOME="}, "", program, args...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Kill)
		code, err := p.Wait(ctx)
		if code != 0 || err != nil {
			t.Fatalf("exit status %d, %v:\n%s", code, err, p.Output())
		}
		for _, part := range []string{"2003-03-03 09:00:00", "was given temporary LAB-", "was given CAL LAB-", "needs nothing more", "wireshark runs/first-logon/lab.pcapng"} {
			if !strings.Contains(p.Output(), part) {
				t.Errorf("the story does not say %q:\n%s", part, p.Output())
			}
		}
	}
}

// checkRun looks at what the run leaves behind.
func checkRun(t *testing.T, run string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(run, "run.json"))
	if err != nil || !json.Valid(text) {
		t.Errorf("run.json: %v: %s", err, text)
	}
	logs := 0
	err = filepath.WalkDir(run, func(path string, d fs.DirEntry, err error) error {
		if strings.HasSuffix(path, "events.jsonl") {
			logs++
		}
		return err
	})
	if err != nil || logs < 3 {
		t.Errorf("%d event logs in %s, %v", logs, run, err)
	}
	out, err := exec.Command("tshark", "-r", filepath.Join(run, "lab.pcapng"), "-Y", "rdp.bMsgType in {0x01..0x04, 0x12, 0x13, 0x15, 0xff}",
		"-T", "fields", "-e", "rdp.bMsgType").Output()
	if err != nil {
		t.Fatalf("tshark: %v; run make deps", err)
	}
	const want = "0x01 0x13 0x02 0x15 0x03 0x01 0x12 0x02 0x15 0x04 0x01 0x12 0xff"
	if got := strings.Join(strings.Fields(string(out)), " "); got != want {
		t.Errorf("licensing messages in the capture, as tshark reads it: %s, want %s", got, want)
	}
}
