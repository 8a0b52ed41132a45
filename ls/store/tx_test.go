package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/token"
)

// dump is everything that a store holds, in words.
func dump(t testing.TB, s *store.Store) (lines []string) {
	t.Helper()
	err := s.View(func(tx *store.Tx) error {
		packs, err := tx.Packs()
		for _, p := range packs {
			lines = append(lines, fmt.Sprintf("pack %+v", p))
		}
		for l, err := range tx.Licenses(0) {
			if err != nil {
				return err
			}
			lines = append(lines, fmt.Sprintf("%+v", l))
		}
		next, ok := tx.NextExpiry()
		id, known, err2 := tx.Identity()
		lines = append(lines, fmt.Sprint("next ", tx.NextNumber(), next, ok, tx.CALIssuedEver(), id, known))
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func sound(t testing.TB, s *store.Store) {
	t.Helper()
	if err := s.Check(); err != nil {
		t.Errorf("Check: %v", err)
	}
}

// issue issues to device i.
func issue(t testing.TB, s *store.Store, pack, i uint32) (l store.License) {
	t.Helper()
	update(t, s, func(tx *store.Tx) (err error) {
		l, err = tx.Issue(sample(pack, i))
		return err
	})
	return l
}

func TestLifeOfALicense(t *testing.T) {
	s, p := packed(t, 2)
	l := issue(t, s, p.Number, 1)
	if l.Number != 1 || l.ID != s.LicenseID(1) || !strings.HasPrefix(l.ID, "LAB-") || l.State != store.Live || l.Kind != token.CAL {
		t.Errorf("issued %+v", l)
	}
	expires := day0.AddDate(0, 0, 100)
	steps := []struct {
		name  string
		do    func(*store.Tx) (store.License, error)
		state store.State
		free  uint32
		found bool // by device
		next  time.Time
	}{
		{"renew", func(tx *store.Tx) (store.License, error) { return tx.Renew(l, expires) }, store.Live, 1, true, expires},
		{"renew for ever", func(tx *store.Tx) (store.License, error) { return tx.Renew(l, time.Time{}) }, store.Live, 1, true, time.Time{}},
		{"renew again", func(tx *store.Tx) (store.License, error) { return tx.Renew(l, expires) }, store.Live, 1, true, expires},
		{"validate", func(tx *store.Tx) (store.License, error) { return tx.Validate(l) }, store.Live, 1, true, expires},
		{"expire", func(tx *store.Tx) (store.License, error) { return tx.Retire(l, store.Expired) }, store.Expired, 2, false, time.Time{}},
		{"revive", func(tx *store.Tx) (store.License, error) { return tx.Revive(l, expires) }, store.Live, 1, true, expires},
		{"supersede", func(tx *store.Tx) (store.License, error) { return tx.Supersede(l) }, store.Superseded, 1, false, expires},
		{"lapse", func(tx *store.Tx) (store.License, error) { return tx.Lapse(l) }, store.Superseded, 1, false, time.Time{}},
		{"return", func(tx *store.Tx) (store.License, error) { return tx.Retire(l, store.Returned) }, store.Returned, 2, false, time.Time{}},
	}
	for _, step := range steps {
		update(t, s, func(tx *store.Tx) (err error) {
			l, err = step.do(tx)
			return err
		})
		sound(t, s)
		err := s.View(func(tx *store.Tx) error {
			pack, err := tx.Pack(p.Number)
			if pack.Free() != step.free {
				t.Errorf("%s: %d free, want %d", step.name, pack.Free(), step.free)
			}
			stored, ok, err2 := tx.License(l.ID)
			if diff := cmp.Diff(l, stored); !ok || diff != "" || l.State != step.state {
				t.Errorf("%s: state %v, want %v; -returned +stored\n%s", step.name, l.State, step.state, diff)
			}
			if _, ok, _ := tx.Device(l.HardwareID, l.Kind); ok != step.found {
				t.Errorf("%s: found by device: %v", step.name, ok)
			}
			if next, ok := tx.NextExpiry(); !next.Equal(step.next) || ok == step.next.IsZero() {
				t.Errorf("%s: next expiry %v, want %v", step.name, next, step.next)
			}
			return errors.Join(err, err2)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if l.Renewals != 4 || !l.Validated {
		t.Errorf("after all: %+v", l)
	}
}

func TestRefusedChanges(t *testing.T) {
	s, p := packed(t, 2)
	live := issue(t, s, p.Number, 1)
	expired := issue(t, s, p.Number, 2)
	update(t, s, func(tx *store.Tx) (err error) { expired, err = tx.Retire(expired, store.Expired); return err })
	issue(t, s, p.Number, 3)
	before := dump(t, s)
	for _, tt := range []struct {
		name string
		do   func(*store.Tx) error
		want error
	}{
		{"issue from an empty pack", func(tx *store.Tx) error { _, err := tx.Issue(sample(p.Number, 4)); return err }, store.ErrPoolEmpty},
		{"revive into an empty pack", func(tx *store.Tx) error { _, err := tx.Revive(expired, time.Time{}); return err }, store.ErrPoolEmpty},
		{"revive a live one", func(tx *store.Tx) error { _, err := tx.Revive(live, time.Time{}); return err }, store.ErrState},
		{"renew an expired one", func(tx *store.Tx) error { _, err := tx.Renew(expired, time.Time{}); return err }, store.ErrState},
		{"supersede an expired one", func(tx *store.Tx) error { _, err := tx.Supersede(expired); return err }, store.ErrState},
		{"lapse an expired one", func(tx *store.Tx) error { _, err := tx.Lapse(expired); return err }, store.ErrState},
		{"retire twice", func(tx *store.Tx) error { _, err := tx.Retire(expired, store.Closed); return err }, store.ErrState},
		{"retire into life", func(tx *store.Tx) error { _, err := tx.Retire(live, store.Live); return err }, store.ErrState},
		{"the same pack again", func(tx *store.Tx) error { _, err := tx.InstallPack(store.Pack{ID: p.ID}); return err }, store.ErrDuplicatePack},
		{"the same pack whole", func(tx *store.Tx) error { _, err := tx.InstallPack(p); return err }, store.ErrDuplicatePack},
		{"a license id too long", func(tx *store.Tx) error {
			_, err := tx.Issue(store.License{Pack: p.Number, ID: strings.Repeat("x", 256), Issuer: "ls2"})
			return err
		}, store.ErrTextLength},
		{"a second live row", func(tx *store.Tx) error {
			q, err := tx.InstallPack(store.Pack{ID: "MORE", Kind: token.CAL, Total: 9})
			if err != nil {
				return err
			}
			_, err = tx.Issue(sample(q.Number, 1))
			return err
		}, store.ErrLiveRow},
		{"an unknown pack", func(tx *store.Tx) error { _, err := tx.Issue(sample(77, 9)); return err }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := s.Update(context.Background(), tt.do)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if diff := cmp.Diff(before, dump(t, s)); diff != "" {
				t.Errorf("it left something behind: -before +after\n%s", diff)
			}
		})
	}
	sound(t, s)
}

// An expired temporary token goes on speaking for its device; a CAL does not.
func TestExpiredTemporaryStays(t *testing.T) {
	s, _ := packed(t, 1)
	pool := install(t, s, store.Pack{ID: "pool", Kind: token.Temporary, Unlimited: true})
	l := issue(t, s, pool.Number, 1)
	update(t, s, func(tx *store.Tx) error { _, err := tx.Retire(l, store.Expired); return err })
	sound(t, s)
	update(t, s, func(tx *store.Tx) error {
		held, ok, err := tx.Device(l.HardwareID, token.Temporary)
		if !ok || held.State != store.Expired {
			t.Errorf("device has %+v, %v", held, ok)
		}
		_, err2 := tx.Retire(held, store.Closed)
		return errors.Join(err, err2)
	})
	sound(t, s)
}

func TestTextIsCut(t *testing.T) {
	s, p := packed(t, 1)
	var l store.License
	update(t, s, func(tx *store.Tx) (err error) {
		long := sample(p.Number, 1)
		long.Machine, long.User = strings.Repeat("ß", 200), "a\xffb"
		l, err = tx.Issue(long)
		return err
	})
	if l.Machine != strings.Repeat("ß", 127) || l.User != "ab" {
		t.Errorf("machine of %d bytes, user %q", len(l.Machine), l.User)
	}
}

func TestDueInOrder(t *testing.T) {
	s, p := packed(t, 100)
	for i := range uint32(100) {
		issue(t, s, p.Number, i)
	}
	err := s.View(func(tx *store.Tx) error {
		now := day0.AddDate(0, 0, 60)
		all, err := tx.Due(now, 1000)
		some, err2 := tx.Due(now, 3)
		for i, l := range all {
			if !l.Over(now) || i > 0 && l.Expires.Before(all[i-1].Expires) {
				t.Errorf("%d: expires %v", i, l.Expires)
			}
		}
		if len(all) != 24 /* 8 days, 3 devices each */ || !cmp.Equal(all[:3], some) {
			t.Errorf("%d due, %d of at most 3", len(all), len(some))
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLicensePages(t *testing.T) {
	s, p := packed(t, 10)
	for i := range uint32(10) {
		issue(t, s, p.Number, i)
	}
	err := s.View(func(tx *store.Tx) error {
		for _, tt := range []struct {
			after string
			want  int
			ok    bool
		}{
			{"", 10, true}, {s.LicenseID(4), 6, true}, {s.LicenseID(10), 0, true},
			{"LAB-OTHER-0000001", 0, false}, {s.LicenseID(4) + "0", 0, false}, {s.LicenseID(0)[:10] + "x", 0, false},
		} {
			after, ok := tx.After(tt.after)
			n := 0
			for range tx.Licenses(after) {
				n++
			}
			if ok != tt.ok || ok && n != tt.want {
				t.Errorf("after %q: %d, %v; want %d, %v", tt.after, n, ok, tt.want, tt.ok)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRestartIsIdentical(t *testing.T) {
	dir, path := filled(t)
	s := open(t, dir)
	before := dump(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	bytes := read(t, path)
	s = open(t, dir)
	if diff := cmp.Diff(before, dump(t, s)); diff != "" {
		t.Errorf("-before +after\n%s", diff)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if string(bytes) != string(read(t, path)) {
		t.Error("a start and a stop change the file")
	}
}

// Updates that fail after writing do not take their neighbors with them, and an
// update that is run again begins anew.
func TestGroupWithFailures(t *testing.T) {
	s, p := packed(t, 1000)
	errOdd := errors.New("odd")
	var wg sync.WaitGroup
	for i := range uint32(200) {
		wg.Go(func() {
			err := s.Update(context.Background(), func(tx *store.Tx) error {
				if _, err := tx.Issue(sample(p.Number, i)); err != nil || i%2 == 0 {
					return err
				}
				return errOdd
			})
			if (i%2 == 1) != errors.Is(err, errOdd) {
				t.Errorf("update %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	sound(t, s)
	update(t, s, func(tx *store.Tx) error {
		pack, err := tx.Pack(p.Number)
		if pack.Issued != 100 || tx.NextNumber() != 101 {
			t.Errorf("%d issued, next number %d; want 100 and 101", pack.Issued, tx.NextNumber())
		}
		return err
	})
}

func TestUpdateOfAnEndedContext(t *testing.T) {
	s, _ := packed(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		err := s.Update(ctx, func(*store.Tx) error { t.Error("it runs"); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	}
}

// What changes nothing costs no flush.
func TestReadingUpdatesFlushNothing(t *testing.T) {
	s, _ := packed(t, 1)
	before := s.Flushes()
	update(t, s, func(tx *store.Tx) error { _, err := tx.Packs(); return err })
	if s.Flushes() != before {
		t.Error("a flush without a change")
	}
}

func TestLicenseIDs(t *testing.T) {
	ids := map[string]bool{}
	for _, o := range []store.Options{{Name: "ls1", Seed: 1}, {Name: "ls1", Seed: 2}, {Name: "ls2", Seed: 1}, {Name: "ls1"}, {Name: "ls1"}} {
		s, err := store.Open(t.TempDir(), o)
		if err != nil {
			t.Fatal(err)
		}
		ids[s.LicenseID(1)] = true
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(ids) != 5 {
		t.Errorf("5 stores share license ids: %v", ids)
	}
}

func TestManyClientsOneFlush(t *testing.T) {
	s, p := packed(t, 10)
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := 0
	for i := range uint32(100) {
		wg.Go(func() {
			err := s.Update(context.Background(), func(tx *store.Tx) error {
				_, err := tx.Issue(sample(p.Number, i))
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				got++
			} else if !errors.Is(err, store.ErrPoolEmpty) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got != 10 {
		t.Errorf("%d licenses out of 10", got)
	}
	sound(t, s)
}
