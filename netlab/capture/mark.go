//go:build linux

package capture

import "encoding/binary"

// A mark is a frame that a host sends so that the recorder can tell that everything
// the host sent before has been recorded. It goes to an address that bridges do not
// forward (IEEE 802.1Q table 8-1), under the type for local experiments, and is left
// out of the recording.
const (
	markHeader = "\x01\x80\xc2\x00\x00\x0f" + "\x02tslab" + "\x88\xb5" + "tslab mark"
	markLen    = len(markHeader) + 8
)

func appendMark(b []byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, markHeader...), n)
}

func parseMark(frame []byte) (n uint64, ok bool) {
	if len(frame) < markLen || string(frame[:len(markHeader)]) != markHeader {
		return 0, false
	}
	return binary.BigEndian.Uint64(frame[len(markHeader):markLen]), true
}
