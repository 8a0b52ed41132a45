package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
)

// Check walks the whole store and reports everything that does not hold: no pack
// has issued more than it has, a pack's count is that of its rows, a device
// holds one live row of a kind at most, and the indexes name exactly the rows that
// they should.
func (s *Store) Check() error {
	return s.View(func(tx *Tx) error {
		return errors.Join(check(tx)...)
	})
}

// check is [Store.Check], fault by fault: each is a [Violation], or says what cannot
// even be read.
func check(tx *Tx) []error {
	c := checker{
		tx:     tx,
		issued: map[uint32]uint32{},
		live:   map[deviceKind]uint32{},
		dates:  map[uint32]bool{},
	}
	c.run()
	return c.errs
}

type deviceKind struct {
	id   hwid.ID
	kind token.Kind
}

type checker struct {
	tx     *Tx
	issued map[uint32]uint32 // pack -> rows that count
	live   map[deviceKind]uint32
	dates  map[uint32]bool // rows that count and expire; a superseded one may have lapsed
	errs   []error
}

func (c *checker) fail(i Invariant, format string, args ...any) {
	c.errs = append(c.errs, &Violation{i, fmt.Errorf(format, args...)})
}

func (c *checker) run() {
	last := uint32(0)
	for l, err := range c.tx.Licenses(0) {
		if err != nil {
			c.errs = append(c.errs, err)
			continue
		}
		last = l.Number
		c.row(l)
	}
	if seq := c.tx.licenses.Sequence(); uint64(last) > seq {
		c.fail(Indexed, "row %d is above the last number given, %d", last, seq)
	}
	c.packs()
	c.devices()
	c.expiry()
}

func (c *checker) row(l License) {
	p, err := c.tx.Pack(l.Pack)
	if err != nil {
		c.fail(Summed, "%s: %w", l.ID, err)
		return
	}
	if p.Kind != l.Kind {
		c.fail(Summed, "%s is %v of key pack %s, which holds %v", l.ID, l.Kind, p.ID, p.Kind)
	}
	if !l.State.Counts() {
		return
	}
	c.issued[l.Pack]++
	c.date(l)
	if l.State == Superseded {
		return
	}
	key := deviceKind{l.HardwareID, l.Kind}
	if other, twice := c.live[key]; twice {
		c.fail(SingleRow, "device %v holds two live rows of kind %v: %d and %d", l.HardwareID, l.Kind, other, l.Number)
	}
	c.live[key] = l.Number
}

// date remembers what the expiry index must hold, or may hold of superseded rows.
func (c *checker) date(l License) {
	if !l.Expires.IsZero() {
		c.dates[l.Number] = true
		if l.State == Live && c.tx.expiry.Get(expiryKey(l.Expires, l.Number)) == nil {
			c.fail(Indexed, "%s is not in the expiry index", l.ID)
		}
	}
}

func (c *checker) packs() {
	packs, err := c.tx.Packs()
	if err != nil {
		c.errs = append(c.errs, err)
	}
	for _, p := range packs {
		if !p.Unlimited && p.Issued > p.Total {
			c.fail(Positive, "key pack %s has issued %d of %d", p.ID, p.Issued, p.Total)
		}
		if p.Issued != c.issued[p.Number] {
			c.fail(Summed, "key pack %s counts %d issued, its rows are %d", p.ID, p.Issued, c.issued[p.Number])
		}
	}
}

func (c *checker) devices() {
	cur := c.tx.devices.Cursor()
	for k, v := cur.First(); k != nil; k, v = cur.Next() {
		if len(k) != hwid.Size+1 || len(v) != 4 {
			c.fail(Indexed, "device index: entry %x has a wrong length", k)
			continue
		}
		key := deviceKind{hwid.ID(k[:hwid.Size]), token.Kind(k[hwid.Size])}
		n := binary.BigEndian.Uint32(v)
		if want, ok := c.live[key]; ok {
			if n != want {
				c.fail(Indexed, "device %v: index names row %d, live is %d", key.id, n, want)
			}
			delete(c.live, key)
			continue
		}
		l, err := c.tx.row(n)
		if err != nil || l.State != Expired || l.Kind != token.Temporary || l.HardwareID != key.id || key.kind != l.Kind {
			c.fail(Indexed, "device %v: index names row %d, which is not its expired temporary token (%v)", key.id, n, err)
		}
	}
	for key, n := range c.live {
		c.fail(Indexed, "device %v: live row %d of kind %v is not in the index", key.id, n, key.kind)
	}
}

func (c *checker) expiry() {
	cur := c.tx.expiry.Cursor()
	for k, _ := cur.First(); k != nil; k, _ = cur.Next() {
		_, n, err := splitExpiryKey(k)
		if err != nil {
			c.errs = append(c.errs, err)
			continue
		}
		if !c.dates[n] {
			c.fail(Indexed, "expiry index names row %d, which is not live with that date", n)
		}
		delete(c.dates, n)
	}
}
