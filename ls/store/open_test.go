package store_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/tslab/tslab/ls/store"
)

// filled is the path of a closed store with some licenses in it.
func filled(t *testing.T) (dir, path string) {
	t.Helper()
	s, p := packed(t, 1000)
	update(t, s, func(tx *store.Tx) error {
		for i := range uint32(500) {
			if _, err := tx.Issue(sample(p.Number, i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(s.Path()), s.Path()
}

func TestOpenRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(t *testing.T, path string)
		want   string
	}{
		{"empty file", func(t *testing.T, path string) { write(t, path, nil) }, "damaged or not a license store"},
		{"garbage", func(t *testing.T, path string) { write(t, path, bytes.Repeat([]byte("garbage "), 8192)) }, "damaged or not a license store"},
		{"half of the file", func(t *testing.T, path string) { b := read(t, path); write(t, path, b[:len(b)/2]) }, "damaged or not a license store"},
		{"only the meta pages", func(t *testing.T, path string) { write(t, path, read(t, path)[:2*os.Getpagesize()]) }, "damaged or not a license store"},
		{"both meta pages torn", func(t *testing.T, path string) {
			b := read(t, path)
			clear(b[16+8 : 64])
			page := os.Getpagesize()
			clear(b[page+16+8 : page+64])
			write(t, path, b)
		}, "damaged or not a license store"},
		{"another program's database", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			inside(t, path, func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err })
		}, "tables are another program's"},
		{"a table is missing", func(t *testing.T, path string) {
			inside(t, path, func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("packs")) })
		}, "a table is missing"},
		{"another format", func(t *testing.T, path string) {
			inside(t, path, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte{9}) })
		}, "format 09, this program knows 01"},
		{"another server's", func(t *testing.T, path string) {
			inside(t, path, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("name"), []byte("ls2")) })
		}, `belongs to license server "ls2", not to "ls1"; start it with --host ls2`},
		{"seed of a wrong length", func(t *testing.T, path string) {
			inside(t, path, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("seed"), []byte{9}) })
		}, "seed has a wrong length"},
		{"a folder in its place", func(t *testing.T, path string) {
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, "damaged or not a license store"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, path := filled(t)
			tt.damage(t, path)
			before, _ := os.ReadFile(path)
			s, err := store.Open(dir, store.Options{Name: "ls1"})
			if err == nil {
				s.Close()
				t.Fatal("it opens")
			}
			said := err.Error()
			if !strings.Contains(said, tt.want) || strings.Contains(said, "\n") || !strings.Contains(said, ";") {
				t.Errorf("error %q, want one sentence with a remedy and %q", said, tt.want)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file has changed")
			}
		})
	}
}

// Garbage anywhere in the file is refused in one sentence or lies where nobody reads;
// it never ends the process.
func TestOpenWithGarbageAnywhere(t *testing.T) {
	_, path := filled(t)
	image := read(t, path)
	r := rand.New(rand.NewPCG(3, 4))
	refused := 0
	for range 300 {
		dir := t.TempDir()
		b := bytes.Clone(image)
		at := r.IntN(len(b) - 16)
		for i := range 1 + r.IntN(16) {
			b[at+i] = byte(r.Uint32())
		}
		write(t, filepath.Join(dir, store.FileName), b)
		s, err := store.Open(dir, store.Options{Name: "ls1"})
		if err != nil {
			refused++
			if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), store.FileName) {
				t.Errorf("garbage at %d: error %q is not one sentence about the file", at, err)
			}
			continue
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if refused == 0 {
		t.Error("no garbage was found")
	}
	t.Logf("%d of 300 refused", refused)
}

func TestOpenRefusesLocked(t *testing.T) {
	s, _ := packed(t, 1)
	_, err := store.Open(filepath.Dir(s.Path()), store.Options{Name: "ls1"})
	if err == nil || !strings.Contains(err.Error(), "in use by another license server") {
		t.Errorf("error %v", err)
	}
}

func TestOpenRefusesFolder(t *testing.T) {
	_, path := filled(t)
	_, err := store.Open(path, store.Options{Name: "ls1"})
	if err == nil || !strings.Contains(err.Error(), "state folder cannot be made") {
		t.Errorf("error %v", err)
	}
}

func TestClosed(t *testing.T) {
	s, _ := packed(t, 1)
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	nothing := func(*store.Tx) error { return nil }
	if err := s.Update(context.Background(), nothing); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Update: %v", err)
	}
	if err := s.View(nothing); !errors.Is(err, store.ErrClosed) {
		t.Errorf("View: %v", err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func inside(t *testing.T, path string, fn func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(fn), db.Close()); err != nil {
		t.Fatal(err)
	}
}
