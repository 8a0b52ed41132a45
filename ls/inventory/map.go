package inventory

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Map is the newest entry of each owner, and which of them are doubted. The zero Map
// is empty and ready. It is not safe for use by several goroutines at once.
type Map struct {
	entries map[string]Entry
	doubts  map[string]Version // by owner: what it said up to there was found wrong
}

// Belief is an entry as its reader should take it.
type Belief struct {
	Entry
	// Doubted: somebody was sent there in vain since. The server counts as empty until
	// it announces its inventory again (decision L22).
	Doubted bool

	// What whoever carries entries adds; a Map leaves both out.
	Heard time.Time // when the entry came here, by the calendar
	Seen  bool      // the server can be heard now, as far as is known
}

// Merge takes an entry in if it is newer than what is known of its owner, and reports
// whether it was.
func (m *Map) Merge(e Entry) (news bool) {
	old, known := m.entries[e.Owner]
	if known && compare(&e, &old) <= 0 {
		return false
	}
	if m.entries == nil {
		m.entries = map[string]Entry{}
	}
	e.Pools = slices.Clone(e.Pools)
	m.entries[e.Owner] = e
	return true
}

// MergeAll takes in all that another map knows, doubts included.
func (m *Map) MergeAll(other *Map) {
	for _, e := range other.entries {
		m.Merge(e)
	}
	for owner, v := range other.doubts {
		m.doubt(owner, v)
	}
}

// Get is the newest entry of an owner.
func (m *Map) Get(owner string) (e Entry, known bool) {
	e, known = m.entries[owner]
	return e, known
}

// Renew gives an owner's entry the version with which it is newer than all that is
// known of the owner, also from an earlier life of it, and takes it in. start is the
// present life's.
func (m *Map) Renew(e Entry, start uint64) Entry {
	e.Version = Version{Start: start, Count: 1}
	if old, known := m.entries[e.Owner]; known && old.Version.Start >= start {
		e.Version = Version{Start: old.Version.Start, Count: old.Version.Count + 1}
	}
	m.Merge(e)
	return e
}

// Doubt notes that the servers of those names were found without stock, and returns
// the names of those of which that is new.
func (m *Map) Doubt(names ...string) (news []string) {
	for _, e := range m.Entries() {
		same := func(name string) bool { return strings.EqualFold(name, e.Name) }
		if slices.ContainsFunc(names, same) && m.doubt(e.Owner, e.Version) {
			news = append(news, e.Name)
		}
	}
	return news
}

func (m *Map) doubt(owner string, v Version) (news bool) {
	if old, known := m.doubts[owner]; known && v.Compare(old) <= 0 {
		return false
	}
	if m.doubts == nil {
		m.doubts = map[string]Version{}
	}
	m.doubts[owner] = v
	return true
}

// Entries are all entries, by name, then owner.
func (m *Map) Entries() []Entry {
	return slices.SortedFunc(maps.Values(m.entries), func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Owner, b.Owner))
	})
}

// Beliefs are the entries of everybody but one owner, who is the reader. Of two
// servers with one address, the later started counts alone: the other was there
// before it, and its state folder is gone.
func (m *Map) Beliefs(but string) (list []Belief) {
	latest := map[string]Entry{}
	for _, e := range m.entries {
		if l, ok := latest[e.Address]; !ok || compareLife(e, l) > 0 {
			latest[e.Address] = e
		}
	}
	for _, e := range m.Entries() {
		if e.Owner == but || e.Address != "" && latest[e.Address].Owner != e.Owner {
			continue
		}
		doubt, doubted := m.doubts[e.Owner]
		list = append(list, Belief{Entry: e, Doubted: doubted && e.Version.Compare(doubt) <= 0})
	}
	return list
}

// compareLife orders the lives of two servers by their beginning.
func compareLife(a, b Entry) int {
	return cmp.Or(cmp.Compare(a.Version.Start, b.Version.Start), cmp.Compare(a.Owner, b.Owner))
}
