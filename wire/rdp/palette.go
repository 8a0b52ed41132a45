package rdp

// Palette is the 256 colors of a session of 8 bits, TS_UPDATE_PALETTE_DATA
// 2.2.9.1.1.3.1.1.1.
type Palette [256]Color
