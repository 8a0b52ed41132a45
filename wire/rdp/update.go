package rdp

import (
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// Update is a graphics update of a server: rectangles, or a palette, or the number
// of an update that is not decoded.
type Update struct {
	Rects   []BitmapRect
	Palette *Palette
	Other   uint16 // updateType
}

// ParseUpdate reads the body of a share data PDU of kind DataUpdate, 2.2.9.1.1.3.
// Bitmaps and palettes look the same on the fast path.
func ParseUpdate(body []byte) (Update, error) {
	var u Update
	r := cursor.NewReader(body)
	switch kind := r.U16("updateType"); kind {
	case updateBitmap:
		u.Rects = parseRects(r)
	case updatePalette:
		u.Palette = parsePalette(r)
	default:
		u.Other = kind
		r.Rest("update")
	}
	if err := r.End(); err != nil {
		return Update{}, fmt.Errorf("update: %w", err)
	}
	return u, nil
}
