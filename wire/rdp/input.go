package rdp

import (
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// InputKind is what an input event is about.
type InputKind uint8

// The kinds of input, 2.2.8.1.1.3.1.1.
const (
	InputSync InputKind = iota + 1
	InputKey
	InputUnicode
	InputMouse
	InputMouseX
	InputRefresh // not of the keyboard or mouse: the client asks to draw its screen again
)

// InputEvent is one event of the keyboard or the mouse, whichever path it came by.
type InputEvent struct {
	Kind  InputKind
	Flags uint16 // as on the slow path: KeyRelease, PointerDown, ...
	Code  uint16 // scan code or UTF-16 code unit; of InputSync the toggle keys
	X, Y  uint16 // of the mouse
}

// Flags of keyboard and pointer events, 2.2.8.1.1.3.1.1.1 and .3.
const (
	KeyExtended    uint16 = 0x0100
	KeyExtended1   uint16 = 0x0200
	KeyDown        uint16 = 0x4000 // was down before
	KeyRelease     uint16 = 0x8000
	PointerWheel   uint16 = 0x0200
	PointerMove    uint16 = 0x0800
	PointerButton1 uint16 = 0x1000
	PointerButton2 uint16 = 0x2000
	PointerButton3 uint16 = 0x4000
	PointerDown    uint16 = 0x8000
)

// Types of slow-path events, 2.2.8.1.1.3.1.1.
const (
	slowSync    = 0
	slowKey     = 4
	slowUnicode = 5
	slowMouse   = 0x8001
	slowMouseX  = 0x8002
)

const (
	maxInputEvents = 256
)

// AppendSlowInput is the body of a share data PDU of kind DataInput.
func AppendSlowInput(b []byte, events []InputEvent) []byte {
	w := cursor.NewWriter(b)
	w.U16(uint16(len(events)))
	w.U16(0)
	for _, e := range events {
		w.U32(0) // eventTime
		switch e.Kind {
		case InputKey:
			slowEvent(w, slowKey, e.Flags, e.Code, 0)
		case InputUnicode:
			slowEvent(w, slowUnicode, e.Flags, e.Code, 0)
		case InputMouse:
			slowEvent(w, slowMouse, e.Flags, e.X, e.Y)
		case InputMouseX:
			slowEvent(w, slowMouseX, e.Flags, e.X, e.Y)
		default:
			slowEvent(w, slowSync, 0, e.Code, 0)
		}
	}
	return w.Bytes()
}

func slowEvent(w *cursor.Writer, kind, a, b, c uint16) {
	for _, v := range []uint16{kind, a, b, c} {
		w.U16(v)
	}
}

// ParseSlowInput reads the body. Events of other kinds are left out.
func ParseSlowInput(body []byte) ([]InputEvent, error) {
	r := cursor.NewReader(body)
	n := r.U16("numEvents")
	r.U16("pad2Octets")
	if r.Err() == nil && n > maxInputEvents {
		return nil, fmt.Errorf("input: %d events, want at most %d", n, maxInputEvents)
	}
	var events []InputEvent
	for range n {
		r.U32("eventTime")
		kind, a, b, c := r.U16("messageType"), r.U16("flags"), r.U16("code or x"), r.U16("y")
		switch kind {
		case slowSync:
			events = append(events, InputEvent{Kind: InputSync, Code: b})
		case slowKey:
			events = append(events, InputEvent{Kind: InputKey, Flags: a, Code: b})
		case slowUnicode:
			events = append(events, InputEvent{Kind: InputUnicode, Flags: a, Code: b})
		case slowMouse:
			events = append(events, InputEvent{Kind: InputMouse, Flags: a, X: b, Y: c})
		case slowMouseX:
			events = append(events, InputEvent{Kind: InputMouseX, Flags: a, X: b, Y: c})
		}
	}
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("input: %w", err)
	}
	return events, nil
}
