package screen

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"

	"github.com/tslab/tslab/wire/rdp"
)

// Depths are the color depths, in bits a pixel, that a client may ask for.
func Depths() []int { return []int{8, 15, 16, 24, 32} }

// pixelSize is the bytes that a pixel of depth takes.
func pixelSize(depth int) int { return (depth + 7) / 8 }

// pixel is a color as a client of that depth takes it: an index of the palette, 5-5-5,
// 5-6-5, or blue, green, red and a byte of nothing.
func pixel(depth int, index uint8, c color.RGBA) uint32 {
	switch depth {
	case 8:
		return uint32(index)
	case 15:
		return uint32(c.R>>3)<<10 | uint32(c.G>>3)<<5 | uint32(c.B>>3)
	case 16:
		return uint32(c.R>>3)<<11 | uint32(c.G>>2)<<5 | uint32(c.B>>3)
	default:
		return uint32(c.R)<<16 | uint32(c.G)<<8 | uint32(c.B)
	}
}

// Encoder makes bitmap updates for one client's color depth.
type Encoder struct {
	depth  int
	pixels [256][4]byte // a palette's color as it stands on the wire
}

// NewEncoder makes an encoder; a depth that is none of [Depths] counts as 16.
func NewEncoder(depth int) *Encoder {
	e := &Encoder{depth: 16}
	for _, d := range Depths() {
		if d == depth {
			e.depth = d
		}
	}
	for i, c := range Palette() {
		binary.LittleEndian.PutUint32(e.pixels[i][:], pixel(e.depth, uint8(i), c.(color.RGBA)))
	}
	return e
}

// Depth is the bits a pixel of the encoder's updates.
func (e *Encoder) Depth() int { return e.depth }

// A screen is sent in tiles, so that a changed word costs little. A tile of the
// largest depth, 12288 bytes, fits into one slow-path update, whose length ends at 16383.
const tileWidth, tileHeight = 64, 48

// changed lists the tiles of next that differ from old, row by row; all of them
// when old is nil or of another size.
func changed(old, next *image.Paletted) []image.Rectangle {
	var tiles []image.Rectangle
	all := old == nil || old.Rect != next.Rect
	for y := next.Rect.Min.Y; y < next.Rect.Max.Y; y += tileHeight {
		for x := next.Rect.Min.X; x < next.Rect.Max.X; x += tileWidth {
			tile := image.Rect(x, y, x+tileWidth, y+tileHeight).Intersect(next.Rect)
			if all || differs(old, next, tile) {
				tiles = append(tiles, tile)
			}
		}
	}
	return tiles
}

func differs(a, b *image.Paletted, r image.Rectangle) bool {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		from, to := a.PixOffset(r.Min.X, y), a.PixOffset(r.Max.X, y)
		if !bytes.Equal(a.Pix[from:to], b.Pix[from:to]) {
			return true
		}
	}
	return false
}

// Rects is the update that turns a client's screen old into next: the tiles that
// differ, or all when old is nil or of another size.
func (e *Encoder) Rects(old, next *image.Paletted) []rdp.BitmapRect {
	var rects []rdp.BitmapRect
	for _, tile := range changed(old, next) {
		rects = append(rects, rdp.BitmapRect{
			Left: uint16(tile.Min.X), Top: uint16(tile.Min.Y),
			Width: uint16(tile.Dx()), Height: uint16(tile.Dy()),
			Bpp:    uint16(e.depth),
			Pixels: e.raw(next, tile),
		})
	}
	return rects
}

// raw is the pixels of r.
func (e *Encoder) raw(img *image.Paletted, r image.Rectangle) []byte {
	size := pixelSize(e.depth)
	data := make([]byte, 0, size*r.Dx()*r.Dy())
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for _, index := range img.Pix[img.PixOffset(r.Min.X, y):img.PixOffset(r.Max.X, y)] {
			data = append(data, e.pixels[index][:size]...)
		}
	}
	return data
}

// WirePalette is [Palette] as a client of 8 bits a pixel is told it.
func WirePalette() rdp.Palette {
	var wire rdp.Palette
	for i, c := range Palette() {
		c := c.(color.RGBA)
		wire[i] = rdp.Color{R: c.R, G: c.G, B: c.B}
	}
	return wire
}
