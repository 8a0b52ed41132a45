package licensing

import "github.com/tslab/tslab/internal/cursor"

// Flags is the second byte of the preamble: the protocol version in the low four
// bits, and ExtendedError.
type Flags uint8

// The flags of the preamble. Servers send Version3 alone: a server that announced
// ExtendedError made old clients crash.
const (
	Version2      Flags = 0x02 // RDP 4.0
	Version3      Flags = 0x03 // RDP 5.0 and later
	ExtendedError Flags = 0x80 // EXTENDED_ERROR_MSG_SUPPORTED: the blob of an ERROR_ALERT may be filled
)

// Preamble opens every licensing message, MS-RDPBCGR 2.2.1.12.1.1
// (LICENSE_PREAMBLE).
type Preamble struct {
	Type  Type
	Flags Flags
	Size  uint16 // wMsgSize, this preamble included
}

const (
	sizeOffset   = 1 /* bMsgType */ + 1 /* flags */
	preambleSize = sizeOffset + 2       /* wMsgSize */
)

// ParsePreamble reads the preamble alone: enough to say which message b is.
func ParsePreamble(b []byte) (Preamble, error) {
	r := cursor.NewReader(b)
	var p Preamble
	p.parse(r)
	return p, r.Err()
}

func (p Preamble) append(w *cursor.Writer) {
	w.U8(uint8(p.Type))
	w.U8(uint8(p.Flags))
	w.U16(p.Size)
}

func (p *Preamble) parse(r *cursor.Reader) {
	p.Type = Type(r.U8("bMsgType"))
	p.Flags = Flags(r.U8("flags"))
	p.Size = r.U16("wMsgSize")
}
