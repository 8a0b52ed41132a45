package licensing

import (
	"bytes"
	"unicode/utf16"

	"github.com/tslab/tslab/internal/cursor"
)

// appendANSI writes text and a NUL, a byte a character; what ISO 8859-1 lacks
// becomes a question mark.
func appendANSI(b []byte, text string) []byte {
	for _, c := range text {
		if c > 0xFF {
			c = '?'
		}
		b = append(b, byte(c))
	}
	return append(b, 0)
}

func parseANSI(b []byte) string {
	if end := bytes.IndexByte(b, 0); end >= 0 {
		b = b[:end]
	}
	text := make([]rune, len(b))
	for i, c := range b {
		text[i] = rune(c)
	}
	return string(text)
}

// appendUnicode writes a u32 count of bytes, and text in UTF-16LE with its NUL.
func appendUnicode(w *cursor.Writer, text string) {
	units := append(utf16.Encode([]rune(text)), 0)
	w.U32(uint32(2 * len(units)))
	for _, u := range units {
		w.U16(u)
	}
}

func parseUnicode(r *cursor.Reader, field string) string {
	b := parseCounted(r, field)
	if len(b)%2 != 0 {
		r.Failf(field, "%d bytes are no UTF-16 text", len(b))
		return ""
	}
	units := make([]uint16, 0, len(b)/2)
	for i := 0; i < len(b); i += 2 {
		u := uint16(b[i]) | uint16(b[i+1])<<8
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}

// parseCounted reads a u32 count and as many bytes.
func parseCounted(r *cursor.Reader, field string) []byte {
	n := r.U32(field)
	if r.Err() == nil && uint64(n) > uint64(r.Len()) {
		r.Failf(field, "%w: need %d bytes, have %d", cursor.ErrTruncated, n, r.Len())
		return nil
	}
	return r.Bytes(field, int(n))
}
