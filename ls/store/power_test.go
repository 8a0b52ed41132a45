package store_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/token"
)

// A power cut may lose any of the pages that a commit writes, and may tear any of
// them. Until the meta page is whole the old state must be there, whatever else has
// come; with everything there, the new one.
func TestPowerCutAtAnyWrite(t *testing.T) {
	s, p := packed(t, 200)
	pool := install(t, s, store.Pack{ID: "pool", Kind: token.Temporary, Unlimited: true})
	r := rand.New(rand.NewPCG(1, 2))
	image, state := read(t, s.Path()), dump(t, s)
	for i := range uint32(60) {
		step(t, s, p.Number, pool.Number, i)
		next, after := read(t, s.Path()), dump(t, s)
		for range 4 {
			same(t, "old", state, reopened(t, cut(r, image, next)))
		}
		same(t, "new", after, reopened(t, next))
		image, state = next, after
	}

}

func same(t *testing.T, which string, want, got []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("not the %s state: -want +got\n%s", which, diff)
	}
}

// step changes the store in one of the ways that a server does.
func step(t *testing.T, s *store.Store, pack, pool, i uint32) {
	t.Helper()
	update(t, s, func(tx *store.Tx) error {
		l, err := tx.Issue(sample(pack, i))
		if err != nil || i%2 == 0 {
			return err
		}
		if _, err := tx.Issue(sample(pool, i)); err != nil {
			return err
		}
		if i%3 == 0 {
			_, err = tx.Retire(l, store.Expired)
		} else {
			_, err = tx.Renew(l, day0.AddDate(0, 0, int(i)))
		}
		return err
	})
}

// cut is what may lie on the disk after a power cut during the commit that makes
// next of image: some of the new pages, some torn, and no whole new meta page.
func cut(r *rand.Rand, image, next []byte) []byte {
	b, page := make([]byte, len(next)), os.Getpagesize()
	copy(b, image)
	for at := 0; at < len(next); at += page {
		fresh := next[at : at+page]
		if bytes.Equal(b[at:at+page], fresh) {
			continue
		}
		n := 0
		switch r.IntN(3) {
		case 0: // came
			n = page
		case 1: // torn, between sectors
			n = r.IntN(page/512) * 512
		}
		if at < 2*page { // a meta page is smaller than a sector: it comes whole, or with a bad checksum
			n = min(n, r.IntN(60))
		}
		copy(b[at:], fresh[:n])
	}
	return b
}

// reopened is the state of a store that lies on the disk like this.
func reopened(t *testing.T, image []byte) []string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, store.FileName), image)
	s := open(t, dir)
	defer s.Close()
	sound(t, s)
	return dump(t, s)
}
