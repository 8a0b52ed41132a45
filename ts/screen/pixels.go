package screen

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
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

// A screen is sent in tiles. A tile of the largest depth, 12288 bytes, fits with
// its headers into one slow-path update, whose length ends at 16383.
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

// paddedWidth is a width that a bitmap may have: rows are whole groups of four pixels.
func paddedWidth(width int) int { return (width + 3) &^ 3 }

// raw is the pixels of r bottom-up, the rows padded with their last pixel.
func (e *Encoder) raw(img *image.Paletted, r image.Rectangle) []byte {
	size, width := pixelSize(e.depth), paddedWidth(r.Dx())
	data := make([]byte, 0, size*width*r.Dy())
	for y := r.Max.Y - 1; y >= r.Min.Y; y-- {
		row := img.Pix[img.PixOffset(r.Min.X, y):img.PixOffset(r.Max.X, y)]
		for _, index := range row {
			data = append(data, e.pixels[index][:size]...)
		}
		for range width - len(row) {
			data = append(data, e.pixels[row[len(row)-1]][:size]...)
		}
	}
	return data
}
