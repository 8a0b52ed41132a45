package inventory_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tslab/tslab/ls/inventory"
	"github.com/tslab/tslab/wire/token"
)

// drawEntry makes an entry of one of few owners and versions, so that they collide.
func drawEntry(t *rapid.T) inventory.Entry {
	return inventory.Entry{
		Owner:   rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "owner"),
		Version: inventory.Version{Start: rapid.Uint64Range(1, 3).Draw(t, "start"), Count: rapid.Uint64Range(1, 3).Draw(t, "count")},
		Name:    rapid.SampledFrom([]string{"ls1", "ls2"}).Draw(t, "name"),
		Address: rapid.SampledFrom([]string{"", "10.0.0.1:3343", "10.0.0.2:3343"}).Draw(t, "address"),
		Pools:   []inventory.Pool{{Kind: token.CAL, Product: w2k, Total: 9, Free: rapid.Uint32Range(0, 2).Draw(t, "free")}},
	}
}

// drawMap makes a map that has seen some entries and doubts some of them.
func drawMap(t *rapid.T) *inventory.Map {
	m := &inventory.Map{}
	for range rapid.IntRange(0, 6).Draw(t, "entries") {
		m.Merge(drawEntry(t))
	}
	if rapid.Bool().Draw(t, "doubts") {
		m.Doubt(rapid.SampledFrom([]string{"ls1", "ls2"}).Draw(t, "doubted"))
	}
	return m
}

func merged(maps ...*inventory.Map) []inventory.Belief {
	var m inventory.Map
	for _, other := range maps {
		m.MergeAll(other)
	}
	return m.Beliefs("")
}

// TestMergeInAnyOrder: what license servers believe does not depend on who told whom
// first, nor on how often.
func TestMergeInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawMap(t), drawMap(t), drawMap(t)
		if diff := cmp.Diff(merged(a, b), merged(b, a)); diff != "" {
			t.Fatalf("not commutative:\n%s", diff)
		}
		var ab, bc inventory.Map
		ab.MergeAll(a)
		ab.MergeAll(b)
		bc.MergeAll(b)
		bc.MergeAll(c)
		if diff := cmp.Diff(merged(&ab, c), merged(a, &bc)); diff != "" {
			t.Fatalf("not associative:\n%s", diff)
		}
		if diff := cmp.Diff(merged(a), merged(a, a)); diff != "" {
			t.Fatalf("not idempotent:\n%s", diff)
		}
	})
}

// TestMergeKeepsTheNewest: shuffled and repeated, entries of one owner end as the one
// with the highest version; a new start outdoes any count.
func TestMergeKeepsTheNewest(t *testing.T) {
	var said []inventory.Entry
	for start := range 3 {
		for count := range 5 {
			said = append(said, inventory.Entry{Owner: "a", Name: fmt.Sprintf("%d.%d", start, count),
				Version: inventory.Version{Start: uint64(start), Count: uint64(10 - 3*start + count)}})
		}
	}
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 0))
		heard := append(slices.Clone(said), said[r.IntN(len(said))])
		r.Shuffle(len(heard), func(i, j int) { heard[i], heard[j] = heard[j], heard[i] })
		var m inventory.Map
		for _, e := range heard {
			old, _ := m.Get("a")
			if news := m.Merge(e); news != (old.Owner == "" || e.Version.Compare(old.Version) > 0) {
				t.Fatalf("seed %d: %v after %v is news: %v", seed, e.Version, old.Version, news)
			}
		}
		if e, known := m.Get("a"); !known || e.Name != "2.4" {
			t.Fatalf("seed %d: kept %+v", seed, e)
		}
	}
}

// TestMergeCopies: the map does not see what is done with an entry later.
func TestMergeCopies(t *testing.T) {
	var m inventory.Map
	e := full()
	m.Merge(e)
	e.Pools[0].Free = 0
	if got, _ := m.Get(e.Owner); got.Free(token.CAL, w2k) != 49 {
		t.Errorf("free: %d", got.Free(token.CAL, w2k))
	}
}

func TestRenew(t *testing.T) {
	v := func(start, count uint64) inventory.Version { return inventory.Version{Start: start, Count: count} }
	for name, tt := range map[string]struct {
		known *inventory.Version
		start uint64
		want  inventory.Version
	}{
		"the first word":               {nil, 5, v(5, 1)},
		"the next":                     {new(v(5, 1)), 5, v(5, 2)},
		"after a restart":              {new(v(5, 9)), 6, v(6, 1)},
		"the clock was set back since": {new(v(9, 3)), 6, v(9, 4)},
	} {
		var m inventory.Map
		if tt.known != nil {
			m.Merge(inventory.Entry{Owner: "a", Version: *tt.known})
		}
		if e := m.Renew(inventory.Entry{Owner: "a", Name: "now"}, tt.start); e.Version != tt.want {
			t.Errorf("%s: %v, want %v", name, e.Version, tt.want)
		}
		if e, _ := m.Get("a"); e.Name != "now" {
			t.Errorf("%s: the map keeps %+v", name, e)
		}
	}
}

// TestDoubt is decision L22: empty until its next announcement.
func TestDoubt(t *testing.T) {
	var m inventory.Map
	e := full()
	m.Merge(e)
	doubted := func() bool { return m.Beliefs("")[0].Doubted }
	if doubted() {
		t.Error("doubted from the start")
	}
	if news := m.Doubt("LS1", "ls9"); !slices.Equal(news, []string{"ls1"}) || !doubted() {
		t.Errorf("news %v, doubted %v", news, doubted())
	}
	if news := m.Doubt("ls1"); news != nil {
		t.Errorf("the same doubt again: %v", news)
	}
	if m.Merge(e); !doubted() {
		t.Error("an old announcement takes the doubt away")
	}
	e.Version.Count++
	if m.Merge(e); doubted() {
		t.Error("doubted after the next announcement")
	}
	if news := m.Doubt("ls1"); len(news) != 1 || !doubted() {
		t.Errorf("doubted once more: %v", news)
	}
	e.Version = inventory.Version{Start: e.Version.Start + 1}
	if m.Merge(e); doubted() {
		t.Error("doubted after its restart")
	}
}

func TestBeliefsLeaveOutTheReaderAndWhatWasThereBefore(t *testing.T) {
	var m inventory.Map
	for _, e := range []inventory.Entry{
		{Owner: "1", Name: "ls3", Address: "10.0.0.3:3343", Version: inventory.Version{Start: 1}},
		{Owner: "2", Name: "ls1", Address: "10.0.0.1:3343", Version: inventory.Version{Start: 1, Count: 9}},
		{Owner: "3", Name: "ls1", Address: "10.0.0.1:3343", Version: inventory.Version{Start: 2, Count: 1}}, // installed anew
		{Owner: "4", Name: "ls2", Address: "", Version: inventory.Version{Start: 1}},
		{Owner: "5", Name: "ls2", Address: "", Version: inventory.Version{Start: 2}},
		{Owner: "6", Name: "me"},
	} {
		m.Merge(e)
	}
	var got []string
	for _, b := range m.Beliefs("6") {
		got = append(got, b.Owner)
	}
	if want := []string{"3", "4", "5", "1"}; !slices.Equal(got, want) {
		t.Errorf("beliefs of %v, want %v", got, want)
	}
}

func TestUrgent(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*inventory.Entry)
		want   bool
	}{
		"nothing":            {func(*inventory.Entry) {}, false},
		"the version":        {func(e *inventory.Entry) { e.Version.Count++ }, false},
		"one more is taken":  {func(e *inventory.Entry) { e.Pools[0].Free-- }, false},
		"the last is taken":  {func(e *inventory.Entry) { e.Pools[0].Free = 0 }, true},
		"one comes back":     {func(e *inventory.Entry) { e.Pools[1].Free = 1 }, true},
		"a pack":             {func(e *inventory.Entry) { e.Pools[0].Total += 5; e.Pools[0].Free += 5 }, true},
		"a new pool":         {func(e *inventory.Entry) { e.Pools = append(e.Pools, inventory.Pool{}) }, true},
		"another product":    {func(e *inventory.Entry) { e.Pools[0].Product.Minor = 1 }, true},
		"activation is over": {func(e *inventory.Entry) { e.Activated = false }, true},
		"another address":    {func(e *inventory.Entry) { e.Address = "10.1.0.3:3343" }, true},
		"another scope":      {func(e *inventory.Entry) { e.Scope = "enterprise" }, true},
	} {
		e := full()
		tt.change(&e)
		if got := inventory.Urgent(full(), e); got != tt.want {
			t.Errorf("%s: urgent %v", name, got)
		}
		if same := inventory.Same(full(), e); same != (name == "nothing" || name == "the version") {
			t.Errorf("%s: same %v", name, same)
		}
	}
}

func TestFree(t *testing.T) {
	e := full()
	for _, tt := range []struct {
		kind    token.Kind
		product token.Version
		want    uint32
	}{{token.CAL, w2k, 49}, {token.CAL, w2k3, 1 << 31}, {token.InternetConnector, w2k, 0}, {token.BuiltIn, w2k, 0}} {
		if got := e.Free(tt.kind, tt.product); got != tt.want {
			t.Errorf("%v for %v: %d, want %d", tt.kind, tt.product, got, tt.want)
		}
	}
}
