package rdpconn

import (
	"context"
	"errors"
	"net"

	"github.com/tslab/tslab/wire/rdp"
)

// Conn is a connection whose Client Info is through.
type Conn struct {
	nc net.Conn
}

// Accept speaks the server's part from negotiation to Client Info. ctx ends it; it
// has no effect after Accept has returned. The connection is closed on error.
func Accept(ctx context.Context, nc net.Conn, config *ServerConfig) (*Conn, error) {
	return nil, errors.ErrUnsupported
}

// Dial speaks the client's part on a connection that stands, up to and including
// Client Info. ctx ends it; it has no effect after Dial has returned. The
// connection is closed on error.
func Dial(ctx context.Context, nc net.Conn, config *ClientConfig) (*Conn, error) {
	return nil, errors.ErrUnsupported
}

// Info is the client's Client Info.
func (c *Conn) Info() rdp.ClientInfo { return rdp.ClientInfo{} }

// ClientName is the name of the client's computer.
func (c *Conn) ClientName() string { return "" }

// ClientCore is what the client said of itself.
func (c *Conn) ClientCore() rdp.ClientCore { return rdp.ClientCore{} }

// Desktop is the desktop that the client asks for.
func (c *Conn) Desktop() rdp.Desktop { return rdp.Desktop{} }

// Security is "NONE", "40", "56", "128" or "TLS".
func (c *Conn) Security() string { return "" }

// SupportsErrorInfo reports whether the client announced that it understands
// SetErrorInfo.
func (c *Conn) SupportsErrorInfo() bool { return false }

// ServerCertificate is the SERVER_CERTIFICATE of the connection: what a license
// request carries, and on the client what the server sent. It is nil on a client
// whose connection has no RDP security.
func (c *Conn) ServerCertificate() []byte { return nil }

// ReadLicense reads one licensing message, preamble and all, without its security
// header.
func (c *Conn) ReadLicense() ([]byte, error) { return nil, errors.ErrUnsupported }

// WriteLicense writes one licensing message, preamble and all.
func (c *Conn) WriteLicense(body []byte) error { return errors.ErrUnsupported }

// Activate goes through the capability exchange, Demand Active to Font Map. The
// server announces the desktop; the client takes the server's and ignores its argument.
func (c *Conn) Activate(desktop rdp.Desktop) error { return errors.ErrUnsupported }

// WriteBitmap draws rectangles of any size; it cuts them to what a PDU carries.
// Their depth is the desktop's. Server only.
func (c *Conn) WriteBitmap(rects []rdp.BitmapRect) error { return errors.ErrUnsupported }

// WritePalette sends the 256 colors of a session of 8 bits. Server only.
func (c *Conn) WritePalette(p rdp.Palette) error { return errors.ErrUnsupported }

// WriteLogon sends Save Session Info, "a user has logged on". Server only.
func (c *Conn) WriteLogon() error { return errors.ErrUnsupported }

// ReadInput waits for the next input of the client, for ever. An end of the
// connection is a PeerError that wraps ErrDisconnected. Server only.
func (c *Conn) ReadInput() ([]rdp.InputEvent, error) { return nil, errors.ErrUnsupported }

// WriteInput sends input. Client only.
func (c *Conn) WriteInput(events []rdp.InputEvent) error { return errors.ErrUnsupported }

// Update is something that the server sent to an active client.
type Update struct {
	Rects     []rdp.BitmapRect
	Palette   *rdp.Palette
	ErrorInfo uint32 // why the server will end the connection, 0 for no reason
	Logon     bool   // Save Session Info came
	Other     string // the name of an update that is not decoded
}

// ReadUpdate waits for what the server sends, for ever. An end of the connection is
// a PeerError that wraps ErrDisconnected and has the last error info's code. Client only.
func (c *Conn) ReadUpdate() (Update, error) { return Update{}, errors.ErrUnsupported }

// SetErrorInfo tells the client why the connection will end, if it announced that
// it understands; otherwise it does nothing. Server only, after Activate.
func (c *Conn) SetErrorInfo(code uint32) error { return errors.ErrUnsupported }

// Close ends the connection in the protocol's way and closes it. It may be called
// at any time, more than once and from any goroutine.
func (c *Conn) Close() error { return c.nc.Close() }

// Abort closes the connection without a word.
func (c *Conn) Abort() error { return c.nc.Close() }
