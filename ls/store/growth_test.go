package store_test

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tslab/tslab/ls/store"
)

// TestGrowth issues the white paper's 6,000 licenses, one transaction each, by as
// many callers as a license server may have: the store grows by no more than 5 MB.
//
// proves R41
func TestGrowth(t *testing.T) {
	const licenses, callers, most = 6000, 64, 5 << 20
	s, p := packed(t, licenses)
	size := func() int64 {
		t.Helper()
		info, err := os.Stat(s.Path())
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	before := size()
	var next atomic.Uint32
	var work sync.WaitGroup
	for range callers {
		work.Go(func() {
			for i := next.Add(1); i <= licenses; i = next.Add(1) {
				if err := s.Update(context.Background(), func(tx *store.Tx) error {
					_, err := tx.Issue(sample(p.Number, i))
					return err
				}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	work.Wait()
	grown := size() - before
	t.Logf("%d bytes for %d licenses, %d each", grown, licenses, grown/licenses)
	if grown > most {
		t.Errorf("the store grew by %d bytes, want at most %d", grown, most)
	}
	rows := 0
	if err := s.View(func(tx *store.Tx) error {
		pack, err := tx.Pack(p.Number)
		rows = int(pack.Issued)
		return err
	}); err != nil || rows != licenses {
		t.Errorf("%d licenses are in the store, %v", rows, err)
	}
}
