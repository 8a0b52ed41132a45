package store_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
)

func open(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(dir, store.Options{Name: "ls1", Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// packed is a new store with one pack of n CALs.
func packed(t testing.TB, n uint32) (*store.Store, store.Pack) {
	t.Helper()
	s := open(t, t.TempDir())
	return s, install(t, s, store.Pack{ID: "LAB-PACK", Kind: token.CAL, Total: n, Installed: day0})
}

func install(t testing.TB, s *store.Store, p store.Pack) store.Pack {
	t.Helper()
	update(t, s, func(tx *store.Tx) (err error) {
		p, err = tx.InstallPack(p)
		return err
	})
	return p
}

func update(t testing.TB, s *store.Store, fn func(*store.Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// hardware is the i-th device; ids are as mixed as real ones.
func hardware(i uint32) hwid.ID {
	sum := sha256.Sum256(binary.LittleEndian.AppendUint32(nil, i))
	return hwid.New(0x04010000, [16]byte(sum[:16]))
}

func sample(pack, i uint32) store.License {
	return store.License{Pack: pack, HardwareID: hardware(i), Machine: "WORKSTATION-17", User: "j.doe",
		Issued: day0, Expires: day0.AddDate(0, 0, 52+int(i%38))}
}
