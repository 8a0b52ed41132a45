package rdp

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/tslab/tslab/internal/cursor"
)

// Protocol is a security protocol, and as a set of bits what a client offers,
// RDP_NEG_REQ 2.2.1.1.1.
type Protocol uint32

// The protocols. ProtocolRDP, standard RDP security, is the absence of all bits.
const (
	ProtocolRDP      Protocol = 0
	ProtocolSSL      Protocol = 1
	ProtocolHybrid   Protocol = 2
	ProtocolRDSTLS   Protocol = 4
	ProtocolHybridEx Protocol = 8
)

// FailureCode says why a server refuses a negotiation, RDP_NEG_FAILURE 2.2.1.2.2.
type FailureCode uint32

// The failure codes.
const (
	FailSSLRequired       FailureCode = 1
	FailSSLNotAllowed     FailureCode = 2
	FailNoCertificate     FailureCode = 3
	FailInconsistentFlags FailureCode = 4
	FailHybridRequired    FailureCode = 5
	FailUserAuthRequired  FailureCode = 6
)

var failureNames = [...]string{"", "SSL_REQUIRED_BY_SERVER", "SSL_NOT_ALLOWED_BY_SERVER", "SSL_CERT_NOT_ON_SERVER",
	"INCONSISTENT_FLAGS", "HYBRID_REQUIRED_BY_SERVER", "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER"}

// String is the specification's name.
func (c FailureCode) String() string {
	if c > 0 && int(c) < len(failureNames) {
		return failureNames[c]
	}
	return fmt.Sprintf("failure code %d", uint32(c))
}

const (
	negRequest  = 1
	negResponse = 2
	negFailure  = 3
	negCorr     = 6
	negLen      = 8
	negCorrLen  = 36
	negFlagCorr = 8

	cookiePrefix = "Cookie: mstshash="
	maxCookie    = 200
)

// ConnectionRequest is the client's first packet, 2.2.1.1.
type ConnectionRequest struct {
	Cookie       string // the user's name, often cut to 9 characters
	RoutingToken []byte // for a load balancer, in place of the cookie
	Negotiation  bool   // the client knows negotiation; without it, it speaks standard RDP security
	Flags        uint8
	Protocols    Protocol
}

// Append is the packet. A cookie of more than 200 bytes is an error.
func (m ConnectionRequest) Append(b []byte) ([]byte, error) {
	var w cursor.Writer
	if len(m.RoutingToken) > 0 {
		w.Append(m.RoutingToken)
		w.Append([]byte("\r\n"))
	} else if m.Cookie != "" {
		if len(m.Cookie) > maxCookie || strings.ContainsAny(m.Cookie, "\r\n") {
			return b, fmt.Errorf("cookie of %d bytes, want at most %d and no line break", len(m.Cookie), maxCookie)
		}
		w.Append([]byte(cookiePrefix + m.Cookie + "\r\n"))
	}
	if m.Negotiation {
		w.U8(negRequest)
		w.U8(m.Flags &^ negFlagCorr)
		w.U16(negLen)
		w.U32(uint32(m.Protocols))
	}
	return appendX224(b, X224Request, 0, w.Bytes())
}

// ParseConnectionRequest reads the whole packet.
func ParseConnectionRequest(packet []byte) (ConnectionRequest, error) {
	var m ConnectionRequest
	code, v, err := ParseX224(packet)
	if err != nil {
		return m, fmt.Errorf("connection request: %w", err)
	}
	if code != X224Request {
		return m, fmt.Errorf("connection request: TPDU code %#x, want 0xe0", uint8(code))
	}
	if i := bytes.Index(v, []byte("\r\n")); i >= 0 && v[0] != negRequest {
		if line := v[:i]; bytes.HasPrefix(line, []byte(cookiePrefix)) {
			m.Cookie = string(line[len(cookiePrefix):])
		} else {
			m.RoutingToken = bytes.Clone(line)
		}
		v = v[i+2:]
	}
	return m, m.parseNegotiation(v)
}

// parseNegotiation reads what follows the cookie: nothing, or a request and
// perhaps the correlation information that its flags announce.
func (m *ConnectionRequest) parseNegotiation(v []byte) error {
	if len(v) == 0 {
		return nil
	}
	r := cursor.NewReader(v)
	kind, flags, length := r.U8("type"), r.U8("flags"), r.U16("length")
	protocols := r.U32("requestedProtocols")
	if r.Err() == nil && (kind != negRequest || length != negLen) {
		return fmt.Errorf("connection request: negotiation type %d of %d bytes, want 1 of 8", kind, length)
	}
	if flags&negFlagCorr != 0 {
		if k := r.U8("correlation type"); r.Err() == nil && k != negCorr {
			return fmt.Errorf("connection request: correlation type %d, want 6", k)
		}
		r.Skip("correlation info", negCorrLen-1)
	}
	if err := r.End(); err != nil {
		return fmt.Errorf("connection request: %w", err)
	}
	m.Negotiation, m.Flags, m.Protocols = true, flags&^negFlagCorr, Protocol(protocols)
	return nil
}

// ConnectionConfirm is the server's answer, 2.2.1.2.
type ConnectionConfirm struct {
	Negotiation bool        // it carries an answer; not to a client that did not ask
	Failure     FailureCode // refused, for this reason; 0 is a response
	Flags       uint8       // of a response
	Selected    Protocol    // of a response
}

// Append is the packet.
func (m ConnectionConfirm) Append(b []byte) []byte {
	var w cursor.Writer
	if m.Negotiation && m.Failure != 0 {
		w.U8(negFailure)
		w.U8(0)
		w.U16(negLen)
		w.U32(uint32(m.Failure))
	} else if m.Negotiation {
		w.U8(negResponse)
		w.U8(m.Flags)
		w.U16(negLen)
		w.U32(uint32(m.Selected))
	}
	b, _ = appendX224(b, X224Confirm, serverSrcRef, w.Bytes()) // 8 bytes are never too long
	return b
}

// ParseConnectionConfirm reads the whole packet.
func ParseConnectionConfirm(packet []byte) (ConnectionConfirm, error) {
	var m ConnectionConfirm
	code, v, err := ParseX224(packet)
	if err != nil {
		return m, fmt.Errorf("connection confirm: %w", err)
	}
	if code != X224Confirm {
		return m, fmt.Errorf("connection confirm: TPDU code %#x, want 0xd0", uint8(code))
	}
	if len(v) == 0 {
		return m, nil
	}
	r := cursor.NewReader(v)
	kind, flags, length, value := r.U8("type"), r.U8("flags"), r.U16("length"), r.U32("value")
	if err := r.End(); err != nil {
		return m, fmt.Errorf("connection confirm: %w", err)
	}
	switch {
	case length != negLen:
		return m, fmt.Errorf("connection confirm: negotiation of %d bytes, want 8", length)
	case kind == negResponse:
		return ConnectionConfirm{Negotiation: true, Flags: flags, Selected: Protocol(value)}, nil
	case kind == negFailure && value != 0:
		return ConnectionConfirm{Negotiation: true, Failure: FailureCode(value)}, nil
	}
	return m, fmt.Errorf("connection confirm: negotiation type %d with value %d", kind, value)
}
