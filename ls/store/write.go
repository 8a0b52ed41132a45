package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tslab/tslab/wire/token"
)

func (tx *Tx) putLicense(l License) error {
	tx.wrote = true
	return tx.licenses.Put(numberKey(l.Number), AppendLicense(nil, l))
}

func (tx *Tx) putPack(p Pack) error {
	tx.wrote = true
	return tx.packs.Put(numberKey(p.Number), AppendPack(nil, p))
}

// NextNumber is the number that Issue gives next.
func (tx *Tx) NextNumber() uint32 { return uint32(tx.licenses.Sequence() + 1) }

// InstallPack adds a key pack, whose id must be new, and returns it with its number.
func (tx *Tx) InstallPack(p Pack) (Pack, error) {
	packs, err := tx.Packs()
	if err != nil {
		return Pack{}, err
	}
	for _, have := range packs {
		if have.ID == p.ID {
			return Pack{}, fmt.Errorf("%w: %s", ErrDuplicatePack, p.ID)
		}
	}
	for _, s := range []string{p.ID, p.Product, p.Program} {
		if len(s) > maxText {
			return Pack{}, fmt.Errorf("license store: key pack text of %d bytes: %w", len(s), ErrTextLength)
		}
	}
	tx.wrote = true
	n, err := tx.packs.NextSequence()
	if err != nil {
		return Pack{}, err
	}
	if n > math.MaxUint32 {
		return Pack{}, fmt.Errorf("license store: %d key packs are too many", n)
	}
	p.Number, p.Issued = uint32(n), 0
	p.Installed = wholeSecond(p.Installed)
	return p, tx.putPack(p)
}

// Issue takes a license from l.Pack for l's device and returns the row with its
// number and license id. The pack must have one free and the device must hold no
// live row of the kind.
func (tx *Tx) Issue(l License) (License, error) {
	if len(l.ID) > maxText || len(l.Issuer) > maxText {
		return License{}, fmt.Errorf("license store: license id or issuer: %w", ErrTextLength)
	}
	tx.wrote = true
	n, err := tx.licenses.NextSequence()
	if err != nil {
		return License{}, err
	}
	if n > math.MaxUint32 {
		return License{}, fmt.Errorf("license store: %d licenses are too many", n)
	}
	l.Number = uint32(n)
	if l.Issuer == "" {
		l.ID = tx.s.LicenseID(l.Number)
	}
	l.Machine, l.User = clip(l.Machine), clip(l.User)
	l.Issued, l.Expires = wholeSecond(l.Issued), wholeSecond(l.Expires)
	return tx.enliven(l)
}

// Revive makes an expired row live again, with the same license id and a new expiry.
func (tx *Tx) Revive(l License, expires time.Time) (License, error) {
	if l.State != Expired {
		return License{}, fmt.Errorf("%w: %s is %v, want expired", ErrState, l.ID, l.State)
	}
	l.Machine, l.User = clip(l.Machine), clip(l.User)
	l.Expires = wholeSecond(expires)
	l.Renewals++
	return tx.enliven(l)
}

// enliven counts l against its pack and enters it in the indexes.
func (tx *Tx) enliven(l License) (License, error) {
	p, err := tx.Pack(l.Pack)
	if err != nil {
		return License{}, err
	}
	if p.Free() == 0 {
		return License{}, fmt.Errorf("%w: %s", ErrPoolEmpty, p.ID)
	}
	held, ok, err := tx.Device(l.HardwareID, p.Kind)
	if err != nil {
		return License{}, err
	}
	if ok && held.State == Live {
		return License{}, fmt.Errorf("%w: %v has %s", ErrLiveRow, l.HardwareID, held.ID)
	}
	l.Kind, l.State = p.Kind, Live
	p.Issued++
	if err := tx.putPack(p); err != nil {
		return License{}, err
	}
	if err := tx.devices.Put(deviceKey(l.HardwareID, l.Kind), numberKey(l.Number)); err != nil {
		return License{}, err
	}
	if !l.Expires.IsZero() {
		if err := tx.expiry.Put(expiryKey(l.Expires, l.Number), nil); err != nil {
			return License{}, err
		}
	}
	if l.Kind == token.CAL && !tx.CALIssuedEver() {
		if err := tx.meta.Put(keyCALIssued, []byte{1}); err != nil {
			return License{}, err
		}
	}
	return l, tx.putLicense(l)
}

// Renew gives a live row a new expiry.
func (tx *Tx) Renew(l License, expires time.Time) (License, error) {
	if l.State != Live {
		return License{}, fmt.Errorf("%w: %s is %v, want active", ErrState, l.ID, l.State)
	}
	if err := tx.leaveExpiry(l); err != nil {
		return License{}, err
	}
	l.Machine, l.User = clip(l.Machine), clip(l.User)
	l.Expires = wholeSecond(expires)
	l.Renewals++
	if !l.Expires.IsZero() {
		if err := tx.expiry.Put(expiryKey(l.Expires, l.Number), nil); err != nil {
			return License{}, err
		}
	}
	return l, tx.putLicense(l)
}

// Validate marks a row, which may have expired meanwhile; doing it again changes
// nothing.
func (tx *Tx) Validate(l License) (License, error) {
	if l.Validated {
		return l, nil
	}
	l.Validated = true
	return l, tx.putLicense(l)
}

// Supersede says that the device of a live row has lost its license and is about to
// get another: the row no longer speaks for the device but still counts against its
// pack, until its expiry or until somebody returns it.
func (tx *Tx) Supersede(l License) (License, error) {
	if l.State != Live {
		return License{}, fmt.Errorf("%w: %s is %v, want active", ErrState, l.ID, l.State)
	}
	l.State = Superseded
	if err := tx.leaveDevice(l); err != nil {
		return License{}, err
	}
	return l, tx.putLicense(l)
}

// Lapse is for a row past its date whose license does not go back to the pool: it is
// superseded, and nothing is due for it any more.
func (tx *Tx) Lapse(l License) (License, error) {
	if !l.State.Counts() {
		return License{}, fmt.Errorf("%w: %s is %v", ErrState, l.ID, l.State)
	}
	if err := errors.Join(tx.leaveExpiry(l), tx.leaveDevice(l)); err != nil {
		return License{}, err
	}
	l.State = Superseded
	return l, tx.putLicense(l)
}

// Retire ends a row that counts: its license goes back to the pool. An expired
// temporary token goes on speaking for its device, so that it gets no second one; it
// can still be closed.
func (tx *Tx) Retire(l License, to State) (License, error) {
	lapsed := l.State == Expired && l.Kind == token.Temporary
	if to.Counts() || !l.State.Counts() && !(lapsed && to == Closed) {
		return License{}, fmt.Errorf("%w: %s is %v and cannot become %v", ErrState, l.ID, l.State, to)
	}
	if l.State.Counts() {
		if err := tx.uncount(l); err != nil {
			return License{}, err
		}
	}
	if to != Expired || l.Kind != token.Temporary {
		if err := tx.leaveDevice(l); err != nil {
			return License{}, err
		}
	}
	l.State = to
	return l, tx.putLicense(l)
}

// uncount takes a row out of its pack's count and out of the expiry index.
func (tx *Tx) uncount(l License) error {
	p, err := tx.Pack(l.Pack)
	if err != nil {
		return err
	}
	if p.Issued == 0 {
		return fmt.Errorf("license store: key pack %s has no license to take back", p.ID)
	}
	p.Issued--
	if err := tx.putPack(p); err != nil {
		return err
	}
	return tx.leaveExpiry(l)
}

func (tx *Tx) leaveExpiry(l License) error {
	if l.Expires.IsZero() {
		return nil
	}
	tx.wrote = true
	return tx.expiry.Delete(expiryKey(l.Expires, l.Number))
}

// leaveDevice removes the device's index entry if it is l's.
func (tx *Tx) leaveDevice(l License) error {
	key := deviceKey(l.HardwareID, l.Kind)
	if b := tx.devices.Get(key); len(b) != 4 || binary.BigEndian.Uint32(b) != l.Number {
		return nil
	}
	tx.wrote = true
	return tx.devices.Delete(key)
}

// wholeSecond is what a row and a certificate keep of a time.
func wholeSecond(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.Unix(t.Unix(), 0).UTC()
}

// clip shortens s to what a row holds, at a character's edge, and drops what is no
// UTF-8.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "")
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
