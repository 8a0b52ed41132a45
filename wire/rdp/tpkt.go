package rdp

import (
	"encoding/binary"
	"fmt"
)

// Lengths of a packet's frame.
const (
	tpktVersion    = 3
	tpktHeaderLen  = 1 /* version */ + 1 /* reserved */ + 2 /* length */
	dataHeaderLen  = tpktHeaderLen + 3                      /* X.224 Data */
	MaxPacket      = 1<<16 - 1
	maxFastPathLen = 1<<15 - 1
	MaxUserData    = 1<<14 - 1 // what one MCS SendData carries
)

// MinHeader is how many bytes of a packet PacketLen always needs.
const MinHeader = 2

// MaxHeader is how many bytes of a packet PacketLen needs at most.
const MaxHeader = tpktHeaderLen

// PacketLen finds the length of a packet, header included, from its first bytes:
// a TPKT (T.123 section 8) begins with 3, all else is the fast path (2.2.8.1.2).
// It is 0 while more bytes are needed, at most MaxHeader.
func PacketLen(head []byte) (n int, fastPath bool, err error) {
	if len(head) < MinHeader {
		return 0, false, nil
	}
	if head[0] == tpktVersion {
		if len(head) < tpktHeaderLen {
			return 0, false, nil
		}
		if n = int(binary.BigEndian.Uint16(head[2:])); n < dataHeaderLen {
			return 0, false, fmt.Errorf("TPKT length %d, want %d at least", n, dataHeaderLen)
		}
		return n, false, nil
	}
	if head[0]&fastPathActionMask != fastPathAction {
		return 0, false, fmt.Errorf("first byte %#02x begins neither a TPKT (03) nor a fast-path packet", head[0])
	}
	n, used := int(head[1]), 2
	if head[1]&0x80 != 0 {
		if len(head) < 3 {
			return 0, true, nil
		}
		n, used = int(binary.BigEndian.Uint16(head[1:]))&^0x8000, 3
	}
	if n <= used {
		return 0, true, fmt.Errorf("fast-path length %d, want more than the header's %d", n, used)
	}
	return n, true, nil
}

// appendTPKT starts a TPKT around body bytes that follow; body does not exceed
// MaxPacket-4 because every caller's content is limited below that.
func appendTPKT(b []byte, body int) []byte {
	b = append(b, tpktVersion, 0)
	return binary.BigEndian.AppendUint16(b, uint16(tpktHeaderLen+body))
}
