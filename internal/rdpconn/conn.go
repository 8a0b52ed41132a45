package rdpconn

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
)

// Conn is a connection whose Client Info is through.
type Conn struct {
	nc      net.Conn // the TLS connection once there is one
	r       *bufio.Reader
	in      []byte // the packet that was read last
	step    Step   // of the reader
	timeout time.Duration
	limit   int // of a packet's length
	server  *ServerConfig
	client  *ClientConfig

	transcriptMu sync.Mutex
	transcript   func(Record)

	tls       bool
	method    rdpsec.Method
	level     uint32
	data      rdp.ClientData
	info      rdp.ClientInfo
	certIn    []byte // SERVER_CERTIFICATE
	ioChannel uint16
	userID    uint16 // of the client
	channels  []uint16
	desktop   rdp.Desktop
	shareID   uint32
	source    uint16 // the channel of this end, in share PDUs
	recv      *rdpsec.Cipher

	writeMu  sync.Mutex
	send     *rdpsec.Cipher
	connect  bool // MCS is up: an ultimatum can be understood
	fastOut  bool // the peer takes the fast path
	active   bool
	pending  []Update
	licenses [][]byte // licensing messages that have come and were not asked for yet
	parts    []byte   // of an update that came in fragments
	farewell uint32   // the last error info that came

	closeOnce sync.Once
	closeErr  error
}

// maxServerPacket is what a client's packet may measure: one MCS SendData of 16383
// bytes with all its headers.
const maxServerPacket = rdp.MaxUserData + 64

// linger is how long an end waits for the peer to hang up after a farewell. To
// close a socket with unread bytes in it would reset the connection, and the peer
// might not read what it was told.
const linger = 500 * time.Millisecond

func newConn(nc net.Conn, timeout time.Duration, transcript func(Record), limit int) *Conn {
	if timeout == 0 {
		timeout = DefaultStepTimeout
	}
	return &Conn{nc: nc, r: bufio.NewReader(nc), timeout: timeout, transcript: transcript, limit: limit, ioChannel: rdp.IOChannel}
}

// run does a role's part of the connection up to Client Info, bounded by ctx, and
// closes the connection when it fails.
func (c *Conn) run(ctx context.Context, part func(context.Context) error) error {
	nc := c.nc
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	err := part(ctx)
	if !stop() {
		err = &ProtocolError{Received, c.step, context.Cause(ctx)}
	}
	if err == nil {
		return nil
	}
	c.giveUp(err)
	return err
}

// giveUp tells the peer that an error of its own ends the connection, and closes it.
func (c *Conn) giveUp(err error) {
	var own *ProtocolError
	if errors.As(err, &own) && !isTransport(err) && c.connect {
		c.writeUltimatum(rdp.ReasonProviderInitiated)
	}
	if isTransport(err) {
		c.nc.Close()
		return
	}
	c.hangUp()
}

// isTransport reports whether nothing can be said to the peer any more.
func isTransport(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, context.Canceled)
}

// begin starts a step: its deadline runs from now.
func (c *Conn) begin(step Step) {
	c.step = step
	c.nc.SetReadDeadline(time.Now().Add(c.timeout))
}

// bad is an error in what was received.
func (c *Conn) bad(err error) error {
	var pe *ProtocolError
	var peer *PeerError
	if err == nil || errors.As(err, &pe) || errors.As(err, &peer) {
		return err
	}
	return &ProtocolError{Received, c.step, err}
}

// gone is the error of a peer that has said good-bye.
func (c *Conn) gone(reason string, code uint32) error {
	return &PeerError{Step: c.step, Code: code, Reason: reason, Err: ErrDisconnected}
}

// record tells the transcript.
func (c *Conn) record(r Record) {
	if c.transcript == nil {
		return
	}
	c.transcriptMu.Lock()
	defer c.transcriptMu.Unlock()
	c.transcript(r)
}

// received records a PDU that was read in the current step.
func (c *Conn) received(name string, in inbound) {
	c.record(Record{Direction: Received, Step: c.step, PDU: name, Security: in.header.Flags, Sealed: in.sealed, Data: in.data})
}

// Info is the client's Client Info.
func (c *Conn) Info() rdp.ClientInfo { return c.info }

// ClientName is the name of the client's computer.
func (c *Conn) ClientName() string { return c.data.Core.ClientName }

// ClientCore is what the client said of itself.
func (c *Conn) ClientCore() rdp.ClientCore { return c.data.Core }

// Desktop is the desktop that the client asks for, and after Activate the one that
// the server gave.
func (c *Conn) Desktop() rdp.Desktop { return c.desktop }

// Security is "NONE", "40", "56", "128" or "TLS".
func (c *Conn) Security() string {
	if c.tls {
		return "TLS"
	}
	return c.method.String()
}

// SupportsErrorInfo reports whether the client announced that it understands
// SetErrorInfo.
func (c *Conn) SupportsErrorInfo() bool {
	return c.data.Core.EarlyFlags&rdp.EarlyErrorInfo != 0
}

// ServerCertificate is the SERVER_CERTIFICATE of the connection: on the server what
// a license request carries, on the client what the server sent. It is nil on a
// client whose connection has no RDP security.
func (c *Conn) ServerCertificate() []byte { return c.certIn }

// RemoteAddr is the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }
