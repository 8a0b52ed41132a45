package rdpconn

import (
	"fmt"
	"io"
	"net"
	"time"

	"github.com/tslab/tslab/wire/rdp"
)

// write sends bytes that are ready, within the step's time.
func (c *Conn) write(step Step, packet []byte) error {
	c.nc.SetWriteDeadline(time.Now().Add(c.timeout))
	if _, err := c.nc.Write(packet); err != nil {
		return &ProtocolError{Sent, step, err}
	}
	return nil
}

// writePacket records and sends a packet of the phases before data.
func (c *Conn) writePacket(name string, packet []byte) error {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	c.record(Record{Direction: Sent, Step: c.step, PDU: name, Data: packet})
	return c.write(c.step, packet)
}

// writeMCS sends a domain PDU.
func (c *Conn) writeMCS(m rdp.MCS) error {
	return c.writePacket(m.Kind.String(), rdp.AppendX224Data(nil, m.Append(nil)))
}

// outbound is what is to be sent on the I/O channel.
type outbound struct {
	step  Step
	name  string
	flags uint16 // of the security header
	basic bool   // with a header even when there is no encryption
	plain bool   // not encrypted even when there is encryption
	data  []byte
}

// writeData sends on the I/O channel, with the security header that the connection
// asks for.
func (c *Conn) writeData(o outbound) error {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	sealed := c.send != nil && !o.plain
	h := rdp.SecurityHeader{Flags: o.flags}
	if sealed {
		h.Flags |= rdp.SecEncrypt
		if c.salted() {
			h.Flags |= rdp.SecSalted
		}
	}
	r := Record{Direction: Sent, Step: o.step, PDU: o.name, Sealed: sealed, Data: o.data}
	if o.flags&rdp.SecLicense != 0 && len(o.data) > 0 {
		r.License = o.data[0]
	}
	var content []byte
	if c.send == nil && !o.basic {
		content = o.data
	} else {
		r.Security = h.Flags
		body := append([]byte(nil), o.data...)
		if sealed {
			h.Signature = c.send.Seal(body, c.salted())
		}
		content = append(h.Append(nil), body...)
	}
	if len(content) > rdp.MaxUserData {
		return &ProtocolError{Sent, o.step, fmt.Errorf("%s of %d bytes, want at most %d", o.name, len(content), rdp.MaxUserData)}
	}
	c.record(r)
	m := rdp.MCS{Kind: rdp.MCSSendIndication, Initiator: rdp.ServerChannel, Channel: c.ioChannel, Data: content}
	if c.client != nil {
		m.Kind, m.Initiator = rdp.MCSSendRequest, c.userID
	}
	return c.write(o.step, rdp.AppendX224Data(nil, m.Append(nil)))
}

// salted reports whether this end signs with the packet count.
func (c *Conn) salted() bool {
	if c.server != nil {
		return c.server.SaltedMAC
	}
	return c.client.SaltedMAC
}

// writeFast sends a packet by the fast path.
func (c *Conn) writeFast(name string, data []byte, events uint8) error {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	f := rdp.FastPath{Events: events, Data: data}
	if c.send != nil && !c.plainOut() {
		f.Encrypted, f.Salted = true, c.salted()
		f.Data = append([]byte(nil), data...)
		f.Signature = c.send.Seal(f.Data, f.Salted)
	}
	c.record(Record{Direction: Sent, Step: StepSession, PDU: name, Sealed: f.Encrypted, Data: data})
	return c.write(StepSession, f.Append(nil))
}

// plainOut reports whether this end's session data go unencrypted though there are
// keys: those of a server at level LOW.
func (c *Conn) plainOut() bool { return c.server != nil && c.level == rdp.LevelLow }

// writeShare sends a share data PDU.
func (c *Conn) writeShare(step Step, name string, kind rdp.DataKind, body []byte) error {
	data := rdp.Data{Kind: kind, ShareID: c.shareID, Body: body}.Append(nil, c.source)
	return c.writeData(outbound{step: step, name: name, plain: c.plainOut(), data: data})
}

// Close ends the connection in the protocol's way and closes it. It may be called
// at any time, more than once and from any goroutine.
func (c *Conn) Close() error {
	c.closeOnce.Do(func() {
		c.writeUltimatum(rdp.ReasonUserRequested)
		c.closeErr = c.hangUp()
	})
	return c.closeErr
}

// Abort closes the connection without a word.
func (c *Conn) Abort() error {
	c.closeOnce.Do(func() { c.closeErr = c.nc.Close() })
	return c.closeErr
}

// writeUltimatum sends the farewell unless a writer is stuck.
func (c *Conn) writeUltimatum(reason uint8) {
	if !c.writeMu.TryLock() {
		return
	}
	defer c.writeMu.Unlock()
	m := rdp.MCS{Kind: rdp.MCSUltimatum, Reason: reason}
	packet := rdp.AppendX224Data(nil, m.Append(nil))
	c.record(Record{Direction: Sent, Step: StepClose, PDU: m.Kind.String(), Data: packet})
	c.nc.SetWriteDeadline(time.Now().Add(linger))
	c.nc.Write(packet)
}

// hangUp closes for writing, lets the peer hang up, and closes.
func (c *Conn) hangUp() error {
	if w, ok := c.nc.(interface{ CloseWrite() error }); ok {
		w.CloseWrite()
	}
	c.nc.SetReadDeadline(time.Now().Add(linger))
	io.Copy(io.Discard, io.LimitReader(c.nc, 1<<20))
	return c.nc.Close()
}

// bufferedConn is a connection of which some bytes have been read ahead.
type bufferedConn struct {
	net.Conn
	r io.Reader
}

// Read takes the bytes that were read ahead first.
func (b bufferedConn) Read(p []byte) (int, error) { return b.r.Read(p) }
