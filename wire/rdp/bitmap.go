package rdp

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

// Color is one entry of a palette.
type Color struct{ R, G, B uint8 }

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
