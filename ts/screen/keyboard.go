package screen

import "unicode"

// KeyName is what a key means to a logon screen.
type KeyName uint8

// The keys.
const (
	None KeyName = iota
	Rune
	Backspace
	Tab
	Enter
	Escape
)

// Key is one key that was pressed.
type Key struct {
	Name KeyName
	Rune rune // of a Rune
	Caps bool // Caps Lock is on
}

// Keyboard turns the scancodes of a US keyboard (set 1, as MS-RDPBCGR 2.2.8.1.1.3.1.1.1
// carries them) into keys.
type Keyboard struct {
	shift   [2]bool // left, right
	command [4]bool // left and right Ctrl, left and right Alt: with one of them down, keys write nothing
	caps    bool
}

// Scancodes that are no letters.
const (
	scanEscape     = 0x01
	scanBackspace  = 0x0e
	scanTab        = 0x0f
	scanEnter      = 0x1c
	scanLeftShift  = 0x2a
	scanRightShift = 0x36
	scanSpace      = 0x39
	scanCapsLock   = 0x3a
	scanCtrl       = 0x1d
	scanAlt        = 0x38
)

// letters holds the keys of the US layout from scancode first on, plain and shifted.
type letters struct {
	first          uint8
	plain, shifted string
}

// layoutUS is the US keyboard's rows.
func layoutUS() []letters {
	return []letters{
		{0x02, "1234567890-=", "!@#$%^&*()_+"},
		{0x10, "qwertyuiop[]", "QWERTYUIOP{}"},
		{0x1e, "asdfghjkl;'`", "ASDFGHJKL:\"~"},
		{0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?"},
		{0x56, "\\", "|"},
		{0x47, "789-456+1230.", "789-456+1230."},
		{0x37, "*", "*"},
	}
}

// Sync takes the state of Caps Lock from the client.
func (k *Keyboard) Sync(caps bool) { *k = Keyboard{caps: caps} }

// Scan takes a scancode, down or up, and returns the key that was pressed, None
// when nothing was.
func (k *Keyboard) Scan(code uint8, extended, up bool) Key {
	if held := k.modifier(code, extended); held != nil {
		*held = !up
		return Key{Caps: k.caps}
	}
	if up || k.command != [4]bool{} {
		return Key{Caps: k.caps}
	}
	switch code {
	case scanCapsLock:
		k.caps = !k.caps
		return Key{Caps: k.caps}
	case scanEscape:
		return Key{Name: Escape, Caps: k.caps}
	case scanBackspace:
		return Key{Name: Backspace, Caps: k.caps}
	case scanTab:
		return Key{Name: Tab, Caps: k.caps}
	case scanEnter:
		return Key{Name: Enter, Caps: k.caps}
	case scanSpace:
		return Key{Name: Rune, Rune: ' ', Caps: k.caps}
	}
	return k.letter(code, extended)
}

// modifier is the state of a key that is held down with others, nil for other keys.
func (k *Keyboard) modifier(code uint8, extended bool) *bool {
	right := 0
	if extended {
		right = 1
	}
	switch {
	case code == scanLeftShift && !extended:
		return &k.shift[0]
	case code == scanLeftShift: // keyboards send it around extended keys; it is no shift
		return new(bool)
	case code == scanRightShift:
		return &k.shift[1]
	case code == scanCtrl:
		return &k.command[right]
	case code == scanAlt:
		return &k.command[2+right]
	}
	return nil
}

func (k *Keyboard) letter(code uint8, extended bool) Key {
	if extended && code != 0x35 { // of the extended keys only the slash of the keypad writes
		return Key{Caps: k.caps}
	}
	for _, row := range layoutUS() {
		i := int(code) - int(row.first)
		if i < 0 || i >= len(row.plain) {
			continue
		}
		r, shifted := rune(row.plain[i]), rune(row.shifted[i])
		shift := k.shift[0] || k.shift[1]
		if unicode.IsLetter(r) && k.caps {
			shift = !shift
		}
		if shift {
			r = shifted
		}
		return Key{Name: Rune, Rune: r, Caps: k.caps}
	}
	return Key{Caps: k.caps}
}
