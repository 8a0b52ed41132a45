// Package transport carries wire/tsls messages in frames over TLS 1.3. One
// connection serves any number of calls at once; answers find their calls by the
// request id of the frame. wire/tsls describes the bytes.
//
// Deadlines here are elapsed time: a calendar that jumps times out no call.
package transport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/tslab/tslab/internal/tamper"
	"github.com/tslab/tslab/wire/tsls"
)

// headLen is the length of what precedes a message in its frame.
const headLen = 4 /* length of the message */ + 4 /* request id */

// ErrFrame is wrapped by errors of frames that break a limit.
var ErrFrame = errors.New("bad frame")

// appendFrame adds the frame of a message to b.
func appendFrame(b []byte, id uint32, m tsls.Message) ([]byte, error) {
	start := len(b)
	b = append(b, make([]byte, headLen)...)
	b, err := tsls.Append(b, m)
	if err != nil {
		return b[:start], err
	}
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-headLen))
	binary.LittleEndian.PutUint32(b[start+4:], id)
	return b, nil
}

// tamperedFrames are the frames that are sent in place of one, by the faults of a lab.
func tamperedFrames(t *tamper.Table, frame []byte) [][]byte {
	return t.Pass(tamper.Sent, messageName(frame[headLen:]), frame, headLen+1)
}

// messageName is how a fault names the message.
func messageName(message []byte) func() string {
	return func() string { return "tsls." + tsls.Type(message[0]).String() }
}

// readFrame reads a frame whose message has at most limit bytes. Memory grows as
// bytes come in, so that a length without its bytes costs none.
func readFrame(r io.Reader, limit int) (id uint32, message []byte, err error) {
	var head [headLen]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	id = binary.LittleEndian.Uint32(head[4:])
	if n == 0 || uint64(n) > uint64(limit) {
		return id, nil, fmt.Errorf("%w: message of %d bytes, want 1 to %d", ErrFrame, n, limit)
	}
	var buf bytes.Buffer
	if _, err := io.CopyN(&buf, r, int64(n)); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return id, nil, err
	}
	return id, buf.Bytes(), nil
}
