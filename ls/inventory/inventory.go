// Package inventory is what license servers tell each other of their stock, and what
// each of them believes of the others: per server and kind of key pack how many
// licenses there are and how many of them are free, with the server's name, address,
// edition and activation.
//
// An [Entry] is what one server, its owner, has said of itself. It has a version that
// only the owner raises, so that entries can be handed on by anybody, in any order and
// any number of times: a [Map] keeps the newest of each owner, and two maps that have
// seen the same entries are the same. Merging is commutative, associative and
// idempotent.
//
// All of it is belief. Who asks a server because of what stands here may find that it
// was wrong: only the owner's store decides. [Map.Doubt] notes that, until the owner
// speaks again (decision L22).
package inventory

import (
	"bytes"
	"cmp"

	"github.com/tslab/tslab/wire/token"
)

// Version orders what an owner has said. Start is raised by every start of the owner's
// program, Count by everything that it says.
type Version struct{ Start, Count uint64 }

// Compare is negative when v is older than w, 0 when they are the same.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Start, w.Start), cmp.Compare(v.Count, w.Count))
}

// Pool is all key packs of a kind and product version on one license server.
type Pool struct {
	Kind    token.Kind
	Product token.Version
	Total   uint32
	Free    uint32
}

// ComparePools orders pools as they stand in an entry.
func ComparePools(p, q Pool) int {
	return cmp.Or(cmp.Compare(p.Kind, q.Kind), cmp.Compare(p.Product.Major, q.Product.Major), cmp.Compare(p.Product.Minor, q.Product.Minor))
}

// Entry is what a license server has said of itself.
type Entry struct {
	Owner     string // of whom it is: an id that belongs to one state folder; never empty
	Version   Version
	Name      string // host name
	ServerID  string // License Server ID; empty when not activated
	Address   string // host:port of the license server protocol
	Edition   string // "w2k-rtm", "w2k-sp3", "ws2003"
	Scope     string // "enterprise", "domain", "workgroup"
	Site      string // of a domain's machine; empty where there are none
	Activated bool
	Pools     []Pool // by kind, then product version
}

// Free is how many licenses of a kind and product version the owner has left, by what
// it says.
func (e *Entry) Free(kind token.Kind, product token.Version) (n uint32) {
	for _, p := range e.Pools {
		if p.Kind == kind && p.Product == product {
			n += p.Free
		}
	}
	return n
}

// compare orders two entries of one owner. Those of one version differ only when two
// servers have one state folder; then one of the two wins everywhere.
func compare(a, b *Entry) int {
	if c := a.Version.Compare(b.Version); c != 0 {
		return c
	}
	return bytes.Compare(Append(nil, *a), Append(nil, *b))
}

// Urgent reports whether the others must learn at once of the change from one of an
// owner's entries to the next: a pool that runs empty or fills, one that comes or
// goes, anything but the counts (decision L20).
func Urgent(before, after Entry) bool {
	if len(before.Pools) != len(after.Pools) {
		return true
	}
	for i, p := range before.Pools {
		q := after.Pools[i]
		if p.Kind != q.Kind || p.Product != q.Product || p.Total != q.Total || (p.Free == 0) != (q.Free == 0) {
			return true
		}
	}
	return !sameServer(&before, &after)
}

// Same reports whether two entries say the same, whatever their versions.
func Same(a, b Entry) bool {
	a.Version, b.Version = Version{}, Version{}
	return compare(&a, &b) == 0
}

func sameServer(a, b *Entry) bool {
	return a.Owner == b.Owner && a.Name == b.Name && a.ServerID == b.ServerID && a.Address == b.Address &&
		a.Edition == b.Edition && a.Scope == b.Scope && a.Site == b.Site && a.Activated == b.Activated
}
