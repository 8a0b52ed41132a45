package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/ls/store"
)

// TestBackupAndRestore: a backup is made through the running license server's control
// socket; it goes back while the server is stopped, and to that machine only.
func TestBackupAndRestore(t *testing.T) {
	d := newDesk(t)
	dir, other := d.path("ls1"), d.path("ls2")
	id, err := identity.LoadOrCreate(dir, "LS1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := identity.LoadOrCreate(other, "LS1"); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(dir, store.Options{Name: "LS1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Bind(t.Context(), identity.Fingerprint(id.Certificate)); err != nil {
		t.Fatal(err)
	}
	l, err := control.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- control.ServeListener(ctx, l, map[string]control.Handler{
			"status": func(context.Context, json.RawMessage) (any, error) { return nil, nil },
			"backup": func(_ context.Context, in json.RawMessage) (any, error) {
				var path string
				if err := json.Unmarshal(in, &path); err != nil {
					return nil, err
				}
				return s.Backup(path)
			},
		})
	}()
	run := func(want int, says string, args ...string) (said string) {
		t.Helper()
		var out, errs strings.Builder
		code := tscli.Run(t.Context(), command(), append([]string{"licmgr"}, args...), &out, &errs)
		if said = out.String() + errs.String(); code != want || !strings.Contains(said, says) {
			t.Errorf("licmgr %v: exit %d, %s; want %d, %q", args, code, said, want, says)
		}
		return said
	}
	backup := d.path("backup")
	run(0, "backup of LS1: "+backup+"\n0 key packs with 0 CALs, 0 tokens, the newest of none\n", "backup", backup, "--lserver", dir)
	checkShape(t, "backup", run(0, "LS1", "backup", d.path("again"), "--lserver", dir, "--json"), storeShape)
	run(1, "is there already, and is not overwritten", "backup", backup, "--lserver", dir)
	run(1, "no such file or directory", "backup", d.path("none/backup"), "--lserver", dir)
	run(1, "no program", "backup", d.path("b2"), "--lserver", other)
	run(1, "stop it first", "restore", backup, "--lserver", dir)
	run(1, "the database alone cannot move to another host", "restore", backup, "--lserver", other)
	run(1, "has no host key", "restore", backup, "--lserver", t.TempDir())
	cancel()
	<-ended
	run(1, "is in use", "restore", backup, "--lserver", dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	run(0, "token.without-row", "restore", backup, "--lserver", dir)
	checkShape(t, "restore", run(0, `"name":"LS1"`, "restore", backup, "--lserver", dir, "--json"), storeShape)
	if kept, _ := filepath.Glob(dir + "/" + store.FileName + ".*"); len(kept) != 2 {
		t.Errorf("kept: %v", kept)
	}
	if left, err := os.ReadDir(other); err != nil || len(left) != 1 {
		t.Errorf("left at the other machine: %v, %v", left, err)
	}
}
