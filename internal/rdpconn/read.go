package rdpconn

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tslab/tslab/wire/rdp"
)

// inbound is a packet's content in the clear. It is valid until the next read.
type inbound struct {
	fastPath bool
	events   uint8 // of fast-path input
	header   rdp.SecurityHeader
	sealed   bool
	data     []byte
}

// readPacket reads one packet, whole.
func (c *Conn) readPacket() (packet []byte, fastPath bool, err error) {
	n := 0
	for want := rdp.MinHeader; n == 0; want++ {
		head, err := c.r.Peek(want)
		if err != nil {
			return nil, false, c.readError(err, len(head) > 0)
		}
		if n, fastPath, err = rdp.PacketLen(head); err != nil {
			return nil, false, c.bad(err)
		}
	}
	if n > c.limit {
		return nil, false, c.bad(fmt.Errorf("packet of %d bytes, want at most %d", n, c.limit))
	}
	if cap(c.in) < n {
		c.in = make([]byte, n)
	}
	c.in = c.in[:n]
	if _, err := io.ReadFull(c.r, c.in); err != nil {
		return nil, false, c.readError(err, true)
	}
	return c.in, fastPath, nil
}

// readError says what an error of the transport means here.
func (c *Conn) readError(err error, began bool) error {
	if errors.Is(err, io.EOF) && began {
		err = io.ErrUnexpectedEOF
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("nothing complete in %v: %w", c.timeout, err)
	}
	return c.bad(err)
}

// readX224 reads a packet that is not of the fast path.
func (c *Conn) readX224() ([]byte, error) {
	packet, fastPath, err := c.readPacket()
	if err != nil {
		return nil, err
	}
	if fastPath {
		return nil, c.bad(errors.New("fast-path packet before the session"))
	}
	return packet, nil
}

// readMCS reads an MCS packet's content; a farewell is a PeerError.
func (c *Conn) readMCS() ([]byte, error) {
	packet, err := c.readX224()
	if err != nil {
		return nil, err
	}
	return c.mcs(packet)
}

// mcs takes X.224 off a packet.
func (c *Conn) mcs(packet []byte) ([]byte, error) {
	code, content, err := rdp.ParseX224(packet)
	if err != nil {
		return nil, c.bad(err)
	}
	if code == rdp.X224Disconnect {
		return nil, c.gone("X.224 Disconnect Request", c.farewell)
	}
	if code != rdp.X224Data {
		return nil, c.bad(fmt.Errorf("X.224 TPDU %#x, want Data", uint8(code)))
	}
	return content, nil
}

// readDomain reads a domain PDU and records it; a farewell is a PeerError.
func (c *Conn) readDomain(want rdp.MCSKind) (rdp.MCS, error) {
	packet, err := c.readX224()
	if err != nil {
		return rdp.MCS{}, err
	}
	content, err := c.mcs(packet)
	if err != nil {
		return rdp.MCS{}, err
	}
	m, err := c.domain(content)
	if err != nil {
		return rdp.MCS{}, err
	}
	if m.Kind != want {
		return rdp.MCS{}, c.bad(fmt.Errorf("%v, want %v", m.Kind, want))
	}
	c.record(Record{Direction: Received, Step: c.step, PDU: m.Kind.String(), Data: packet})
	return m, nil
}

// domain parses a domain PDU; the ways to say good-bye are PeerErrors.
func (c *Conn) domain(content []byte) (rdp.MCS, error) {
	m, err := rdp.ParseMCS(content)
	if err != nil {
		return m, c.bad(err)
	}
	switch m.Kind {
	case rdp.MCSUltimatum:
		return m, c.gone(fmt.Sprintf("MCS Disconnect Provider Ultimatum, reason %d", m.Reason), c.farewell)
	case rdp.MCSDetachUser:
		return m, c.gone("MCS Detach User", c.farewell)
	}
	return m, nil
}

// next reads what comes next on the I/O channel or by the fast path, decrypted.
// What comes on other channels is dropped. With basic set there is a security
// header even without encryption: Client Info and licensing have one.
func (c *Conn) next(basic bool) (inbound, error) {
	for {
		packet, fastPath, err := c.readPacket()
		if err != nil {
			return inbound{}, err
		}
		if fastPath {
			return c.nextFast(packet)
		}
		content, err := c.mcs(packet)
		if err != nil {
			return inbound{}, err
		}
		m, err := c.domain(content)
		if err != nil {
			return inbound{}, err
		}
		if want := c.peerData(); m.Kind != want {
			return inbound{}, c.bad(fmt.Errorf("%v, want %v", m.Kind, want))
		}
		other := m.Channel != c.ioChannel
		if other && c.recv == nil {
			continue
		}
		in, err := c.unprotect(m.Data, basic && !other)
		if err != nil || !other {
			return in, err
		}
	}
}

// peerData is the kind of domain PDU that carries the peer's data.
func (c *Conn) peerData() rdp.MCSKind {
	if c.server != nil {
		return rdp.MCSSendRequest
	}
	return rdp.MCSSendIndication
}

// unprotect takes the security header off and decrypts.
func (c *Conn) unprotect(data []byte, basic bool) (inbound, error) {
	if c.recv == nil && !basic {
		return inbound{data: data}, nil
	}
	h, data, err := rdp.ParseSecurityHeader(data)
	if err != nil {
		return inbound{}, c.bad(err)
	}
	in := inbound{header: h, data: data}
	if h.Flags&rdp.SecEncrypt == 0 {
		return in, c.mayBePlain(h.Flags)
	}
	if c.recv == nil {
		return inbound{}, c.bad(errNotAgreed)
	}
	in.sealed = true
	if err := c.recv.Open(data, h.Signature, h.Flags&rdp.SecSalted != 0); err != nil {
		return inbound{}, c.bad(err)
	}
	return in, nil
}

var (
	errNotAgreed = errors.New("peer encrypts though no encryption was agreed (rdesktop needs -e for that)")
	errPlain     = errors.New("peer does not encrypt though encryption was agreed")
)

// mayBePlain refuses plain data of a client under RDP security, except licensing
// messages. A server may send plain at level LOW, and nothing depends on it.
func (c *Conn) mayBePlain(flags uint16) error {
	if c.recv == nil || c.server == nil || flags&(rdp.SecLicense|rdp.SecExchange) != 0 {
		return nil
	}
	return c.bad(errPlain)
}

// nextFast takes the frame off a fast-path packet and decrypts.
func (c *Conn) nextFast(packet []byte) (inbound, error) {
	if c.step < StepActivate {
		return inbound{}, c.bad(errors.New("fast-path packet before the session"))
	}
	f, err := rdp.ParseFastPath(packet)
	if err != nil {
		return inbound{}, c.bad(err)
	}
	in := inbound{fastPath: true, events: f.Events, data: f.Data}
	switch {
	case f.Encrypted && c.recv == nil:
		return inbound{}, c.bad(errNotAgreed)
	case f.Encrypted:
		in.sealed = true
		if err := c.recv.Open(f.Data, f.Signature, f.Salted); err != nil {
			return inbound{}, c.bad(err)
		}
	case c.recv != nil && c.server != nil:
		return inbound{}, c.bad(errPlain)
	}
	return in, nil
}
