package screen

import (
	"fmt"
	"image"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// style is a kind of letter.
type style uint8

const (
	regular style = iota
	bold
	mono
	styleCount
)

// typeface is a style at a size in pixels.
type typeface struct {
	style style
	size  int
}

// ascent is the height of the letters above their baseline, near enough to set
// lines by.
func (t typeface) ascent() int { return (t.size*3 + 3) / 4 }

// glyph is one letter, ready to be laid onto a picture.
type glyph struct {
	mask    *image.Alpha
	at      image.Point // of the mask's upper left corner, from the pen on the baseline
	advance int
}

// fonts keeps every letter that was ever drawn: the letters of three fonts in a
// dozen sizes, and no more whatever the text.
type fonts struct {
	parsed [styleCount]*sfnt.Font

	mu     sync.Mutex
	faces  map[typeface]font.Face
	glyphs map[glyphKey]glyph
}

type glyphKey struct {
	face typeface
	r    rune
}

func newFonts() (*fonts, error) {
	f := &fonts{faces: map[typeface]font.Face{}, glyphs: map[glyphKey]glyph{}}
	for s, ttf := range [styleCount][]byte{regular: goregular.TTF, bold: gobold.TTF, mono: gomono.TTF} {
		parsed, err := sfnt.Parse(ttf)
		if err != nil {
			return nil, fmt.Errorf("screen font %d: %w", s, err)
		}
		f.parsed[s] = parsed
	}
	return f, nil
}

// glyph is the letter r, or a question mark when the font has none.
func (f *fonts) glyph(face typeface, r rune) glyph {
	f.mu.Lock()
	defer f.mu.Unlock()
	g, ok := f.glyphs[glyphKey{face, r}]
	if ok {
		return g
	}
	var buf sfnt.Buffer
	if index, err := f.parsed[face.style].GlyphIndex(&buf, r); err != nil || index == 0 {
		return f.drawn(face, '?')
	}
	return f.drawn(face, r)
}

// drawn needs the lock.
func (f *fonts) drawn(face typeface, r rune) glyph {
	g, ok := f.glyphs[glyphKey{face, r}]
	if !ok {
		g = draw(f.face(face), r)
		f.glyphs[glyphKey{face, r}] = g
	}
	return g
}

// face needs the lock.
func (f *fonts) face(t typeface) font.Face {
	face, ok := f.faces[t]
	if !ok {
		var err error
		face, err = opentype.NewFace(f.parsed[t.style], &opentype.FaceOptions{Size: float64(t.size), DPI: 72, Hinting: font.HintingFull})
		if err != nil {
			return nil
		}
		f.faces[t] = face
	}
	return face
}

// draw renders one letter with its pen at the origin.
func draw(face font.Face, r rune) glyph {
	if face == nil {
		return glyph{mask: image.NewAlpha(image.Rectangle{})}
	}
	bounds, mask, from, advance, ok := face.Glyph(fixed.Point26_6{}, r)
	if !ok {
		return glyph{mask: image.NewAlpha(image.Rectangle{}), advance: advance.Round()}
	}
	own := image.NewAlpha(image.Rect(0, 0, bounds.Dx(), bounds.Dy()))
	for y := range bounds.Dy() {
		for x := range bounds.Dx() {
			_, _, _, a := mask.At(from.X+x, from.Y+y).RGBA()
			own.Pix[own.PixOffset(x, y)] = uint8(a >> 8)
		}
	}
	return glyph{mask: own, at: bounds.Min, advance: advance.Round()}
}

// width is how far the pen moves over s.
func (f *fonts) width(face typeface, s string) int {
	w := 0
	for _, r := range s {
		w += f.glyph(face, r).advance
	}
	return w
}

// wrap breaks s into lines of at most width pixels: between words where it can,
// within a word where it must. There is always one line.
func (f *fonts) wrap(face typeface, s string, width int) []string {
	var lines []string
	line, pen, lastSpace := []rune{}, 0, -1
	for _, r := range s {
		advance := f.glyph(face, r).advance
		if pen+advance > width && len(line) > 0 {
			if r == ' ' {
				lines, line, pen, lastSpace = append(lines, string(line)), line[:0], 0, -1
				continue
			}
			rest := []rune{}
			if lastSpace >= 0 {
				rest = append(rest, line[lastSpace+1:]...)
				line = line[:lastSpace]
			}
			lines = append(lines, string(line))
			line, pen, lastSpace = rest, f.width(face, string(rest)), -1
		}
		if r == ' ' {
			lastSpace = len(line)
		}
		line, pen = append(line, r), pen+advance
	}
	return append(lines, string(line))
}
