package rdp

import (
	"bytes"
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// What GCC puts before the data blocks (T.124, 2.2.1.3 and 2.2.1.4), as PER makes it.
var (
	gccKey          = []byte{0x00, 0x05, 0x00, 0x14, 0x7c, 0x00, 0x01}       // T.124's object identifier
	gccRequestHead  = []byte{0x00, 0x08, 0x00, 0x10, 0x00, 0x01, 0xc0, 0x00} // conference "1", user data
	gccResponseHead = []byte{0x14, 0x76, 0x0a, 0x01, 0x01, 0x00, 0x01, 0xc0, 0x00}
	gccClientKey    = []byte("Duca")
	gccServerKey    = []byte("McDn")
)

// gccResponseLen is the length that every server writes whatever the length is;
// rdesktop skips one byte there and no more.
const gccResponseLen = 0x2a

// Types of data blocks, 2.2.1.3.1.
const (
	csCore     = 0xc001
	csSecurity = 0xc002
	csNet      = 0xc003
	scCore     = 0x0c01
	scSecurity = 0x0c02
	scNet      = 0x0c03
)

const blockHeaderLen = 2 /* type */ + 2 /* length */

// appendGCCRequest wraps the client's blocks.
func appendGCCRequest(b, blocks []byte) []byte {
	w := cursor.NewWriter(b)
	w.Append(gccKey)
	size := 1
	if len(blocks) >= 0x80 {
		size = 2
	}
	appendPERLen(w, len(gccRequestHead)+len(gccClientKey)+size+len(blocks))
	w.Append(gccRequestHead)
	w.Append(gccClientKey)
	appendPERLen(w, len(blocks))
	w.Append(blocks)
	return w.Bytes()
}

// appendGCCResponse wraps the server's blocks.
func appendGCCResponse(b, blocks []byte) []byte {
	w := cursor.NewWriter(b)
	w.Append(gccKey)
	w.U8(gccResponseLen)
	w.Append(gccResponseHead)
	w.Append(gccServerKey)
	appendPERLen(w, len(blocks))
	w.Append(blocks)
	return w.Bytes()
}

// gccKeyField checks the object identifier at the front.
func gccKeyField(r *cursor.Reader) {
	if key := r.Bytes("GCC key", len(gccKey)); r.Err() == nil && !bytes.Equal(key, gccKey) {
		r.Failf("GCC key", "% x, want % x", key, gccKey)
	}
}

// h221 checks the key before the blocks and takes them.
func h221(r *cursor.Reader, want []byte) []byte {
	if key := r.Bytes("h221 key", len(want)); r.Err() == nil && !bytes.Equal(key, want) {
		r.Failf("h221 key", "%q, want %q", key, want)
	}
	return r.Bytes("data blocks", perLen(r, "data blocks' length"))
}

// parseGCCRequest returns the client's blocks. The connect PDU's own length says
// nothing that the packet's does not.
func parseGCCRequest(b []byte) ([]byte, error) {
	r := cursor.NewReader(b)
	gccKeyField(r)
	perLen(r, "connectPDU length")
	r.Skip("conference name", len(gccRequestHead))
	blocks := h221(r, gccClientKey)
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("GCC Conference Create Request: %w", err)
	}
	return blocks, nil
}

// parseGCCResponse returns the server's blocks. The connect PDU's length is to be
// ignored (2.2.1.4): one byte from most servers, two from some.
func parseGCCResponse(b []byte) ([]byte, error) {
	r := cursor.NewReader(b)
	gccKeyField(r)
	perLen(r, "connectPDU length")
	r.Skip("node, tag, result", len(gccResponseHead))
	blocks := h221(r, gccServerKey)
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("GCC Conference Create Response: %w", err)
	}
	return blocks, nil
}

// eachBlock calls f for every data block, and stops at its first error.
func eachBlock(blocks []byte, f func(kind uint16, body []byte) error) error {
	r := cursor.NewReader(blocks)
	for r.Len() > 0 {
		kind, length := r.U16("block type"), int(r.U16("block length"))
		if r.Err() == nil && length < blockHeaderLen {
			return fmt.Errorf("data block %#04x: length %d, want %d at least", kind, length, blockHeaderLen)
		}
		body := r.Bytes("block body", length-blockHeaderLen)
		if r.Err() != nil {
			return fmt.Errorf("data block %#04x: %w", kind, r.Err())
		}
		if err := f(kind, body); err != nil {
			return fmt.Errorf("data block %#04x: %w", kind, err)
		}
	}
	return r.End()
}

// appendBlock writes a block's header and body.
func appendBlock(w *cursor.Writer, kind uint16, body []byte) {
	w.U16(kind)
	w.U16(uint16(blockHeaderLen + len(body)))
	w.Append(body)
}
