package rdp

import (
	"encoding/binary"
	"unicode/utf16"

	"github.com/tslab/tslab/internal/cursor"
)

// fixedUTF16 takes a field of n bytes whose last two are its terminator at the latest.
func fixedUTF16(r *cursor.Reader, field string, n int) string {
	b := r.Bytes(field, n)
	if b == nil {
		return ""
	}
	return decodeUTF16(b[:n-2])
}

// decodeUTF16 reads little-endian UTF-16 up to a zero unit or the end. A byte that
// is left over does not count.
func decodeUTF16(b []byte) string {
	units := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		u := binary.LittleEndian.Uint16(b)
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}

// encodeUTF16 writes s in at most limit units, without a terminator.
func encodeUTF16(s string, limit int) []byte {
	units := utf16.Encode([]rune(s))
	units = units[:min(len(units), limit)]
	b := make([]byte, 0, 2*len(units))
	for _, u := range units {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// decodeANSI reads bytes up to a zero as ISO 8859-1, the common part of the code
// pages of the West.
func decodeANSI(b []byte) string {
	r := make([]rune, 0, len(b))
	for _, c := range b {
		if c == 0 {
			break
		}
		r = append(r, rune(c))
	}
	return string(r)
}

// encodeANSI is decodeANSI's inverse; what it cannot write becomes a question mark.
func encodeANSI(s string) []byte {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			r = '?'
		}
		b = append(b, byte(r))
	}
	return b
}
