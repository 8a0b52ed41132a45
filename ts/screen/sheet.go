package screen

import "image"

// sheet is a screen before it is drawn: what stands where.
type sheet struct {
	size  image.Point
	boxes []box
	texts []text
}

// box is a filled rectangle.
type box struct {
	image.Rectangle
	color uint8
}

// text is one line of letters, its pen starting at pos on the baseline.
type text struct {
	pos  image.Point
	face typeface
	tone tone
	s    string
}

func (s *sheet) fill(r image.Rectangle, color uint8) { s.boxes = append(s.boxes, box{r, color}) }

// frame is a filled rectangle with a border of one color around it, within r.
func (s *sheet) frame(r image.Rectangle, border, color uint8, thick int) {
	s.fill(r, border)
	s.fill(r.Inset(thick), color)
}

func (s *sheet) write(pos image.Point, face typeface, t tone, line string) {
	s.texts = append(s.texts, text{pos, face, t, line})
}

// paint draws the sheet.
func (s *sheet) paint(f *fonts) *image.Paletted {
	img := &image.Paletted{
		Pix:     make([]uint8, s.size.X*s.size.Y),
		Stride:  s.size.X,
		Rect:    image.Rectangle{Max: s.size},
		Palette: Palette(),
	}
	for _, b := range s.boxes {
		fillRect(img, b.Rectangle, b.color)
	}
	for _, t := range s.texts {
		pen := t.pos
		for _, r := range t.s {
			g := f.glyph(t.face, r)
			lay(img, g, pen, t.tone)
			pen.X += g.advance
		}
	}
	return img
}

func fillRect(img *image.Paletted, r image.Rectangle, color uint8) {
	r = r.Intersect(img.Rect)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := img.Pix[y*img.Stride+r.Min.X : y*img.Stride+r.Max.X]
		for i := range row {
			row[i] = color
		}
	}
}

// lay puts a letter on its tone's ground.
func lay(img *image.Paletted, g glyph, pen image.Point, t tone) {
	at := g.mask.Rect.Add(g.at).Add(pen)
	visible := at.Intersect(img.Rect)
	for y := visible.Min.Y; y < visible.Max.Y; y++ {
		mask := g.mask.Pix[(y-at.Min.Y)*g.mask.Stride:]
		row := img.Pix[y*img.Stride:]
		for x := visible.Min.X; x < visible.Max.X; x++ {
			if step := (int(mask[x-at.Min.X])*(steps-1) + 127) / 255; step > 0 {
				row[x] = darker(row[x], t, uint8(step))
			}
		}
	}
}

// darker is the stronger of what a pixel holds and a new step of the tone t: where
// letters overlap neither is cut.
func darker(old uint8, t tone, step uint8) uint8 {
	if ground := t.ground(); old > ground && old < ground+steps {
		step = max(step, old-ground)
	}
	return t.ground() + step
}
