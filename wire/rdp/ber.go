package rdp

import (
	"github.com/tslab/tslab/internal/cursor"
)

// The little of BER (X.690) and of aligned PER (X.691) that MCS and GCC use.

const (
	berBoolean    = 0x01
	berInteger    = 0x02
	berOctets     = 0x04
	berEnumerated = 0x0a
	berSequence   = 0x30
)

// berLen reads a length in the definite form, up to 2 bytes of it.
func berLen(r *cursor.Reader, field string) int {
	n := r.U8(field)
	switch {
	case n < 0x80:
		return int(n)
	case n == 0x81:
		return int(r.U8(field))
	case n == 0x82:
		return int(r.U16BE(field))
	}
	r.Failf(field, "length form %#x, want at most two bytes", n)
	return 0
}

// berTag reads a tag of one byte and the length after it.
func berTag(r *cursor.Reader, field string, tag uint8) int {
	if t := r.U8(field); r.Err() == nil && t != tag {
		r.Failf(field, "tag %#02x, want %#02x", t, tag)
	}
	return berLen(r, field)
}

// berUint reads an INTEGER or an ENUMERATED that is not negative.
func berUint(r *cursor.Reader, field string, tag uint8) uint32 {
	n := berTag(r, field, tag)
	if r.Err() == nil && (n < 1 || n > 5) {
		r.Failf(field, "integer of %d bytes, want 1 to 5", n)
	}
	var v uint64
	for _, c := range r.Bytes(field, n) {
		v = v<<8 | uint64(c)
	}
	if v > 1<<32-1 {
		r.Failf(field, "integer %d does not fit 32 bits", v)
		return 0
	}
	return uint32(v)
}

// appendBERLen writes the shortest form.
func appendBERLen(w *cursor.Writer, n int) {
	switch {
	case n < 0x80:
		w.U8(uint8(n))
	case n < 0x100:
		w.U8(0x81)
		w.U8(uint8(n))
	default:
		w.U8(0x82)
		w.U16BE(uint16(n))
	}
}

// appendBERUint writes an INTEGER in the fewest bytes that keep it positive.
func appendBERUint(w *cursor.Writer, v uint32) {
	n := 1
	for n < 5 && uint64(v)>>(8*n-1) != 0 {
		n++
	}
	w.U8(berInteger)
	w.U8(uint8(n))
	for i := n - 1; i >= 0; i-- {
		w.U8(uint8(uint64(v) >> (8 * i)))
	}
}

// appendBEROctets writes an OCTET STRING.
func appendBEROctets(w *cursor.Writer, b []byte) {
	w.U8(berOctets)
	appendBERLen(w, len(b))
	w.Append(b)
}

// perLen reads a length determinant: one byte below 128, else 14 bits in two.
// The upper of these bits is a fragment's, which RDP never uses.
func perLen(r *cursor.Reader, field string) int {
	n := r.U8(field)
	if n&0x80 == 0 {
		return int(n)
	}
	if n&0x40 != 0 {
		r.Failf(field, "fragmented length %#02x", n)
		return 0
	}
	return int(n&0x3f)<<8 | int(r.U8(field))
}

// appendPERLen writes n, at most MaxUserData, in the shortest form.
func appendPERLen(w *cursor.Writer, n int) {
	if n < 0x80 {
		w.U8(uint8(n))
		return
	}
	w.U16BE(uint16(n) | 0x8000)
}
