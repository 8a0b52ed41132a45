package rdp

import (
	"bytes"
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// Types of a graphics update, 2.2.9.1.1.3.1.
const (
	updateBitmap  = 1
	updatePalette = 2
)

const (
	bitmapCompressed = 0x0001
	rectHeaderLen    = 9 * 2
)

// RectOverhead is what a rectangle takes on the wire beside its pixels.
const RectOverhead = rectHeaderLen

// BitmapOverhead is what an update takes beside its rectangles.
const BitmapOverhead = 2 /* updateType */ + 2 /* numberRectangles */

// BitmapRect is one rectangle of a bitmap update, TS_BITMAP_DATA 2.2.9.1.1.3.1.2.2.
type BitmapRect struct {
	Left, Top     uint16
	Width, Height uint16 // what is visible
	Bpp           uint16 // 8, 15, 16, 24 or 32

	// Pixels are rows from the top down, Width*BytesPerPixel(Bpp) bytes each with
	// nothing between them, little-endian pixels. The codec pads and turns them over.
	Pixels []byte

	// Compressed is the flags word of a rectangle that was received compressed;
	// Pixels then hold the compressed bytes as they came. Zero for raw pixels.
	Compressed uint16
}

// BytesPerPixel is 1 to 4, and 0 for a depth that does not exist.
func BytesPerPixel(bpp uint16) int {
	switch bpp {
	case 8:
		return 1
	case 15, 16:
		return 2
	case 24:
		return 3
	case 32:
		return 4
	}
	return 0
}

// wireWidth is a width on the wire: a multiple of 4, so that rows need no padding
// of their own.
func wireWidth(width uint16) int { return (int(width) + 3) &^ 3 }

// WireSize is how many bytes a rectangle takes in an update.
func (r BitmapRect) WireSize() int {
	if r.Compressed != 0 {
		return rectHeaderLen + len(r.Pixels)
	}
	return rectHeaderLen + wireWidth(r.Width)*int(r.Height)*BytesPerPixel(r.Bpp)
}

// Check says what is wrong with a rectangle to be sent.
func (r BitmapRect) Check() error {
	size := BytesPerPixel(r.Bpp)
	switch {
	case size == 0:
		return fmt.Errorf("bitmap of %d bits a pixel, want 8, 15, 16, 24 or 32", r.Bpp)
	case r.Width == 0 || r.Height == 0:
		return fmt.Errorf("bitmap of %d by %d pixels", r.Width, r.Height)
	case int(r.Left)+int(r.Width) > 1<<16 || int(r.Top)+int(r.Height) > 1<<16 || wireWidth(r.Width) > 1<<16-1:
		return fmt.Errorf("bitmap of %d by %d pixels at %d,%d ends beyond 65535", r.Width, r.Height, r.Left, r.Top)
	case r.Compressed == 0 && len(r.Pixels) != int(r.Width)*int(r.Height)*size:
		return fmt.Errorf("bitmap of %d by %d pixels of %d bits in %d bytes, want %d", r.Width, r.Height, r.Bpp,
			len(r.Pixels), int(r.Width)*int(r.Height)*size)
	}
	return nil
}

// AppendBitmapUpdate is an update, 2.2.9.1.1.3.1.2.1, for both paths alike. Every
// rectangle has passed Check.
func AppendBitmapUpdate(b []byte, rects []BitmapRect) []byte {
	w := cursor.NewWriter(b)
	w.U16(updateBitmap)
	w.U16(uint16(len(rects)))
	for _, rect := range rects {
		rect.append(w)
	}
	return w.Bytes()
}

func (r BitmapRect) append(w *cursor.Writer) {
	width := wireWidth(r.Width)
	if r.Compressed != 0 {
		width = int(r.Width)
	}
	for _, v := range []uint16{r.Left, r.Top, r.Left + r.Width - 1, r.Top + r.Height - 1, uint16(width), r.Height, r.Bpp} {
		w.U16(v)
	}
	w.U16(r.Compressed)
	w.U16(uint16(r.WireSize() - rectHeaderLen))
	if r.Compressed != 0 {
		w.Append(r.Pixels)
		return
	}
	row := int(r.Width) * BytesPerPixel(r.Bpp)
	padding := width*BytesPerPixel(r.Bpp) - row
	for y := int(r.Height) - 1; y >= 0; y-- {
		w.Append(r.Pixels[y*row : (y+1)*row])
		w.Zero(padding)
	}
}

// parseRects reads an update behind its type.
func parseRects(r *cursor.Reader) []BitmapRect {
	var rects []BitmapRect
	for range r.U16("numberRectangles") {
		if r.Err() != nil {
			return nil
		}
		rects = append(rects, parseRect(r))
	}
	return rects
}

func parseRect(r *cursor.Reader) BitmapRect {
	var m BitmapRect
	m.Left, m.Top = r.U16("destLeft"), r.U16("destTop")
	right, bottom := r.U16("destRight"), r.U16("destBottom")
	width, height := int(r.U16("width")), int(r.U16("height"))
	m.Bpp = r.U16("bitsPerPixel")
	flags := r.U16("flags")
	data := r.Bytes("bitmapDataStream", int(r.U16("bitmapLength")))
	if r.Err() != nil {
		return BitmapRect{}
	}
	m.Width, m.Height = right-m.Left+1, bottom-m.Top+1
	size := BytesPerPixel(m.Bpp)
	switch {
	case right < m.Left || bottom < m.Top || m.Width == 0 || m.Height == 0:
		r.Failf("bitmap", "from %d,%d to %d,%d", m.Left, m.Top, right, bottom)
	case size == 0:
		r.Failf("bitsPerPixel", "%d, want 8, 15, 16, 24 or 32", m.Bpp)
	case flags&bitmapCompressed != 0:
		m.Compressed, m.Pixels = flags, bytes.Clone(data)
	case width < int(m.Width) || height < int(m.Height) || len(data)%height != 0 || len(data)/height < width*size:
		r.Failf("bitmap", "%d by %d pixels shown of %d by %d in %d bytes", m.Width, m.Height, width, height, len(data))
	default:
		m.Pixels = topDown(data, len(data)/height, height, int(m.Width)*size, int(m.Height))
	}
	return m
}

// topDown takes the visible part of rows that come from the bottom up.
func topDown(data []byte, stride, height, row, rows int) []byte {
	out := make([]byte, 0, row*rows)
	for y := range rows {
		at := (height - 1 - y) * stride
		out = append(out, data[at:at+row]...)
	}
	return out
}
