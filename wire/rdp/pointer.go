package rdp

import "github.com/tslab/tslab/internal/cursor"

const (
	pointerSystem  = 1
	pointerDefault = 0x00007f00
)

// AppendDefaultPointer is the body of a share data PDU of kind DataPointer that
// shows the client's own arrow, 2.2.9.1.1.4.3.
func AppendDefaultPointer(b []byte) []byte {
	w := cursor.NewWriter(b)
	w.U16(pointerSystem)
	w.U16(0)
	w.U32(pointerDefault)
	return w.Bytes()
}
