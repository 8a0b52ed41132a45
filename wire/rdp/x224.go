package rdp

import (
	"errors"
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// X224Code is the kind of an X.224 TPDU of class 0.
type X224Code uint8

// The kinds that RDP uses, X.224 section 13.
const (
	X224Request    X224Code = 0xe0 // Connection Request
	X224Confirm    X224Code = 0xd0 // Connection Confirm
	X224Disconnect X224Code = 0x80 // Disconnect Request
	X224Data       X224Code = 0xf0
)

const (
	x224FixedLen = 1 /* code */ + 2 /* dst-ref */ + 2 /* src-ref */ + 1 /* class or reason */
	x224DataLen  = 2
	x224EOT      = 0x80
	serverSrcRef = 0x1234
)

// ParseX224 takes a whole TPKT apart: the TPDU's kind and its content, which for
// Data is all that follows the header and for the others the variable part.
func ParseX224(packet []byte) (X224Code, []byte, error) {
	r := cursor.NewReader(packet)
	if v := r.U8("version"); r.Err() == nil && v != tpktVersion {
		return 0, nil, fmt.Errorf("TPKT version %d, want 3", v)
	}
	r.U8("reserved")
	if n := r.U16BE("length"); r.Err() == nil && int(n) != len(packet) {
		return 0, nil, fmt.Errorf("TPKT length %d in a packet of %d bytes", n, len(packet))
	}
	li := int(r.U8("LI"))
	code := X224Code(r.U8("TPDU code") & 0xf0)
	if r.Err() != nil {
		return 0, nil, fmt.Errorf("X.224: %w", r.Err())
	}
	if code == X224Data {
		eot := r.U8("EOT")
		if r.Err() == nil && (li != x224DataLen || eot != x224EOT) {
			return 0, nil, fmt.Errorf("X.224 Data: length %d and EOT %#x, want 2 and 0x80", li, eot)
		}
		return code, r.Rest("data"), r.End()
	}
	if code != X224Request && code != X224Confirm && code != X224Disconnect {
		return 0, nil, fmt.Errorf("X.224: TPDU code %#x is none that RDP uses", uint8(code))
	}
	if li < x224FixedLen {
		return 0, nil, fmt.Errorf("X.224: length %d, want %d at least", li, x224FixedLen)
	}
	r.Skip("references", x224FixedLen-1)
	variable := r.Bytes("variable part", li-x224FixedLen)
	if err := r.End(); err != nil {
		return 0, nil, fmt.Errorf("X.224: %w", err)
	}
	return code, variable, nil
}

var errX224TooLong = errors.New("X.224: variable part of more than 248 bytes")

// appendX224 is a TPKT with a TPDU that is not Data.
func appendX224(b []byte, code X224Code, srcRef uint16, variable []byte) ([]byte, error) {
	const maxVariable = 254 - x224FixedLen
	if len(variable) > maxVariable {
		return b, errX224TooLong
	}
	li := x224FixedLen + len(variable)
	b = appendTPKT(b, 1+li)
	b = append(b, byte(li), byte(code), 0, 0, byte(srcRef>>8), byte(srcRef), 0)
	return append(b, variable...), nil
}

// AppendX224Data is a TPKT with an X.224 Data TPDU around an MCS PDU.
func AppendX224Data(b, mcs []byte) []byte {
	b = appendTPKT(b, 1+x224DataLen+len(mcs))
	b = append(b, x224DataLen, byte(X224Data), x224EOT)
	return append(b, mcs...)
}

// AppendX224Disconnect is the packet by which rdesktop says good-bye.
func AppendX224Disconnect(b []byte) []byte {
	b = appendTPKT(b, 1+x224FixedLen)
	return append(b, x224FixedLen, byte(X224Disconnect), 0, 0, 0, 0, 0)
}
