package screen

import (
	"image"
	"strings"
	"unicode/utf8"
)

// maxField is the longest name or password that the logon screen takes.
const maxField = 64

// Logon is the state of the logon screen. Keys and clicks change it.
type Logon struct {
	Host     string
	Device   string
	User     string
	Password string
	Message  string // an error in red; the next key takes it away
	Security string
	Hint     string // a line for everybody, empty for none
	focus    int    // 0 user, 1 password
	caps     bool
}

// NewLogon is a logon screen with what is known of the user; the first field that
// is still empty waits for keys.
func NewLogon(host, device, user, security string) *Logon {
	l := &Logon{Host: host, Device: device, User: user, Security: security}
	if user != "" {
		l.focus = 1
	}
	return l
}

// Fail empties the password, says why the logon failed and waits for another.
func (l *Logon) Fail(message string) {
	l.Password, l.Message, l.focus = "", message, 1
	if l.User == "" {
		l.focus = 0
	}
}

// Press takes one key and reports whether it asks to log on.
func (l *Logon) Press(k Key) (submit bool) {
	l.caps = k.Caps
	field := []*string{&l.User, &l.Password}[l.focus]
	switch k.Name {
	case None:
		return false
	case Rune:
		if utf8.RuneCountInString(*field) < maxField {
			*field += string(k.Rune)
		}
	case Backspace:
		_, n := utf8.DecodeLastRuneInString(*field)
		*field = (*field)[:len(*field)-n]
	case Escape:
		*field = ""
	case Tab:
		l.focus = 1 - l.focus
	case Enter:
		if l.focus == 0 && l.Password == "" {
			l.focus = 1
			break
		}
		return true
	}
	l.Message = ""
	return false
}

// Click moves to the field at a point of a desktop of that size and reports
// whether the button was hit.
func (p *Painter) Click(l *Logon, at, size image.Point) (submit bool) {
	_, hit := p.logon(*l, clamp(size))
	for i, field := range hit.fields {
		if at.In(field) {
			l.focus = i
		}
	}
	return at.In(hit.button)
}

// Logon draws the logon screen.
func (p *Painter) Logon(l *Logon, size image.Point) *image.Paletted {
	s, _ := p.logon(*l, clamp(size))
	return s.paint(p.fonts)
}

// hits is where a click means something.
type hits struct {
	fields [2]image.Rectangle
	button image.Rectangle
}

func (p *Painter) logon(s Logon, size image.Point) (sheet, hits) {
	body := min(max(min(size.Y/18, size.X/24), 9), 17)
	l := layout{fonts: p.fonts, plan: plan{body: body}, sheet: sheet{size: size}}
	l.sheet.fill(image.Rectangle{Max: size}, labelOnPage.ground())
	top := l.bar("TSLab on "+s.Host, "Log on")

	text := l.face(regular, 1, 1)
	line := lineHeight(text)
	width := min(size.X-body, 26*body)
	height := 9*line + 2*body
	left, y := (size.X-width)/2, top+max((size.Y-top-height)/3, 2)
	card := image.Rect(left, y, left+width, y+height)
	l.sheet.frame(card, borderColor, inkOnCard.ground(), 1)

	x, right := left+body, left+width-body
	y += body * 2 / 3
	for _, part := range l.fonts.wrap(text, "Log on from "+orElse(s.Device, "this device"), right-x)[:1] {
		l.sheet.write(image.Pt(x, baseline(text, y)), l.face(bold, 1, 1), inkOnCard, part)
	}
	y += line
	var hit hits
	values := [2]string{s.User, strings.Repeat("\u2022", utf8.RuneCountInString(s.Password))}
	for i, label := range []string{"User name", "Password"} {
		l.sheet.write(image.Pt(x, baseline(text, y)), l.face(regular, 7, 8), labelOnCard, label)
		y += line
		hit.fields[i] = image.Rect(x, y, right, y+line+body/2)
		l.field(hit.fields[i], values[i], i == s.focus)
		y = hit.fields[i].Max.Y + body/4
	}
	l.message(s, image.Pt(x, y), right-x)
	y += line + body/4
	button := "Log on"
	hit.button = image.Rect(right-l.fonts.width(text, button)-2*body, y, right, y+line+body/2)
	l.sheet.fill(hit.button, whiteOnBar.ground())
	l.sheet.write(image.Pt(hit.button.Min.X+body, baseline(text, y+body/4)), text, whiteOnBar, button)
	return l.sheet, hit
}

// field draws an input field; the end of a value that is too long is shown.
func (l *layout) field(r image.Rectangle, value string, focus bool) {
	body, text := l.plan.body, l.face(regular, 1, 1)
	border, thick := fieldBorderColor, 1
	if focus {
		border, thick = focusColor, 2
	}
	l.sheet.frame(r, border, inkOnField.ground(), thick)
	for value != "" && l.fonts.width(text, value) > r.Dx()-body-4 {
		_, n := utf8.DecodeRuneInString(value)
		value = value[n:]
	}
	pen := image.Pt(r.Min.X+body/2, baseline(text, r.Min.Y+body/4))
	l.sheet.write(pen, text, inkOnField, value)
	if focus {
		caret := pen.X + l.fonts.width(text, value) + 1
		l.sheet.fill(image.Rect(caret, r.Min.Y+body/3, caret+2, r.Max.Y-body/3), inkOnField.text())
	}
}

// message is the line below the fields: an error, else a warning that Caps Lock is on,
// else the hint.
func (l *layout) message(s Logon, at image.Point, width int) {
	face, t, line := l.face(regular, 7, 8), badOnCard, s.Message
	if line == "" && s.caps {
		t, line = labelOnCard, "Caps Lock is on"
	}
	if line == "" {
		t, line = labelOnCard, s.Hint
	}
	for _, part := range l.fonts.wrap(face, line, width)[:1] {
		l.sheet.write(image.Pt(at.X, baseline(face, at.Y)), face, t, part)
	}
}
