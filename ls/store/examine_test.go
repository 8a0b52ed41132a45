package store_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/tslab/tslab/ls/store"
)

// doctor changes pack 1 of a closed store.
func doctor(t *testing.T, path string, change func(*store.Pack)) {
	t.Helper()
	inside(t, path, func(tx *bbolt.Tx) error {
		b, key := tx.Bucket([]byte("packs")), binary.BigEndian.AppendUint32(nil, 1)
		p, err := store.ParsePack(b.Get(key))
		if err != nil {
			return err
		}
		change(&p)
		return b.Put(key, store.AppendPack(nil, p))
	})
}

// TestExamine: a store that is sound breaks no invariant, and one that was doctored
// breaks the one that it should.
func TestExamine(t *testing.T) {
	for _, tt := range []struct {
		name   string
		doctor func(t *testing.T, path string)
		broken store.Invariant
		says   string
	}{
		{"sound", func(*testing.T, string) {}, "", ""},
		{"more issued than installed", func(t *testing.T, path string) { doctor(t, path, func(p *store.Pack) { p.Total = 499 }) },
			store.Positive, "key pack LAB-PACK has issued 500 of 499"},
		{"one issued that no row is of", func(t *testing.T, path string) { doctor(t, path, func(p *store.Pack) { p.Issued++ }) },
			store.Summed, "key pack LAB-PACK counts 501 issued, its rows are 500"},
		{"two rows of a device", func(t *testing.T, path string) {
			inside(t, path, func(tx *bbolt.Tx) error {
				b := tx.Bucket([]byte("licenses"))
				return b.Put(binary.BigEndian.AppendUint32(nil, 501), b.Get(binary.BigEndian.AppendUint32(nil, 7)))
			})
			doctor(t, path, func(p *store.Pack) { p.Issued++ })
		}, store.SingleRow, "holds two live rows of kind CAL: 7 and 501"},
		{"an index without its row", func(t *testing.T, path string) {
			inside(t, path, func(tx *bbolt.Tx) error {
				k, _ := tx.Bucket([]byte("devices")).Cursor().First()
				return tx.Bucket([]byte("devices")).Delete(k)
			})
		}, store.Indexed, "is not in the index"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, path := filled(t)
			tt.doctor(t, path)
			before := read(t, path)
			x, err := store.Examine(path)
			if err != nil || len(x.Packs) != 1 || x.Licenses < 500 {
				t.Fatalf("Examine: %d packs, %d licenses, %v", len(x.Packs), x.Licenses, err)
			}
			found := tt.broken == ""
			for _, v := range x.Violations {
				found = found || v.Invariant == tt.broken && strings.Contains(v.Error(), tt.says)
			}
			if !found || tt.broken == "" && len(x.Violations) > 0 {
				t.Errorf("violations %v, want of %q: %s", x.Violations, tt.broken, tt.says)
			}
			if string(read(t, path)) != string(before) {
				t.Error("it was changed by being looked at")
			}
		})
	}
}

// TestExamineRefuses: what is no store is none that nothing is wrong with.
func TestExamineRefuses(t *testing.T) {
	dir := t.TempDir()
	empty, garbage := filepath.Join(dir, "empty"), filepath.Join(dir, "garbage")
	write(t, empty, nil)
	write(t, garbage, []byte(strings.Repeat("garbage ", 4096)))
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "no such file",
		empty:                      "file is empty",
		garbage:                    "damaged or not a license store",
	} {
		if _, err := store.Examine(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", filepath.Base(path), err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "none")); err == nil {
		t.Error("a store was made by looking for one")
	}
}
