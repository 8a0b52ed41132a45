package rdp

import (
	"github.com/tslab/tslab/internal/cursor"
)

// Versions of the core data, 2.2.1.3.2. A server of VersionRDP4 makes rdesktop
// fall back to RDP 4.
const (
	VersionRDP4 = 0x00080001
	VersionRDP5 = 0x00080004
)

// Early capability flags of the client's core data.
const (
	EarlyErrorInfo       uint16 = 0x0001 // understands Set Error Info
	EarlyWant32Bpp       uint16 = 0x0002
	EarlySkipChannelJoin uint16 = 0x0800
)

const (
	clientNameLen = 32
	imeLen        = 64
	productIDLen  = 64
	coreFixedLen  = 128 // up to and without postBeta2ColorDepth
	depth8        = 0xca01
	support32     = 0x0008
	sasSequence   = 0xaa03
)

// ClientCore is the client's core data, TS_UD_CS_CORE 2.2.1.3.2.
type ClientCore struct {
	Version    uint32
	Desktop    Desktop // as asked for; Bpp is the deepest that the client wants
	Keyboard   uint32
	Build      uint32
	ClientName string // 15 characters at most
	ProductID  string // DigProductId
	EarlyFlags uint16
	Selected   Protocol // what the client believes was negotiated
}

// highColor is highColorDepth, which knows no 32.
func (c ClientCore) highColor() uint16 { return min(c.Desktop.Bpp, 24) }

func (c ClientCore) append(w *cursor.Writer) {
	var b cursor.Writer
	b.U32(c.Version)
	b.U16(c.Desktop.Width)
	b.U16(c.Desktop.Height)
	b.U16(depth8)
	b.U16(sasSequence)
	b.U32(c.Keyboard)
	b.U32(c.Build)
	name := encodeUTF16(c.ClientName, clientNameLen/2-1)
	b.Append(name)
	b.Zero(clientNameLen - len(name))
	b.U32(4) // keyboardType: IBM enhanced
	b.U32(0)
	b.U32(12) // function keys
	b.Zero(imeLen)
	b.U16(depth8)
	b.U16(1) // clientProductId
	b.U32(0) // serialNumber
	b.U16(c.highColor())
	supported, early := uint16(0x0007), c.EarlyFlags
	if c.Desktop.Bpp == 32 {
		supported, early = supported|support32, early|EarlyWant32Bpp
	}
	b.U16(supported)
	b.U16(early)
	product := encodeUTF16(c.ProductID, productIDLen/2-1)
	b.Append(product)
	b.Zero(productIDLen - len(product))
	b.U8(0) // connectionType
	b.U8(0)
	b.U32(uint32(c.Selected))
	appendBlock(w, csCore, b.Bytes())
}

// parseClientCore reads the block's body, which may end after any field from
// postBeta2ColorDepth on and go on after the last that is known.
func parseClientCore(body []byte) (ClientCore, error) {
	var c ClientCore
	r := cursor.NewReader(body)
	c.Version = r.U32("version")
	c.Desktop.Width = r.U16("desktopWidth")
	c.Desktop.Height = r.U16("desktopHeight")
	depth := colorDepth(r.U16("colorDepth"))
	r.Skip("SASSequence", 2)
	c.Keyboard = r.U32("keyboardLayout")
	c.Build = r.U32("clientBuild")
	c.ClientName = fixedUTF16(r, "clientName", clientNameLen)
	r.Skip("keyboard type, subtype, function keys", 12)
	r.Skip("imeFileName", imeLen)
	if r.Len() >= 2 {
		depth = colorDepth(r.U16("postBeta2ColorDepth"))
	}
	c.Desktop.Bpp = depth
	if err := r.Err(); err != nil {
		return ClientCore{}, err
	}
	if r.Len() >= 2+4+2+2+2 {
		r.Skip("clientProductId, serialNumber", 6)
		c.highDepth(r.U16("highColorDepth"), r.U16("supportedColorDepths"), r.U16("earlyCapabilityFlags"))
	}
	if r.Len() >= productIDLen {
		c.ProductID = fixedUTF16(r, "clientDigProductId", productIDLen)
	}
	if r.Len() >= 1+1+4 {
		r.Skip("connectionType, pad", 2)
		c.Selected = Protocol(r.U32("serverSelectedProtocol"))
	}
	return c, r.Err()
}

// highDepth takes the fields by which newer clients ask for more than 8 bits.
func (c *ClientCore) highDepth(high, supported, early uint16) {
	c.EarlyFlags = early
	switch high {
	case 4:
		c.Desktop.Bpp = 8
	case 8, 15, 16, 24:
		c.Desktop.Bpp = high
	}
	if early&EarlyWant32Bpp != 0 && supported&support32 != 0 {
		c.Desktop.Bpp = 32
	}
}

// colorDepth turns RNS_UD_COLOR codes to bits; what is not known counts as 8.
func colorDepth(code uint16) uint16 {
	switch code {
	case 0xca02:
		return 15
	case 0xca03:
		return 16
	case 0xca04:
		return 24
	}
	return 8
}
