package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
)

// The buckets.
//
//	meta      name -> value: format, name, seed, the server's identity, flags
//	packs     pack number -> pack row
//	licenses  license number -> license row
//	devices   hardware id, kind -> number of the row that speaks for the device
//	expiry    expiry date, license number -> nothing; of live rows that expire
var (
	bucketMeta     = []byte("meta")
	bucketPacks    = []byte("packs")
	bucketLicenses = []byte("licenses")
	bucketDevices  = []byte("devices")
	bucketExpiry   = []byte("expiry")
)

// Rows in the order of their numbers or dates fill their pages; a half would stay
// empty for ever.
const sequentialFill = 0.95

// Tx is a transaction: of Update it reads and writes, of View it reads.
type Tx struct {
	s                                      *Store
	meta, packs, licenses, devices, expiry *bbolt.Bucket
	wrote                                  bool
}

func (s *Store) newTx(b *bbolt.Tx) (*Tx, error) {
	tx := &Tx{
		s:        s,
		meta:     b.Bucket(bucketMeta),
		packs:    b.Bucket(bucketPacks),
		licenses: b.Bucket(bucketLicenses),
		devices:  b.Bucket(bucketDevices),
		expiry:   b.Bucket(bucketExpiry),
	}
	if tx.meta == nil || tx.packs == nil || tx.licenses == nil || tx.devices == nil || tx.expiry == nil {
		return nil, damaged(s.path, errors.New("a table is missing"))
	}
	tx.licenses.FillPercent = sequentialFill
	tx.expiry.FillPercent = sequentialFill
	return tx, nil
}

func numberKey(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

func deviceKey(id hwid.ID, kind token.Kind) []byte { return append(id[:], byte(kind)) }

// expiryKey sorts by time; flipping the sign bit sorts times before 1970 first.
func expiryKey(at time.Time, n uint32) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(at.Unix())^1<<63)
	return binary.BigEndian.AppendUint32(b, n)
}

func splitExpiryKey(k []byte) (at time.Time, n uint32, err error) {
	if len(k) != 8 /* seconds */ +4 /* number */ {
		return time.Time{}, 0, errors.New("license store: expiry key has a wrong length")
	}
	seconds := int64(binary.BigEndian.Uint64(k) ^ 1<<63)
	return time.Unix(seconds, 0).UTC(), binary.BigEndian.Uint32(k[8:]), nil
}

// LicenseID is the license id of row n: the lab's prefix, a tag of this store, the
// number.
func (s *Store) LicenseID(n uint32) string { return fmt.Sprintf("LAB-%s-%07d", s.tag, n) }

// number is LicenseID backwards; ok is false for an id of another store.
func (s *Store) number(id string) (n uint32, ok bool) {
	digits, found := strings.CutPrefix(id, "LAB-"+s.tag+"-")
	if !found {
		return 0, false
	}
	var v uint64
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' || v > math.MaxUint32 {
			return 0, false
		}
		v = v*10 + uint64(c-'0')
	}
	if v > math.MaxUint32 || s.LicenseID(uint32(v)) != id {
		return 0, false
	}
	return uint32(v), true
}

// row reads license n.
func (tx *Tx) row(n uint32) (License, error) {
	b := tx.licenses.Get(numberKey(n))
	if b == nil {
		return License{}, fmt.Errorf("license store: row %d is missing", n)
	}
	return tx.parse(n, b)
}

func (tx *Tx) parse(n uint32, b []byte) (License, error) {
	l, err := ParseLicense(b)
	if err != nil {
		return License{}, fmt.Errorf("license store: row %d: %w", n, err)
	}
	l.Number = n
	if l.Issuer == "" {
		l.ID = tx.s.LicenseID(n)
	}
	return l, nil
}

// License finds a row by its license id, in whatever state. A row that came from
// another server is found through [Tx.Device] only.
func (tx *Tx) License(id string) (l License, ok bool, err error) {
	n, ok := tx.s.number(id)
	if !ok || tx.licenses.Get(numberKey(n)) == nil {
		return License{}, false, nil
	}
	if l, err = tx.row(n); err != nil || l.ID != id {
		return License{}, false, err
	}
	return l, true, nil
}

// Device finds the row that speaks for a device and kind: the live one or, of
// temporary tokens, the last that expired.
func (tx *Tx) Device(id hwid.ID, kind token.Kind) (l License, ok bool, err error) {
	b := tx.devices.Get(deviceKey(id, kind))
	if b == nil {
		return License{}, false, nil
	}
	if len(b) != 4 {
		return License{}, false, fmt.Errorf("license store: index entry of device %v has a wrong length", id)
	}
	l, err = tx.row(binary.BigEndian.Uint32(b))
	return l, err == nil, err
}

// Licenses goes through the rows in the order of their numbers, beginning behind
// number after.
func (tx *Tx) Licenses(after uint32) iter.Seq2[License, error] {
	return func(yield func(License, error) bool) {
		if after == math.MaxUint32 {
			return
		}
		c := tx.licenses.Cursor()
		for k, v := c.Seek(numberKey(after + 1)); k != nil; k, v = c.Next() {
			if len(k) != 4 {
				yield(License{}, errors.New("license store: license key has a wrong length"))
				return
			}
			if !yield(tx.parse(binary.BigEndian.Uint32(k), v)) {
				return
			}
		}
	}
}

// After is the number to give to Licenses for a page that begins behind license id;
// the empty id is the beginning.
func (tx *Tx) After(id string) (uint32, bool) {
	if id == "" {
		return 0, true
	}
	if n, ok := tx.s.number(id); ok {
		return n, true
	}
	for l, err := range tx.Licenses(0) {
		if err == nil && l.ID == id {
			return l.Number, true
		}
	}
	return 0, false
}

// Due finds the live rows past their expiry at now, the oldest date first, at most
// limit.
func (tx *Tx) Due(now time.Time, limit int) ([]License, error) {
	var due []License
	c := tx.expiry.Cursor()
	for k, _ := c.First(); k != nil && len(due) < limit; k, _ = c.Next() {
		at, n, err := splitExpiryKey(k)
		if err != nil {
			return nil, err
		}
		if !now.After(at) {
			break
		}
		l, err := tx.row(n)
		if err != nil {
			return nil, err
		}
		due = append(due, l)
	}
	return due, nil
}

// NextExpiry is the date of the live row that expires first; ok is false when none
// does.
func (tx *Tx) NextExpiry() (at time.Time, ok bool) {
	k, _ := tx.expiry.Cursor().First()
	if k == nil {
		return time.Time{}, false
	}
	at, _, err := splitExpiryKey(k)
	return at, err == nil
}

// Pack reads the key pack with the store's number n.
func (tx *Tx) Pack(n uint32) (Pack, error) {
	b := tx.packs.Get(numberKey(n))
	if b == nil {
		return Pack{}, fmt.Errorf("license store: key pack %d is missing", n)
	}
	p, err := ParsePack(b)
	if err != nil {
		return Pack{}, fmt.Errorf("license store: key pack %d: %w", n, err)
	}
	p.Number = n
	return p, nil
}

// Packs lists the key packs in the order of their ids, the one in which licenses
// are taken from them; the server's own pools come last.
func (tx *Tx) Packs() ([]Pack, error) {
	var packs []Pack
	c := tx.packs.Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		if len(k) != 4 {
			return nil, errors.New("license store: key pack key has a wrong length")
		}
		p, err := tx.Pack(binary.BigEndian.Uint32(k))
		if err != nil {
			return nil, err
		}
		packs = append(packs, p)
	}
	slices.SortFunc(packs, func(a, b Pack) int {
		if a.Unlimited != b.Unlimited {
			if a.Unlimited {
				return 1
			}
			return -1
		}
		return strings.Compare(a.ID, b.ID)
	})
	return packs, nil
}

// CALIssuedEver reports whether this server has ever issued a permanent CAL.
func (tx *Tx) CALIssuedEver() bool { return tx.meta.Get(keyCALIssued) != nil }
