package rdp

// InputKind is what an input event is about.
type InputKind uint8

// The kinds of input, 2.2.8.1.1.3.1.1.
const (
	InputSync InputKind = iota + 1
	InputKey
	InputUnicode
	InputMouse
	InputMouseX
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
	KeyDown        uint16 = 0x4000
	KeyRelease     uint16 = 0x8000
	PointerWheel   uint16 = 0x0200
	PointerMove    uint16 = 0x0800
	PointerButton1 uint16 = 0x1000
	PointerButton2 uint16 = 0x2000
	PointerButton3 uint16 = 0x4000
	PointerDown    uint16 = 0x8000
)
