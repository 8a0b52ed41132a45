package screen

import (
	"image"
	"strings"
	"testing"
)

// scans is a scancode a byte for each key of a US keyboard that types s.
func typed(t *testing.T, k *Keyboard, s string) []Key {
	t.Helper()
	var keys []Key
	for _, r := range s {
		code, shift := scancode(t, r)
		if shift {
			k.Scan(scanLeftShift, false, false)
		}
		keys = append(keys, k.Scan(code, false, false))
		k.Scan(code, false, true)
		if shift {
			k.Scan(scanLeftShift, false, true)
		}
	}
	return keys
}

func scancode(t *testing.T, r rune) (code uint8, shift bool) {
	t.Helper()
	switch r {
	case ' ':
		return scanSpace, false
	case '\t':
		return scanTab, false
	case '\n':
		return scanEnter, false
	case '\b':
		return scanBackspace, false
	}
	for _, row := range layoutUS() {
		if i := strings.IndexRune(row.plain, r); i >= 0 {
			return row.first + uint8(i), false
		}
		if i := strings.IndexRune(row.shifted, r); i >= 0 {
			return row.first + uint8(i), true
		}
	}
	t.Fatalf("no key writes %q", r)
	return 0, false
}

func TestEveryASCIICharacterCanBeTyped(t *testing.T) {
	var k Keyboard
	for r := ' '; r <= '~'; r++ {
		key := typed(t, &k, string(r))[0]
		if key.Name != Rune || key.Rune != r {
			t.Errorf("typing %q gives %+v", r, key)
		}
	}
}

func TestModifiers(t *testing.T) {
	a := func(k *Keyboard) Key { return k.Scan(0x1e, false, false) }
	for name, tt := range map[string]struct {
		press func(k *Keyboard)
		want  rune // 0: nothing is written
	}{
		"plain":          {func(*Keyboard) {}, 'a'},
		"left shift":     {func(k *Keyboard) { k.Scan(scanLeftShift, false, false) }, 'A'},
		"right shift":    {func(k *Keyboard) { k.Scan(scanRightShift, false, false) }, 'A'},
		"caps":           {func(k *Keyboard) { k.Scan(scanCapsLock, false, false); k.Scan(scanCapsLock, false, true) }, 'A'},
		"caps and shift": {func(k *Keyboard) { k.Scan(scanCapsLock, false, false); k.Scan(scanLeftShift, false, false) }, 'a'},
		"caps from sync": {func(k *Keyboard) { k.Sync(true) }, 'A'},
		"sync lets go":   {func(k *Keyboard) { k.Scan(scanLeftShift, false, false); k.Sync(false) }, 'a'},
		"shift let go":   {func(k *Keyboard) { k.Scan(scanLeftShift, false, false); k.Scan(scanLeftShift, false, true) }, 'a'},
		"extended shift": {func(k *Keyboard) { k.Scan(scanLeftShift, true, false) }, 'a'},
		"control":        {func(k *Keyboard) { k.Scan(scanCtrl, false, false) }, 0},
		"right alt":      {func(k *Keyboard) { k.Scan(scanAlt, true, false) }, 0},
		"control let go": {func(k *Keyboard) { k.Scan(scanCtrl, true, false); k.Scan(scanCtrl, true, true) }, 'a'},
		"one of two alts": {func(k *Keyboard) {
			k.Scan(scanAlt, true, false)
			k.Scan(scanAlt, false, false)
			k.Scan(scanAlt, true, true)
		}, 0},
	} {
		var k Keyboard
		tt.press(&k)
		if got := a(&k); got.Rune != tt.want || (got.Name == Rune) != (tt.want != 0) {
			t.Errorf("%s: %+v, want %q", name, got, tt.want)
		}
	}
}

func TestKeysThatWriteNothing(t *testing.T) {
	var k Keyboard
	for _, code := range []uint8{0, 0x3b, 0x44, 0x57, 0x58, 0x5b, 0x7f, 0xff} {
		if got := k.Scan(code, false, false); got.Name != None {
			t.Errorf("scancode %#x: %+v", code, got)
		}
	}
	if got := k.Scan(0x48, true, false); got.Name != None {
		t.Errorf("cursor up: %+v", got)
	}
	if got := k.Scan(0x35, true, false); got.Rune != '/' {
		t.Errorf("slash of the keypad: %+v", got)
	}
}

func TestLogon(t *testing.T) {
	for name, tt := range map[string]struct {
		user, keys     string
		wantUser, want string // the password
		submit         bool
	}{
		"both fields":        {"", "lab\tSecret-1!\n", "lab", "Secret-1!", true},
		"known user":         {"lab", "secret\n", "lab", "secret", true},
		"enter goes on":      {"", "lab\nsecret\n", "lab", "secret", true},
		"corrected":          {"", "lax\bb\tx\by\n", "lab", "y", true},
		"back to the user":   {"root", "\t\b\b\b\blab\t1\n", "lab", "1", true},
		"nothing to take":    {"", "\b\b\b", "", "", false},
		"empty password":     {"lab", "\n", "lab", "", true},
		"not finished":       {"lab", "sec", "lab", "sec", false},
		"as much as is kept": {"u", strings.Repeat("x", 80) + "\n", "u", strings.Repeat("x", maxField), true},
	} {
		var k Keyboard
		l := NewLogon("ts1", "PC", tt.user, "TLS")
		submit := false
		for _, key := range typed(t, &k, tt.keys) {
			if submit {
				t.Errorf("%s: submitted too early", name)
			}
			submit = l.Press(key)
		}
		if submit != tt.submit || l.User != tt.wantUser || l.Password != tt.want {
			t.Errorf("%s: %q %q submit %v", name, l.User, l.Password, submit)
		}
	}
}

func TestEscapeEmptiesTheField(t *testing.T) {
	l := NewLogon("ts1", "PC", "lab", "TLS")
	l.Password = "secret"
	l.Press(Key{Name: Escape})
	if l.Password != "" || l.User != "lab" {
		t.Errorf("after escape: %q %q", l.User, l.Password)
	}
}

func TestFail(t *testing.T) {
	p := newPainter(t)
	l := NewLogon("ts1", "PC", "lab", "TLS")
	l.Password = "wrong"
	l.Fail("Wrong password.")
	s, _ := p.logon(*l, image.Pt(640, 480))
	if all := lines(s); !strings.Contains(all, "Wrong password.") || strings.Contains(all, "•") {
		t.Errorf("after a failed logon:\n%s", all)
	}
	l.Press(Key{Name: Rune, Rune: 'x', Caps: true})
	s, _ = p.logon(*l, image.Pt(640, 480))
	if all := lines(s); strings.Contains(all, "Wrong password.") || !strings.Contains(all, "•") || !strings.Contains(all, "Caps Lock is on") {
		t.Errorf("after the next key:\n%s", all)
	}
}

func TestPasswordIsNotShown(t *testing.T) {
	p := newPainter(t)
	l := NewLogon("ts1", "PC", "lab", "TLS")
	l.Password = "hunter2"
	s, _ := p.logon(*l, image.Pt(640, 480))
	if all := lines(s); strings.Contains(all, "hunter2") || !strings.Contains(all, "•••••••\n") {
		t.Errorf("screen:\n%s", all)
	}
}

func TestClick(t *testing.T) {
	p := newPainter(t)
	size := image.Pt(640, 480)
	l := NewLogon("ts1", "PC", "lab", "TLS")
	_, hit := p.logon(*l, size)
	middle := func(r image.Rectangle) image.Point { return r.Min.Add(r.Max).Div(2) }
	if p.Click(l, middle(hit.fields[0]), size) || l.focus != 0 {
		t.Errorf("a click on the user's field leaves focus at %d", l.focus)
	}
	if p.Click(l, middle(hit.fields[1]), size) || l.focus != 1 {
		t.Errorf("a click on the password's field leaves focus at %d", l.focus)
	}
	if p.Click(l, image.Pt(0, 0), size) || !p.Click(l, middle(hit.button), size) {
		t.Error("the button is not where it is drawn")
	}
}

func TestLogonFitsEveryDesktop(t *testing.T) {
	p := newPainter(t)
	l := NewLogon("ts1", strings.Repeat("W", 15), strings.Repeat("m", maxField), "TLS")
	l.Message = "Unknown user name or wrong password. 2 tries left."
	for w := MinWidth; w <= 1600; w += 50 {
		size := image.Pt(w, max(w*3/4, MinHeight))
		s, hit := p.logon(*l, size)
		if !hit.button.In(image.Rectangle{Max: size}) || !hit.fields[0].In(image.Rectangle{Max: size}) {
			t.Errorf("%v: button at %v", size, hit.button)
		}
		for _, line := range s.texts {
			if right := line.pos.X + p.fonts.width(line.face, line.s); right > size.X {
				t.Errorf("%v: %q reaches to %d", size, line.s, right)
			}
		}
	}
}

// TestLogonHint: a lab says who may log on, until there is something worse to say.
func TestLogonHint(t *testing.T) {
	p := newPainter(t)
	l := NewLogon("ts1", "PC", "", "TLS")
	l.Hint = "This lab's user: lab, password lab"
	if s, _ := p.logon(*l, image.Pt(800, 600)); !strings.Contains(lines(s), l.Hint) {
		t.Errorf("the screen says %q", lines(s))
	}
	l.Fail("Wrong password.")
	if s, _ := p.logon(*l, image.Pt(800, 600)); strings.Contains(lines(s), l.Hint) || !strings.Contains(lines(s), "Wrong password.") {
		t.Errorf("after a failure it says %q", lines(s))
	}
}
