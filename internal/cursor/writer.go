package cursor

import "encoding/binary"

// Writer appends fields to a byte slice. The zero Writer is empty and ready.
type Writer struct{ buf []byte }

// NewWriter appends to b.
func NewWriter(b []byte) *Writer { return &Writer{buf: b} }

// Bytes is everything written, including what the Writer began with.
func (w *Writer) Bytes() []byte { return w.buf }

// Len is the length of Bytes.
func (w *Writer) Len() int { return len(w.buf) }

// Append adds b as it is.
func (w *Writer) Append(b []byte) { w.buf = append(w.buf, b...) }

// Zero adds n zero bytes.
func (w *Writer) Zero(n int) { w.buf = append(w.buf, make([]byte, n)...) }

// U8 adds one byte.
func (w *Writer) U8(v uint8) { w.buf = append(w.buf, v) }

// U16 adds a little-endian 16-bit integer.
func (w *Writer) U16(v uint16) { w.buf = binary.LittleEndian.AppendUint16(w.buf, v) }

// U32 adds a little-endian 32-bit integer.
func (w *Writer) U32(v uint32) { w.buf = binary.LittleEndian.AppendUint32(w.buf, v) }

// U64 adds a little-endian 64-bit integer.
func (w *Writer) U64(v uint64) { w.buf = binary.LittleEndian.AppendUint64(w.buf, v) }

// U16BE adds a big-endian 16-bit integer.
func (w *Writer) U16BE(v uint16) { w.buf = binary.BigEndian.AppendUint16(w.buf, v) }

// U32BE adds a big-endian 32-bit integer.
func (w *Writer) U32BE(v uint32) { w.buf = binary.BigEndian.AppendUint32(w.buf, v) }

// SetU16 overwrites the little-endian 16-bit integer at offset off, which must
// have been written before: how a length that is known only later is filled in.
func (w *Writer) SetU16(off int, v uint16) { binary.LittleEndian.PutUint16(w.buf[off:], v) }

// SetU16BE is SetU16 for a big-endian integer.
func (w *Writer) SetU16BE(off int, v uint16) { binary.BigEndian.PutUint16(w.buf[off:], v) }
