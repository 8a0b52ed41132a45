//go:build linux

package netlab

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
)

// newStore is the file of a license server's store: two CALs, one of them issued.
func newStore(t *testing.T, dir string) string {
	t.Helper()
	s, err := store.Open(dir, store.Options{Name: "ls1", Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	day0 := time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)
	err = s.Update(t.Context(), func(tx *store.Tx) error {
		p, err := tx.InstallPack(store.Pack{ID: "LAB-PACK", Kind: token.CAL, Total: 2, Installed: day0})
		if err == nil {
			_, err = tx.Issue(store.License{Pack: p.Number, HardwareID: hwid.New(1, [16]byte{7}), Issued: day0, Expires: day0.AddDate(0, 0, 60)})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return s.Path()
}

// doctor changes the only key pack of a store behind its back.
func doctor(t *testing.T, path string, change func(*store.Pack)) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		b, key := tx.Bucket([]byte("packs")), binary.BigEndian.AppendUint32(nil, 1)
		p, err := store.ParsePack(b.Get(key))
		if err != nil {
			return err
		}
		change(&p)
		return b.Put(key, store.AppendPack(nil, p))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// event is one of a server's log, with its fields as pairs.
func event(kind eventlog.Kind, fields ...string) eventlog.Event {
	e := eventlog.Event{Name: kind.Name, Text: kind.Name, Fields: map[string]string{}}
	for i := 0; i < len(fields); i += 2 {
		e.Fields[fields[i]] = fields[i+1]
	}
	return e
}

// broken are the texts of the invariants that do not hold.
func broken(list []Invariant) string {
	var texts []string
	for _, i := range (&Record{Invariants: list}).Broken() {
		texts = append(texts, i.Why())
	}
	return strings.Join(texts, "\n")
}

func TestStoreInvariants(t *testing.T) {
	issued := event(eventlog.TokenIssued, "free", "1")
	for _, tt := range []struct {
		name   string
		doctor func(t *testing.T, path string)
		events []eventlog.Event
		want   string // of what is broken; empty: nothing
	}{
		{"as it was left", nil, []eventlog.Event{issued, event(eventlog.InventoryHeard, "free", "99")}, ""},
		{"more issued than installed", func(t *testing.T, path string) { doctor(t, path, func(p *store.Pack) { p.Total = 0 }) }, nil,
			"ls1: no pool is negative: key pack LAB-PACK has issued 1 of 0"},
		{"a row too few", func(t *testing.T, path string) { doctor(t, path, func(p *store.Pack) { p.Issued = 2 }) }, nil,
			"ls1: the rows that count and the free licenses are what is installed: key pack LAB-PACK counts 2 issued, its rows are 1"},
		{"no store at all", func(t *testing.T, path string) { writeFile(t, path, "nothing") }, nil, "damaged or not a license store"},
		{"below nothing", nil, []eventlog.Event{issued, event(eventlog.TokenIssued, "free", "4294967295")},
			"ls1: no free licenses were logged that are not installed: token.issued of 0001-01-01 00:00:00 says that 4294967295 are free; installed are 2"},
	} {
		path := newStore(t, t.TempDir())
		if tt.doctor != nil {
			tt.doctor(t, path)
		}
		list := storeInvariants("ls1", path, tt.events)
		if got := broken(list); tt.want == "" && got != "" || !strings.Contains(got, tt.want) || len(list) < len(store.Invariants()) {
			t.Errorf("%s: broken of %d:\n%s\nwant:\n%s", tt.name, len(list), got, tt.want)
		}
	}
}

// TestTurnedAway: who showed a valid token of its own must have been admitted; who
// showed none, or one that was over, need not.
func TestTurnedAway(t *testing.T) {
	admitted := event(eventlog.LicenseAccepted, "class", "perm-fresh")
	upgraded := event(eventlog.LicensePushed, "class", "temp")
	fair := []eventlog.Event{admitted, upgraded}
	for _, class := range []string{"none", "corrupt", "hwid-mismatch", "perm-expired", "temp-expired"} {
		fair = append(fair, event(eventlog.LicenseDenied, "class", class))
	}
	if i := turnedAway("ts1", fair); !i.Held || i.Seen != "2 with a valid token, all admitted" {
		t.Errorf("%+v", i)
	}
	for _, class := range []string{"perm-fresh", "perm-near", "temp", "built-in"} {
		unfair := append(fair[:len(fair):len(fair)], event(eventlog.LicenseDenied, "class", class, "license_id", "LAB-1", "kind", "CAL", "rule", "M99"))
		if i := turnedAway("ts1", unfair); i.Held || !strings.Contains(i.Why(), "ts1: no valid client was refused: license.denied, with CAL LAB-1") || !strings.Contains(i.Seen, "rule M99") {
			t.Errorf("%s: %+v", class, i)
		}
	}
}

// TestBrokenInvariantFails: a run whose expectations are all met has not passed if an
// invariant is broken.
func TestBrokenInvariantFails(t *testing.T) {
	met := []Expectation{{Text: "all", Met: true}}
	for _, held := range []bool{true, false} {
		r := &Record{Verdict: Running, Expectations: met, Invariants: []Invariant{{Host: "ls1", Held: true}, {Host: "ls2", Held: held}}}
		r.finish()
		if want := map[bool]Verdict{true: Passed, false: Failed}[held]; r.Verdict != want || len(r.Broken()) > 0 == held {
			t.Errorf("held %v: verdict %s, broken %v", held, r.Verdict, r.Broken())
		}
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// StoreOf makes a store for the tests of a lab that runs; doctored says whether it is
// one that breaks an invariant.
func StoreOf(t *testing.T, folder string, doctored bool) {
	t.Helper()
	path := newStore(t, folder)
	if doctored {
		doctor(t, path, func(p *store.Pack) { p.Total = 0 })
	}
}
