package rdp

import (
	"github.com/tslab/tslab/internal/cursor"
)

// Color is one entry of a palette.
type Color struct{ R, G, B uint8 }

// Palette is the 256 colors of a session of 8 bits, TS_UPDATE_PALETTE_DATA
// 2.2.9.1.1.3.1.1.1.
type Palette [256]Color

// AppendPaletteUpdate is an update for both paths alike.
func AppendPaletteUpdate(b []byte, p *Palette) []byte {
	w := cursor.NewWriter(b)
	w.U16(updatePalette)
	w.U16(0)
	w.U32(uint32(len(p)))
	for _, c := range p {
		w.Append([]byte{c.R, c.G, c.B})
	}
	return w.Bytes()
}

// parsePalette reads an update behind its type.
func parsePalette(r *cursor.Reader) *Palette {
	var p Palette
	r.U16("pad2Octets")
	if n := r.U32("numberColors"); r.Err() == nil && n != uint32(len(p)) {
		r.Failf("numberColors", "%d, want %d", n, len(p))
	}
	for i, c := 0, r.Bytes("paletteEntries", 3*len(p)); i < len(p) && c != nil; i++ {
		p[i] = Color{c[3*i], c[3*i+1], c[3*i+2]}
	}
	return &p
}
