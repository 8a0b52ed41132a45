package rdpconn

import "fmt"

// Direction is which way a PDU went.
type Direction uint8

// The directions, as this end sees them.
const (
	Received Direction = iota
	Sent
)

// String is "received" or "sent".
func (d Direction) String() string {
	if d == Sent {
		return "sent"
	}
	return "received"
}

// Step is the part of the connection in which something happened.
type Step uint8

// The steps, in their order.
const (
	StepNegotiate Step = iota
	StepTLS
	StepConnect // MCS and GCC
	StepJoin
	StepSecurity // Security Exchange
	StepInfo     // Client Info
	StepLicense
	StepActivate
	StepSession
	StepClose
)

var stepNames = [...]string{"negotiation", "TLS handshake", "MCS connect", "channel join", "security exchange",
	"client info", "licensing", "activation", "session", "close"}

// String names the step.
func (s Step) String() string {
	if int(s) < len(stepNames) {
		return stepNames[s]
	}
	return fmt.Sprintf("step %d", uint8(s))
}

// Record is one PDU of a transcript, in the clear.
type Record struct {
	Direction Direction
	Step      Step
	PDU       string // its name, such as "Client Info" or "licensing"
	Security  uint16 // flags of its security header, 0 without one
	Sealed    bool   // it was encrypted by standard RDP security on the wire
	License   byte   // of a licensing PDU: bMsgType; 0 otherwise

	// Data is what the PDU carries: the whole packet up to and including channel
	// join; after that what follows the MCS and security headers, decrypted. The
	// user's password stands in it. It is valid during the call only.
	Data []byte
}
