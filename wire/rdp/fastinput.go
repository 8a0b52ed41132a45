package rdp

import (
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// Codes of fast-path input events, 2.2.8.1.2.2.
const (
	fastKey     = 0
	fastMouse   = 1
	fastMouseX  = 2
	fastSync    = 3
	fastUnicode = 4
	fastQoE     = 6
)

// Flags of fast-path keyboard events, 2.2.8.1.2.2.1.
const (
	fastRelease   = 1
	fastExtended  = 2
	fastExtended1 = 4
)

// AppendFastInput is the content of a fast-path packet of input, and the number of
// events for its header: 0 if it had to be put in front of the events.
func AppendFastInput(b []byte, events []InputEvent) ([]byte, uint8) {
	w := cursor.NewWriter(b)
	n := uint8(len(events))
	if len(events) > maxInlineEvents {
		w.U8(n)
		n = 0
	}
	for _, e := range events {
		switch e.Kind {
		case InputKey:
			w.U8(fastKey<<5 | keyFlags(e.Flags))
			w.U8(uint8(e.Code))
		case InputUnicode:
			w.U8(fastUnicode<<5 | keyFlags(e.Flags))
			w.U16(e.Code)
		case InputMouse:
			w.U8(fastMouse << 5)
			mouse(w, e)
		case InputMouseX:
			w.U8(fastMouseX << 5)
			mouse(w, e)
		default:
			w.U8(fastSync<<5 | uint8(e.Code)&0x1f)
		}
	}
	return w.Bytes(), n
}

func mouse(w *cursor.Writer, e InputEvent) {
	w.U16(e.Flags)
	w.U16(e.X)
	w.U16(e.Y)
}

// keyFlags turns slow-path flags to fast-path ones, slowFlags does the reverse.
func keyFlags(slow uint16) (f uint8) {
	if slow&KeyRelease != 0 {
		f |= fastRelease
	}
	if slow&KeyExtended != 0 {
		f |= fastExtended
	}
	if slow&KeyExtended1 != 0 {
		f |= fastExtended1
	}
	return f
}

func slowFlags(fast uint8) (f uint16) {
	if fast&fastRelease != 0 {
		f |= KeyRelease
	}
	if fast&fastExtended != 0 {
		f |= KeyExtended
	}
	if fast&fastExtended1 != 0 {
		f |= KeyExtended1
	}
	return f
}

// ParseFastInput reads the content of a fast-path packet of input, decrypted, with
// the number of events from its header.
func ParseFastInput(data []byte, n uint8) ([]InputEvent, error) {
	r := cursor.NewReader(data)
	if n == 0 {
		n = r.U8("numEvents")
	}
	var events []InputEvent
	for range n {
		head := r.U8("eventHeader")
		flags := slowFlags(head & 0x1f)
		switch head >> 5 {
		case fastKey:
			events = append(events, InputEvent{Kind: InputKey, Flags: flags, Code: uint16(r.U8("keyCode"))})
		case fastUnicode:
			events = append(events, InputEvent{Kind: InputUnicode, Flags: flags, Code: r.U16("unicodeCode")})
		case fastMouse:
			events = append(events, InputEvent{Kind: InputMouse, Flags: r.U16("pointerFlags"), X: r.U16("xPos"), Y: r.U16("yPos")})
		case fastMouseX:
			events = append(events, InputEvent{Kind: InputMouseX, Flags: r.U16("pointerFlags"), X: r.U16("xPos"), Y: r.U16("yPos")})
		case fastSync:
			events = append(events, InputEvent{Kind: InputSync, Code: uint16(head & 0x1f)})
		case fastQoE:
			r.U32("timestamp")
		default:
			return nil, fmt.Errorf("fast-path input: event code %d", head>>5)
		}
	}
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("fast-path input: %w", err)
	}
	return events, nil
}
