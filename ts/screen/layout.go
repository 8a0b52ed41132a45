package screen

import (
	"image"
	"time"
)

// plan is a way to lay a session out: a size of letters, and how much is left out.
type plan struct {
	body   int // size of the letters in pixels
	spare  int // rows with a higher number are left out
	footer bool
}

// plans in the order of preference. The largest that fits is taken.
func plans() []plan {
	var p []plan
	for _, body := range []int{19, 17, 16, 15, 14, 13, 12, 11} {
		p = append(p, plan{body, 9, true})
	}
	p = append(p, plan{11, 9, false}, plan{10, 9, false})
	for spare := 8; spare >= 0; spare-- {
		p = append(p, plan{10, spare, false})
	}
	for spare := 3; spare >= 0; spare-- {
		p = append(p, plan{9, spare, false})
	}
	return p
}

// session lays the screen out: a bar with the title, a card with the license's
// state, the table and what comes next.
func (p *Painter) session(s Session, now time.Time, size image.Point) sheet {
	var out sheet
	for _, pl := range plans() {
		l := layout{fonts: p.fonts, plan: pl, sheet: sheet{size: size}}
		if l.session(s, now) {
			return l.sheet
		}
		out = l.sheet
	}
	return out // cut off below: nothing smaller can be read
}

type layout struct {
	fonts *fonts
	plan  plan
	sheet sheet
}

func (l *layout) face(st style, num, den int) typeface {
	return typeface{st, max(l.plan.body*num/den, 9)}
}

func lineHeight(t typeface) int { return t.size + t.size*2/5 }

// baseline is where the letters of a line stand whose top is y.
func baseline(t typeface, y int) int { return y + (lineHeight(t)+t.ascent())/2 }

// bar draws the title bar and returns its lower edge.
func (l *layout) bar(title, right string) int {
	w, pad := l.sheet.size.X, l.plan.body
	face := l.face(bold, 5, 4)
	small := l.face(regular, 1, 1)
	height := lineHeight(face) + pad*2/3
	l.sheet.fill(image.Rect(0, 0, w, height), whiteOnBar.ground())
	base := baseline(face, pad/3)
	l.sheet.write(image.Pt(pad, base), face, whiteOnBar, title)
	if x := w - pad - l.fonts.width(small, right); x > 2*pad+l.fonts.width(face, title) {
		l.sheet.write(image.Pt(x, base), small, paleOnBar, right)
	}
	return height
}

// session reports whether everything found its place.
func (l *layout) session(s Session, now time.Time) bool {
	body := l.plan.body
	l.sheet.fill(image.Rectangle{Max: l.sheet.size}, labelOnPage.ground())
	top := l.bar("TSLab on "+s.Host, longDate(now))

	foot := typeface{regular, max(body*7/8, 9)}
	bottom := l.sheet.size.Y - body/3
	if l.plan.footer {
		bottom -= lineHeight(foot) + body/3
	}
	width := min(l.sheet.size.X-body, 46*body)
	left := (l.sheet.size.X - width) / 2
	card := image.Rect(left, top+body/2, left+width, bottom)

	first := len(l.sheet.boxes)
	end, narrow := l.card(card, s, now)
	if spare := card.Max.Y - end; spare > 0 && l.plan.footer {
		card.Max.Y = end // no taller than its content
	}
	ground := []box{
		{card, borderColor},
		{card.Inset(1), inkOnCard.ground()},
	}
	l.sheet.boxes = append(l.sheet.boxes[:first:first], append(ground, l.sheet.boxes[first:]...)...)
	if l.plan.footer {
		x := (l.sheet.size.X - l.fonts.width(foot, boundary)) / 2
		if x < body/2 {
			return false
		}
		l.sheet.write(image.Pt(x, baseline(foot, card.Max.Y+body/3)), foot, labelOnPage, boundary)
	}
	return end <= bottom && !narrow
}

// card fills the card and returns where its content ends, and whether the table
// had too little width.
func (l *layout) card(r image.Rectangle, s Session, now time.Time) (end int, narrow bool) {
	body, phase := l.plan.body, s.phase(now)
	inner := r.Inset(max(body*2/3, 4))

	head := l.face(bold, 9, 8)
	band := image.Rect(r.Min.X+1, r.Min.Y+1, r.Max.X-1, r.Min.Y+1+lineHeight(head)+body/2)
	l.sheet.fill(band, phase.Mood.tone().ground())
	l.sheet.write(image.Pt(inner.Min.X, baseline(head, band.Min.Y+body/4)), head, phase.Mood.tone(), s.headline(now))

	y, narrow := l.table(image.Rect(inner.Min.X, band.Max.Y+body/2, inner.Max.X, inner.Max.Y), s.rows(now))
	y += body / 2

	text, label := l.face(regular, 1, 1), l.face(bold, 7, 8)
	lines := l.fonts.wrap(text, orElse(phase.Next, "Nothing is known about it."), inner.Dx()-body)
	note := image.Rect(inner.Min.X, y, inner.Max.X, y+lineHeight(label)+len(lines)*lineHeight(text)+body/2)
	l.sheet.fill(note, inkOnNote.ground())
	l.sheet.fill(image.Rect(note.Min.X, note.Min.Y, note.Min.X+max(body/5, 2), note.Max.Y), focusColor)
	y += body / 4
	l.sheet.write(image.Pt(inner.Min.X+body*2/3, baseline(label, y)), label, labelOnNote, "The next connection")
	y += lineHeight(label)
	for _, line := range lines {
		l.sheet.write(image.Pt(inner.Min.X+body*2/3, baseline(text, y)), text, inkOnNote, line)
		y += lineHeight(text)
	}
	return note.Max.Y + max(body*2/3, 4), narrow
}

// table writes the rows and returns where they end; narrow says that values had
// to be broken more than once.
func (l *layout) table(r image.Rectangle, rows []row) (end int, narrow bool) {
	label := l.face(regular, 1, 1)
	column := 0
	for _, row := range rows {
		column = max(column, l.fonts.width(label, row.label))
	}
	column += l.plan.body
	y := r.Min.Y
	for _, row := range rows {
		if row.spare > l.plan.spare {
			continue
		}
		value := l.face(regular, 1, 1)
		if row.mono {
			value = l.face(mono, 15, 16)
		}
		lines := l.fonts.wrap(value, row.value, r.Dx()-column)
		narrow = narrow || len(lines) > 2
		l.sheet.write(image.Pt(r.Min.X, baseline(label, y)), label, labelOnCard, row.label)
		for _, line := range lines {
			l.sheet.write(image.Pt(r.Min.X+column, baseline(label, y)), value, inkOnCard, line)
			y += lineHeight(label)
		}
		y += l.plan.body / 6
	}
	return y, narrow
}
