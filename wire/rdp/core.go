package rdp

// Channel is a static virtual channel that a client asks for, CHANNEL_DEF 2.2.1.3.4.1.
type Channel struct {
	Name    string // up to 7 ASCII characters
	Options uint32
}

// ClientCore is the client's core data, TS_UD_CS_CORE 2.2.1.3.2.
type ClientCore struct {
	Version    uint32
	Desktop    Desktop // as asked for; Bpp is the deepest that the client offers
	Keyboard   uint32
	Build      uint32
	ClientName string
	ProductID  string // DigProductId
	EarlyFlags uint16
	Selected   uint32 // serverSelectedProtocol
}

// Capabilities are switches of the server's Demand Active.
type Capabilities struct {
	NoFastPathInput bool
}
