package rdp

// Desktop is the size and the depth of a session's screen.
type Desktop struct {
	Width, Height uint16
	Bpp           uint16 // 8, 15, 16, 24 or 32
}
