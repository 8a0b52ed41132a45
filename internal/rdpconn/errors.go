package rdpconn

import (
	"errors"
	"fmt"
)

// ErrDisconnected is what a PeerError wraps when the peer ended the connection in
// one of the protocol's own ways.
var ErrDisconnected = errors.New("peer ended the connection")

// ErrNegotiation is what a PeerError wraps when the server refused the client's
// security protocols; its Code is the failure code.
var ErrNegotiation = errors.New("server refused the negotiation")

// ProtocolError is an error of this end: something could not be read or written, or
// was read and not understood, or came too late.
type ProtocolError struct {
	Direction Direction
	Step      Step
	Err       error
}

// Error names the step and the direction.
func (e *ProtocolError) Error() string {
	return fmt.Sprintf("rdp %v, %v: %v", e.Step, e.Direction, e.Err)
}

// Unwrap is the reason.
func (e *ProtocolError) Unwrap() error { return e.Err }

// PeerError is an error, or a farewell, that the peer sent.
type PeerError struct {
	Step   Step
	Code   uint32 // of a negotiation failure or of error info; the reason of an ultimatum
	Reason string
	Err    error // ErrDisconnected or ErrNegotiation
}

// Error says what the peer said.
func (e *PeerError) Error() string { return fmt.Sprintf("rdp %v: %v: %s", e.Step, e.Err, e.Reason) }

// Unwrap is ErrDisconnected or ErrNegotiation.
func (e *PeerError) Unwrap() error { return e.Err }
