package screen

import (
	"image"
	"image/color"
	"testing"

	"github.com/tslab/tslab/wire/rdp"
)

// decode is the color of a pixel as a client shows it.
func decode(depth int, wire *[256]color.RGBA, b []byte) color.RGBA {
	var v uint32
	for i, part := range b {
		v |= uint32(part) << (8 * i)
	}
	widen := func(v uint32, bits int) uint8 { return uint8(v << (8 - bits) & 0xff) }
	switch depth {
	case 8:
		return wire[v]
	case 15:
		return color.RGBA{widen(v>>10&31, 5), widen(v>>5&31, 5), widen(v&31, 5), 0xff}
	case 16:
		return color.RGBA{widen(v>>11&31, 5), widen(v>>5&63, 6), widen(v&31, 5), 0xff}
	}
	return color.RGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 0xff}
}

// lost is the most that a depth may be off in one color.
func lost(depth int) int { return map[int]int{8: 0, 15: 7, 16: 7, 24: 0, 32: 0}[depth] }

func near(a, b color.RGBA, off int) bool {
	d := func(x, y uint8) bool { return max(x, y)-min(x, y) <= uint8(off) }
	return d(a.R, b.R) && d(a.G, b.G) && d(a.B, b.B)
}

// client is a client's screen: rectangles are put on it.
type client struct {
	size  image.Point
	depth int
	pix   []color.RGBA
	known []bool
}

func newClient(size image.Point, depth int) *client {
	return &client{size, depth, make([]color.RGBA, size.X*size.Y), make([]bool, size.X*size.Y)}
}

func (c *client) put(t *testing.T, rects []rdp.BitmapRect) {
	t.Helper()
	n := pixelSize(c.depth)
	var wire [256]color.RGBA
	for i, p := range WirePalette() {
		wire[i] = color.RGBA{p.R, p.G, p.B, 0xff}
	}
	for _, r := range rects {
		w, h := int(r.Width), int(r.Height)
		if int(r.Bpp) != c.depth || len(r.Pixels) != w*h*n || int(r.Left)+w > c.size.X || int(r.Top)+h > c.size.Y {
			t.Fatalf("rectangle %d,%d %dx%d of %d bits with %d bytes", r.Left, r.Top, w, h, r.Bpp, len(r.Pixels))
		}
		for i := range w * h {
			at := (int(r.Top)+i/w)*c.size.X + int(r.Left) + i%w
			c.pix[at], c.known[at] = decode(c.depth, &wire, r.Pixels[i*n:(i+1)*n]), true
		}
	}
}

func (c *client) shows(t *testing.T, img *image.Paletted) {
	t.Helper()
	var colors [256]color.RGBA
	for i, p := range img.Palette {
		colors[i] = p.(color.RGBA)
	}
	off := lost(c.depth)
	for i, index := range img.Pix {
		want := colors[index]
		if !c.known[i] || !near(c.pix[i], want, off) {
			t.Fatalf("%d bits: pixel %d,%d is %v, want %v", c.depth, i%c.size.X, i/c.size.X, c.pix[i], want)
		}
	}
}

func TestPixelsArriveInEveryDepth(t *testing.T) {
	p := newPainter(t)
	for _, depth := range Depths() {
		for _, size := range []image.Point{{200, 150}, {201, 151}, {642, 481}} {
			e := NewEncoder(depth)
			c := newClient(size, depth)
			first := p.Session(holder(), day0, size)
			c.put(t, e.Rects(nil, first))
			c.shows(t, first)

			later := p.Session(holder(), day0.Add(30*day), size)
			rects := e.Rects(first, later)
			c.put(t, rects)
			c.shows(t, later)
			if all := e.Rects(nil, later); len(rects) == 0 || size.X > 600 && len(rects) > len(all)/2 {
				t.Errorf("%v: %d of %d tiles sent for another date", size, len(rects), len(all))
			}
			if again := e.Rects(later, later); len(again) != 0 {
				t.Errorf("%v: %d tiles sent for the same screen", size, len(again))
			}
		}
	}
}

func TestAnotherSizeIsSentWhole(t *testing.T) {
	p := newPainter(t)
	e := NewEncoder(16)
	small, large := p.Session(holder(), day0, image.Pt(320, 240)), p.Session(holder(), day0, image.Pt(640, 480))
	if got, want := len(e.Rects(small, large)), len(e.Rects(nil, large)); got != want {
		t.Errorf("%d tiles, want all %d", got, want)
	}
}

func TestUnknownDepthIs16(t *testing.T) {
	for _, depth := range []int{0, 1, 4, 12, 17, 64} {
		if got := NewEncoder(depth).Depth(); got != 16 {
			t.Errorf("depth %d is sent as %d", depth, got)
		}
	}
}

func TestPalette(t *testing.T) {
	p := Palette()
	if len(p) != 256 {
		t.Fatalf("%d colors, %d in use", len(p), soloEnd)
	}
	for tone := range toneCount {
		if p[tone.ground()] == p[tone.text()] {
			t.Errorf("tone %d: text and ground are one color", tone)
		}
	}
	for _, m := range []Mood{Plain, Good, Warn, Bad} {
		if m.tone() < whiteOnGood || m.tone() > whiteOnPlain {
			t.Errorf("mood %d has tone %d", m, m.tone())
		}
	}
}
