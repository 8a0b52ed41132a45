package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
)

// stocked is a store of the host key "key-1" with a key pack.
func stocked(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(dir, store.Options{Name: "ls1", Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Bind(t.Context(), "key-1"); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.InstallPack(store.Pack{ID: "P", Kind: token.CAL, Product: "Windows 2000", Total: 1000, Installed: time.Now()})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return s
}

func issueTo(t *testing.T, s *store.Store, n int) {
	t.Helper()
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		packs, err := tx.Packs()
		if err != nil {
			return err
		}
		_, err = tx.Issue(store.License{Pack: packs[0].Number, Kind: token.CAL, HardwareID: hwid.ID{byte(n), byte(n >> 8), 1}, Machine: fmt.Sprint("PC", n),
			Issued: time.Unix(int64(n), 0).UTC(), Expires: time.Unix(int64(n)+1e6, 0).UTC()})
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestBackupUnderLoad: backups are made while licenses are issued; each is whole, and
// holds everything that was committed before it began and nothing by halves.
func TestBackupUnderLoad(t *testing.T) {
	dir := t.TempDir()
	s := stocked(t, dir)
	const devices, workers = 240, 4
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < devices; i += workers {
				issueTo(t, s, i)
			}
		})
	}
	last := 0
	for n := range 8 {
		path := filepath.Join(t.TempDir(), fmt.Sprint("backup", n))
		about, err := s.Backup(path)
		if err != nil {
			t.Fatal(err)
		}
		if about.Tokens < last || about.Name != "ls1" || about.Host != "key-1" || about.Packs != 1 || about.CALs != 1000 {
			t.Errorf("%+v after %d tokens", about, last)
		}
		last = about.Tokens
		checked := filepath.Join(t.TempDir(), "state")
		if err := os.Mkdir(checked, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, _, err := store.Restore(checked, path, "key-1"); err != nil {
			t.Fatal(err)
		}
		b, err := store.Open(checked, store.Options{Name: "ls1"})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Check(); err != nil {
			t.Errorf("backup %d: %v", n, err)
		}
		b.Close()
	}
	all.Wait()
	about, err := s.Backup(filepath.Join(t.TempDir(), "whole"))
	if err != nil || about.Tokens != devices || !about.Newest.Equal(time.Unix(devices-1, 0)) {
		t.Errorf("%+v, %v", about, err)
	}
}

// TestForeign: a store belongs to its machine. The database alone is refused at
// another one, at the start and as a backup, and nothing is written over.
func TestForeign(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	s := stocked(t, dir)
	issueTo(t, s, 1)
	backup := filepath.Join(t.TempDir(), "backup")
	if _, err := s.Backup(backup); err != nil {
		t.Fatal(err)
	}
	for _, own := range []string{"key-2", ""} {
		if err := s.Bind(t.Context(), own); !foreign(err) {
			t.Errorf("bound to %q: %v", own, err)
		}
		if _, _, err := store.Restore(other, backup, own); !foreign(err) {
			t.Errorf("restored at %q: %v", own, err)
		}
	}
	if left, err := os.ReadDir(other); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if err := s.Bind(t.Context(), "key-1"); err != nil {
		t.Error(err)
	}
	if _, err := s.Backup(backup); err == nil || !strings.Contains(err.Error(), "is not overwritten") {
		t.Errorf("over a backup: %v", err)
	}
	if _, _, err := store.Restore(dir, backup, "key-1"); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("while it serves: %v", err)
	}
}

func foreign(err error) bool {
	e, ok := errors.AsType[*store.ForeignError](err)
	return ok && strings.Contains(e.Error(), "the database alone cannot move to another host") && strings.Contains(e.Error(), "have the clearinghouse reissue")
}

// TestRestore: an old backup takes the place of what was there, which is kept.
func TestRestore(t *testing.T) {
	dir := t.TempDir()
	s := stocked(t, dir)
	issueTo(t, s, 1)
	backup := filepath.Join(t.TempDir(), "backup")
	if _, err := s.Backup(backup); err != nil {
		t.Fatal(err)
	}
	issueTo(t, s, 2)
	s.Close()
	path := filepath.Join(dir, store.FileName)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 2; n++ {
		about, kept, err := store.Restore(dir, backup, "key-1")
		if err != nil || about.Tokens != 1 || kept != fmt.Sprintf("%s.%d", path, n) {
			t.Fatalf("%+v, %s, %v", about, kept, err)
		}
	}
	if after, err := os.ReadFile(path + ".1"); err != nil || !bytes.Equal(before, after) {
		t.Error("what was there is not kept")
	}
	// A damaged store is what a backup is for; a damaged backup is none.
	if err := os.WriteFile(path, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.Restore(dir, backup, "key-1"); err != nil {
		t.Error(err)
	}
	for name, text := range map[string][]byte{"empty": nil, "garbage": []byte("garbage"), "short": before[:len(before)/2]} {
		bad := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(bad, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := store.Restore(dir, bad, "key-1"); err == nil {
			t.Errorf("%s backup was restored", name)
		}
	}
	if _, _, err := store.Restore(dir, filepath.Join(dir, "none"), "key-1"); err == nil {
		t.Error("no backup was restored")
	}
	again, err := store.Open(dir, store.Options{Name: "ls1"})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.View(func(tx *store.Tx) error {
		if !tx.Unissued(again.LicenseID(2)) || tx.Unissued(again.LicenseID(1)) || tx.Unissued("LAB-XXXXX-0000002") {
			t.Error("which ids were issued")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
