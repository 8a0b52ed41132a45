package rdp

import (
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
	"github.com/tslab/tslab/wire/rdpsec"
)

// Fields of a fast-path header's first byte, 2.2.8.1.2 and 2.2.9.1.2.
const (
	fastPathActionMask = 0x03
	fastPathAction     = 0x00
	fastPathSalted     = 0x40
	fastPathEncrypted  = 0x80
	fastPathEvents     = 0x3c // number of input events, if up to 15
	maxInlineEvents    = 15
)

// FastPath is the frame of a packet of the fast path, in either direction.
type FastPath struct {
	Events    uint8 // of input: the number in the header, 0 if it stands in front of the events
	Encrypted bool
	Salted    bool
	Signature [rdpsec.MACSize]byte // with Encrypted
	Data      []byte               // aliases what was parsed
}

// Append is the packet.
func (f FastPath) Append(b []byte) []byte {
	w := cursor.NewWriter(b)
	head := f.Events << 2 & fastPathEvents
	n := 1 + 2 + len(f.Data)
	if f.Encrypted {
		head |= fastPathEncrypted
		n += len(f.Signature)
	}
	if f.Salted {
		head |= fastPathSalted
	}
	w.U8(head)
	w.U16BE(uint16(n) | 0x8000)
	if f.Encrypted {
		w.Append(f.Signature[:])
	}
	w.Append(f.Data)
	return w.Bytes()
}

// ParseFastPath reads the frame of a whole packet.
func ParseFastPath(packet []byte) (FastPath, error) {
	var f FastPath
	r := cursor.NewReader(packet)
	head := r.U8("header")
	n := int(r.U8("length"))
	if n&0x80 != 0 {
		n = n&0x7f<<8 | int(r.U8("length"))
	}
	if r.Err() == nil && (head&fastPathActionMask != fastPathAction || n != len(packet)) {
		return f, fmt.Errorf("fast path: header %#02x and length %d in a packet of %d bytes", head, n, len(packet))
	}
	f.Events = head & fastPathEvents >> 2
	f.Salted = head&fastPathSalted != 0
	if f.Encrypted = head&fastPathEncrypted != 0; f.Encrypted {
		r.Copy("dataSignature", f.Signature[:])
	}
	f.Data = r.Rest("data")
	if err := r.End(); err != nil {
		return FastPath{}, fmt.Errorf("fast path: %w", err)
	}
	return f, nil
}

// Codes of fast-path updates, 2.2.9.1.2.1.
const (
	FastPathOrders  uint8 = 0
	FastPathBitmap  uint8 = 1
	FastPathPalette uint8 = 2
)

// Fragments of an update, 2.2.9.1.2.1.
const (
	FragmentSingle uint8 = 0
	FragmentLast   uint8 = 1
	FragmentFirst  uint8 = 2
	FragmentNext   uint8 = 3
)

const updateCompressed = 0x80

// FastPathUpdate is one update of a packet of output, 2.2.9.1.2.1.
type FastPathUpdate struct {
	Code     uint8
	Fragment uint8
	Data     []byte // of a bitmap or a palette: as ParseUpdate reads it; aliases what was parsed
}

// Append is the update.
func (u FastPathUpdate) Append(b []byte) []byte {
	w := cursor.NewWriter(b)
	w.U8(u.Code&0xf | u.Fragment&3<<4)
	w.U16(uint16(len(u.Data)))
	w.Append(u.Data)
	return w.Bytes()
}

// ParseFastPathUpdates reads the updates of a packet of output, decrypted.
func ParseFastPathUpdates(data []byte) ([]FastPathUpdate, error) {
	r := cursor.NewReader(data)
	var updates []FastPathUpdate
	for r.Len() > 0 {
		head := r.U8("updateHeader")
		if head&updateCompressed != 0 {
			return nil, fmt.Errorf("fast-path update %#02x: compressed, which was not agreed", head)
		}
		size := r.U16("size")
		u := FastPathUpdate{Code: head & 0xf, Fragment: head >> 4 & 3, Data: r.Bytes("updateData", int(size))}
		updates = append(updates, u)
	}
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("fast-path update: %w", err)
	}
	return updates, nil
}
