package rdp

import (
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// Bodies of the share data PDUs of connection finalization, 2.2.1.14 to 2.2.1.22.

// ControlAction is what a control PDU asks for or grants, 2.2.1.15.1.
type ControlAction uint16

// The actions.
const (
	ControlRequest   ControlAction = 1
	ControlGranted   ControlAction = 2
	ControlDetach    ControlAction = 3
	ControlCooperate ControlAction = 4
)

// Control is a control PDU's body, 2.2.1.15.1.
type Control struct {
	Action    ControlAction
	GrantID   uint16
	ControlID uint32
}

// Append is the body.
func (m Control) Append(b []byte) []byte {
	w := cursor.NewWriter(b)
	w.U16(uint16(m.Action))
	w.U16(m.GrantID)
	w.U32(m.ControlID)
	return w.Bytes()
}

// ParseControl reads the body.
func ParseControl(body []byte) (Control, error) {
	r := cursor.NewReader(body)
	m := Control{ControlAction(r.U16("action")), r.U16("grantId"), r.U32("controlId")}
	if err := r.End(); err != nil {
		return Control{}, fmt.Errorf("control: %w", err)
	}
	return m, nil
}

const syncMessage = 1

// AppendSynchronize is a synchronize PDU's body for the user with that channel, 2.2.1.14.1.
func AppendSynchronize(b []byte, target uint16) []byte {
	w := cursor.NewWriter(b)
	w.U16(syncMessage)
	w.U16(target)
	return w.Bytes()
}

// ParseSynchronize reads the body.
func ParseSynchronize(body []byte) (target uint16, err error) {
	r := cursor.NewReader(body)
	if t := r.U16("messageType"); r.Err() == nil && t != syncMessage {
		return 0, fmt.Errorf("synchronize: messageType %d, want 1", t)
	}
	target = r.U16("targetUser")
	if err := r.End(); err != nil {
		return 0, fmt.Errorf("synchronize: %w", err)
	}
	return target, nil
}

const (
	fontFirst    = 1
	fontLast     = 2
	fontListSize = 0x32
	fontMapSize  = 4
)

// AppendFontList is an empty font list, 2.2.1.18.1.
func AppendFontList(b []byte) []byte {
	return fontBody(b, fontFirst|fontLast, fontListSize)
}

// AppendFontMap is an empty font map, 2.2.1.22.1.
func AppendFontMap(b []byte) []byte {
	return fontBody(b, fontFirst|fontLast, fontMapSize)
}

func fontBody(b []byte, sequence, size uint16) []byte {
	w := cursor.NewWriter(b)
	w.U32(0) // both numbers of fonts
	w.U16(sequence)
	w.U16(size)
	return w.Bytes()
}

// ParseErrorInfo reads a set error info PDU's body, 2.2.5.1.1.
func ParseErrorInfo(body []byte) (uint32, error) {
	r := cursor.NewReader(body)
	code := r.U32("errorInfo")
	if err := r.End(); err != nil {
		return 0, fmt.Errorf("set error info: %w", err)
	}
	return code, nil
}

// AppendErrorInfo is the body.
func AppendErrorInfo(b []byte, code uint32) []byte {
	w := cursor.NewWriter(b)
	w.U32(code)
	return w.Bytes()
}

const (
	logonPlainNotify = 2
	logonPad         = 576
)

// AppendLogonNotify is a save session info PDU's body that says no more than that a
// user has logged on, 2.2.10.1.1.3.
func AppendLogonNotify(b []byte) []byte {
	w := cursor.NewWriter(b)
	w.U32(logonPlainNotify)
	w.Zero(logonPad)
	return w.Bytes()
}
