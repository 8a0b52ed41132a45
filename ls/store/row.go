package store

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/tslab/tslab/internal/cursor"
	"github.com/tslab/tslab/wire/token"
)

// The row formats. Integers are variable-length (the shortest form only), times are
// seconds since 1970, strings carry their length. A row in an unknown version is an
// error: an older program must not guess.
const rowVersion = 1

// maxText bounds a string in a row; longer ones are cut by the server that makes
// the row, at a character's edge.
const maxText = 255

const (
	rowStateMask = 0x07
	rowValidated = 0x08
	rowForeign   = 0x10 // ID and Issuer follow
	rowExpires   = 0x20
	rowFlags     = 0x3f
	packEndless  = 0x01
)

var (
	errRowVersion = errors.New("unknown row version")
	errVarint     = errors.New("not the shortest form, or too large")
	errFlags      = errors.New("unknown flags")
	errRange      = errors.New("out of range")
)

// AppendLicense appends the row of l, without its number, which is the key.
func AppendLicense(b []byte, l License) []byte {
	flags := byte(l.State) & rowStateMask
	if l.Validated {
		flags |= rowValidated
	}
	if l.Issuer != "" {
		flags |= rowForeign
	}
	if !l.Expires.IsZero() {
		flags |= rowExpires
	}
	b = append(b, rowVersion, flags, byte(l.Kind))
	b = binary.AppendUvarint(b, uint64(l.Pack))
	b = append(b, l.HardwareID[:]...)
	b = binary.AppendUvarint(b, uint64(l.Renewals))
	b = binary.AppendVarint(b, l.Issued.Unix())
	if flags&rowExpires != 0 {
		b = binary.AppendVarint(b, l.Expires.Unix())
	}
	b = appendText(b, l.Machine)
	b = appendText(b, l.User)
	if flags&rowForeign != 0 {
		b = appendText(b, l.ID)
		b = appendText(b, l.Issuer)
	}
	return b
}

// ParseLicense reads a row of AppendLicense. Number and, unless the row came from
// elsewhere, ID are left for the caller, who has the key.
func ParseLicense(b []byte) (License, error) {
	r := cursor.NewReader(b)
	version(r)
	flags := r.U8("flags")
	if flags&^rowFlags != 0 || State(flags&rowStateMask) > Superseded {
		r.Fail("flags", errFlags)
	}
	l := License{State: State(flags & rowStateMask), Validated: flags&rowValidated != 0}
	l.Kind = token.Kind(r.U8("kind"))
	l.Pack = uvarint32(r, "pack")
	r.Copy("hardware id", l.HardwareID[:])
	l.Renewals = uvarint32(r, "renewals")
	l.Issued = moment(r, "issued")
	if flags&rowExpires != 0 {
		if l.Expires = moment(r, "expires"); l.Expires.IsZero() {
			r.Fail("expires", errRange)
		}
	}
	l.Machine = text(r, "machine")
	l.User = text(r, "user")
	if flags&rowForeign != 0 {
		l.ID = text(r, "license id")
		if l.Issuer = text(r, "issuer"); l.Issuer == "" {
			r.Fail("issuer", errRange)
		}
	}
	if err := r.End(); err != nil {
		return License{}, err
	}
	return l, nil
}

// AppendPack appends the row of p, without its number, which is the key.
func AppendPack(b []byte, p Pack) []byte {
	var flags byte
	if p.Unlimited {
		flags |= packEndless
	}
	b = append(b, rowVersion, flags, byte(p.Kind))
	b = appendText(b, p.ID)
	b = appendText(b, p.Product)
	b = appendText(b, p.Program)
	b = binary.AppendUvarint(b, uint64(p.Major))
	b = binary.AppendUvarint(b, uint64(p.Minor))
	b = binary.AppendUvarint(b, uint64(p.Total))
	b = binary.AppendUvarint(b, uint64(p.Issued))
	return binary.AppendVarint(b, p.Installed.Unix())
}

// ParsePack reads a row of AppendPack.
func ParsePack(b []byte) (Pack, error) {
	r := cursor.NewReader(b)
	version(r)
	flags := r.U8("flags")
	if flags&^packEndless != 0 {
		r.Fail("flags", errFlags)
	}
	p := Pack{Unlimited: flags&packEndless != 0, Kind: token.Kind(r.U8("kind"))}
	p.ID = text(r, "key pack id")
	p.Product = text(r, "product")
	p.Program = text(r, "program")
	p.Major = uvarint16(r, "major version")
	p.Minor = uvarint16(r, "minor version")
	p.Total = uvarint32(r, "total")
	p.Issued = uvarint32(r, "issued")
	p.Installed = moment(r, "installed")
	if err := r.End(); err != nil {
		return Pack{}, err
	}
	return p, nil
}

func version(r *cursor.Reader) {
	if v := r.U8("version"); v != rowVersion {
		r.Fail("version", errRowVersion)
	}
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func text(r *cursor.Reader, field string) string {
	n := uvarint(r, field)
	if n > maxText {
		r.Fail(field, ErrTextLength)
		return ""
	}
	return string(r.Bytes(field, int(n)))
}

// uvarint reads an integer of binary.AppendUvarint and refuses any but its shortest
// form, so that a row has one encoding only.
func uvarint(r *cursor.Reader, field string) uint64 {
	var v uint64
	for shift := 0; ; shift += 7 {
		c := r.U8(field)
		if r.Err() != nil {
			return 0
		}
		if shift == 63 && c > 1 || c == 0 && shift > 0 {
			r.Fail(field, errVarint)
			return 0
		}
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
}

func uvarint32(r *cursor.Reader, field string) uint32 {
	v := uvarint(r, field)
	if v > 1<<32-1 {
		r.Fail(field, errRange)
		return 0
	}
	return uint32(v)
}

func uvarint16(r *cursor.Reader, field string) uint16 {
	v := uvarint(r, field)
	if v > 1<<16-1 {
		r.Fail(field, errRange)
		return 0
	}
	return uint16(v)
}

// A row's years: the ones that a certificate can carry.
var (
	firstMoment = time.Time{}.Unix()
	lastMoment  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
)

func moment(r *cursor.Reader, field string) time.Time {
	v := uvarint(r, field)
	seconds := int64(v>>1) ^ -int64(v&1) // zigzag, as binary.AppendVarint
	if seconds < firstMoment || seconds > lastMoment {
		r.Fail(field, errRange)
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
