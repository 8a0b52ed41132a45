//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/ls/store"
)

// TestDatabaseAlone: the database of one machine, in the state folder of another, is
// refused at the start with what to do, and nothing is written over; nor does it get a
// host key made where there is none.
func TestDatabaseAlone(t *testing.T) {
	dir, other, bare := t.TempDir(), t.TempDir(), t.TempDir()
	p := start(t, dir)
	license(t, p.addr, 25)
	var about store.About
	backup := filepath.Join(t.TempDir(), "backup")
	if err := control.Call(t.Context(), dir, "backup", backup, &about); err != nil || about.Packs != 1 || about.ServerID == "" {
		t.Fatalf("%+v, %v", about, err)
	}
	p.stop()
	start(t, other).stop()
	text, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{other, bare} {
		if err := os.WriteFile(filepath.Join(at, store.FileName), text, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := lserver(t, "--state", at, "--host", "ls1", "--listen", "127.0.0.1:0")
		said, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(said), "the database alone cannot move to another host") || !strings.Contains(string(said), "have the clearinghouse reissue") {
			t.Errorf("%v: %s", err, said)
		}
		if now, err := os.ReadFile(filepath.Join(at, store.FileName)); err != nil || len(now) != len(text) {
			t.Errorf("the database has changed: %v", err)
		}
	}
	if _, err := os.Stat(filepath.Join(bare, identity.FileName)); err == nil {
		t.Error("a host key was made")
	}
	// At home it is well, also after a restore.
	id, err := identity.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.Restore(dir, backup, identity.Fingerprint(id.Certificate)); err != nil {
		t.Fatal(err)
	}
	p = start(t, dir)
	var status ls.Status
	if err := control.Call(t.Context(), dir, "status", nil, &status); err != nil || !status.Activated || status.ServerID != about.ServerID {
		t.Errorf("%+v, %v", status, err)
	}
	p.stop()
}
