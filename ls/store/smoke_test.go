package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
)

func TestSmoke(t *testing.T) {
	s, err := store.Open(t.TempDir(), store.Options{Name: "ls1"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Update(context.Background(), func(tx *store.Tx) error {
		p, err := tx.InstallPack(store.Pack{ID: "A", Kind: token.CAL, Total: 1, Installed: time.Unix(1e9, 0)})
		if err != nil {
			return err
		}
		l, err := tx.Issue(store.License{Pack: p.Number, HardwareID: hwid.New(1, [16]byte{2}), Issued: time.Unix(1e9, 0), Expires: time.Unix(2e9, 0)})
		t.Log(l)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
}
