package inventory

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tslab/tslab/internal/cursor"
	"github.com/tslab/tslab/wire/token"
)

// Limits of an encoded entry. Longer texts are cut when they are written.
const (
	MaxText  = 255 // bytes
	MaxPools = 255
)

// format is the first byte of an entry; another is another program's.
const format = 1

const activatedFlag = 0x01

var (
	errFormat = errors.New("unknown format")
	errOwner  = errors.New("the entry does not say of whom it is")
	errUTF8   = errors.New("not UTF-8")
	errFlags  = errors.New("unknown flags")
)

// Append adds the entry's encoding to b. Integers are little-endian:
//
//	u8 format, 1
//	u8 flags, bit 0: activated
//	u64 start, u64 count                   the version
//	text owner, name, server id, address, edition, scope, site
//	u8 number of pools, then each: u8 kind, u16 major, u16 minor, u32 total, u32 free
//
// A text is its length in one byte and that many bytes of UTF-8.
func Append(b []byte, e Entry) []byte {
	w := cursor.NewWriter(b)
	w.U8(format)
	if e.Activated {
		w.U8(activatedFlag)
	} else {
		w.U8(0)
	}
	w.U64(e.Version.Start)
	w.U64(e.Version.Count)
	for _, s := range []string{e.Owner, e.Name, e.ServerID, e.Address, e.Edition, e.Scope, e.Site} {
		s = cut(s)
		w.U8(uint8(len(s)))
		w.Append([]byte(s))
	}
	pools := e.Pools[:min(len(e.Pools), MaxPools)]
	w.U8(uint8(len(pools)))
	for _, p := range pools {
		w.U8(uint8(p.Kind))
		w.U16(p.Product.Major)
		w.U16(p.Product.Minor)
		w.U32(p.Total)
		w.U32(p.Free)
	}
	return w.Bytes()
}

// cut makes a text one that an entry holds: UTF-8, and short, at a character's edge.
func cut(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= MaxText {
		return s
	}
	n := MaxText
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// Parse reads one entry and nothing behind it.
func Parse(b []byte) (Entry, error) {
	r := cursor.NewReader(b)
	e := Read(r)
	if err := r.End(); err != nil {
		return Entry{}, fmt.Errorf("inventory: %w", err)
	}
	return e, nil
}

// Read takes an entry off the reader, whose error says whether it is one.
func Read(r *cursor.Reader) (e Entry) {
	if r.U8("format") != format {
		r.Fail("format", errFormat)
	}
	flags := r.U8("flags")
	if flags&^activatedFlag != 0 {
		r.Fail("flags", errFlags)
	}
	e.Activated = flags&activatedFlag != 0
	e.Version = Version{Start: r.U64("start"), Count: r.U64("count")}
	for _, f := range []struct {
		name string
		v    *string
	}{{"owner", &e.Owner}, {"name", &e.Name}, {"server id", &e.ServerID}, {"address", &e.Address},
		{"edition", &e.Edition}, {"scope", &e.Scope}, {"site", &e.Site}} {
		text := r.Bytes(f.name, int(r.U8(f.name)))
		if !utf8.Valid(text) {
			r.Fail(f.name, errUTF8)
		}
		*f.v = string(text)
	}
	if e.Owner == "" {
		r.Fail("owner", errOwner)
	}
	for range r.U8("pools") {
		e.Pools = append(e.Pools, Pool{
			Kind:    token.Kind(r.U8("kind")),
			Product: token.Version{Major: r.U16("major"), Minor: r.U16("minor")},
			Total:   r.U32("total"),
			Free:    r.U32("free"),
		})
	}
	return e
}
