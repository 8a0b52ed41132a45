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
	shift [2]bool // left, right
	caps  bool
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
func (k *Keyboard) Sync(caps bool) { k.shift, k.caps = [2]bool{}, caps }

// Scan takes a scancode, down or up, and returns the key that was pressed, None
// when nothing was.
func (k *Keyboard) Scan(code uint8, extended, up bool) Key {
	switch {
	case code == scanLeftShift && !extended:
		k.shift[0] = !up
		return Key{Caps: k.caps}
	case code == scanRightShift:
		k.shift[1] = !up
		return Key{Caps: k.caps}
	case up:
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
