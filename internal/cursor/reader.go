// Package cursor reads and writes the little- and big-endian fields that the
// wire formats are made of. A [Reader] keeps its first error, so that a parser is
// a list of fields with one check at the end; a [Writer] appends.
//
// Only what every codec needs belongs here: no message, no checksum and no
// string encoding that a single protocol uses.
package cursor

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrTruncated is wrapped by every error of a read past the end.
var ErrTruncated = errors.New("truncated")

// ErrTrailing is wrapped by the error of [Reader.End] when bytes are left over.
var ErrTrailing = errors.New("trailing bytes")

// Reader takes fields off the front of a byte slice. After the first error every
// read returns zero values and [Reader.Err] says which field failed and where.
type Reader struct {
	buf []byte
	off int
	err error
}

// NewReader reads b, which must not change while the Reader or any slice that it
// returned is in use.
func NewReader(b []byte) *Reader { return &Reader{buf: b} }

// Err is the first error, or nil.
func (r *Reader) Err() error { return r.err }

// Offset is the number of bytes read so far.
func (r *Reader) Offset() int { return r.off }

// Len is the number of bytes not yet read; 0 after an error.
func (r *Reader) Len() int {
	if r.err != nil {
		return 0
	}
	return len(r.buf) - r.off
}

// Fail records an error about the named field unless there is one already.
func (r *Reader) Fail(field string, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("%s at offset %d: %w", field, r.off, err)
	}
}

// Failf is Fail with a formatted reason.
func (r *Reader) Failf(field, format string, args ...any) {
	r.Fail(field, fmt.Errorf(format, args...))
}

// Bytes takes n bytes. The result aliases the Reader's buffer.
func (r *Reader) Bytes(field string, n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.buf)-r.off {
		r.Failf(field, "%w: need %d bytes, have %d", ErrTruncated, n, len(r.buf)-r.off)
		return nil
	}
	b := r.buf[r.off : r.off+n : r.off+n]
	r.off += n
	return b
}

// Rest takes all that is left.
func (r *Reader) Rest(field string) []byte { return r.Bytes(field, r.Len()) }

// Skip drops n bytes.
func (r *Reader) Skip(field string, n int) { r.Bytes(field, n) }

// Peek shows the next byte without taking it; ok is false at the end.
func (r *Reader) Peek() (b byte, ok bool) {
	if r.Len() == 0 {
		return 0, false
	}
	return r.buf[r.off], true
}

// Copy fills dst.
func (r *Reader) Copy(field string, dst []byte) { copy(dst, r.Bytes(field, len(dst))) }

// U8 takes one byte.
func (r *Reader) U8(field string) uint8 {
	if b := r.Bytes(field, 1); b != nil {
		return b[0]
	}
	return 0
}

// U16 takes a little-endian 16-bit integer.
func (r *Reader) U16(field string) uint16 {
	if b := r.Bytes(field, 2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

// U32 takes a little-endian 32-bit integer.
func (r *Reader) U32(field string) uint32 {
	if b := r.Bytes(field, 4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// U64 takes a little-endian 64-bit integer.
func (r *Reader) U64(field string) uint64 {
	if b := r.Bytes(field, 8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// U16BE takes a big-endian 16-bit integer.
func (r *Reader) U16BE(field string) uint16 {
	if b := r.Bytes(field, 2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// U32BE takes a big-endian 32-bit integer.
func (r *Reader) U32BE(field string) uint32 {
	if b := r.Bytes(field, 4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// End is the error of the reads, or an error that wraps [ErrTrailing] when
// something was not read.
func (r *Reader) End() error {
	if r.err == nil && r.off < len(r.buf) {
		return fmt.Errorf("%w: %d at offset %d", ErrTrailing, len(r.buf)-r.off, r.off)
	}
	return r.err
}
