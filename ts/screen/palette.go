package screen

import "image/color"

// tone is a pair of colors, a text's and that of the ground it stands on, with
// the steps between them that smooth the edges of letters. Every screen is drawn
// in the 256 colors of one palette, so that a client of 8 bits a pixel sees what
// the others see.
type tone uint8

const (
	inkOnCard tone = iota
	labelOnCard
	inkOnField
	labelOnPage
	whiteOnBar
	paleOnBar
	inkOnNote
	labelOnNote
	whiteOnGood
	whiteOnWarn
	whiteOnBad
	whiteOnPlain
	badOnCard
	hintOnField
	toneCount
)

// steps is the number of colors of a tone: 0 is the ground, steps-1 the text.
const steps = 16

// Colors that stand alone follow the tones in the palette.
const (
	borderColor = uint8(toneCount)*steps + iota
	focusColor
	fieldBorderColor
	shadowColor
	soloEnd
)

// ground is the palette index of a tone's background.
func (t tone) ground() uint8 { return uint8(t) * steps }

// text is the palette index of a tone's text.
func (t tone) text() uint8 { return uint8(t)*steps + steps - 1 }

func rgb(v uint32) color.RGBA {
	return color.RGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 0xff}
}

// Palette is the colors of every screen. It is the same for all, and a client of
// 8 bits a pixel must be told it before its first bitmap.
func Palette() color.Palette {
	const page, card, field, bar, note = 0xe9edf2, 0xffffff, 0xf6f8fa, 0x1b3557, 0xe6eff9
	const ink, label = 0x1c2530, 0x5c6a7a
	pairs := [toneCount][2]uint32{
		inkOnCard:    {card, ink},
		labelOnCard:  {card, label},
		inkOnField:   {field, ink},
		labelOnPage:  {page, label},
		whiteOnBar:   {bar, 0xffffff},
		paleOnBar:    {bar, 0xb8c9de},
		inkOnNote:    {note, ink},
		labelOnNote:  {note, 0x2b5c96},
		whiteOnGood:  {0x1d7a3c, 0xffffff},
		whiteOnWarn:  {0xa35a00, 0xffffff},
		whiteOnBad:   {0xb3261e, 0xffffff},
		whiteOnPlain: {0x566475, 0xffffff},
		badOnCard:    {card, 0xb3261e},
		hintOnField:  {field, 0x8c98a6},
	}
	p := make(color.Palette, 256)
	for i := range p {
		p[i] = rgb(0)
	}
	for t, pair := range pairs {
		for step := range steps {
			p[t*steps+step] = blend(rgb(pair[0]), rgb(pair[1]), step)
		}
	}
	p[borderColor] = rgb(0xc9d2dc)
	p[focusColor] = rgb(0x2f6fbe)
	p[fieldBorderColor] = rgb(0xaab6c3)
	p[shadowColor] = rgb(0xd8dfe7)
	return p
}

// blend is the color that lies step of steps-1 on the way from ground to text.
func blend(ground, text color.RGBA, step int) color.RGBA {
	mix := func(a, b uint8) uint8 {
		return uint8((int(a)*(steps-1-step) + int(b)*step + (steps-1)/2) / (steps - 1))
	}
	return color.RGBA{R: mix(ground.R, text.R), G: mix(ground.G, text.G), B: mix(ground.B, text.B), A: 0xff}
}
