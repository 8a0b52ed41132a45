package rdpconn

import (
	"crypto/tls"
	"fmt"
	"io"
	"time"

	"github.com/tslab/tslab/internal/tamper"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
)

// Protocols says which security protocols a role takes, and which it likes better.
type Protocols uint8

// The choices. The zero value takes both; a server then answers a client that
// offers more than TLS alone with standard RDP security, because a bare rdesktop
// would stop at a certificate question otherwise. A client offers TLS and takes
// either answer.
const (
	Both Protocols = iota
	RDPOnly
	TLSOnly
	BothPreferTLS
)

// ParseProtocols reads rdp, tls, both or both-tls.
func ParseProtocols(s string) (Protocols, error) {
	for p, name := range protocolNames {
		if s == name {
			return Protocols(p), nil
		}
	}
	return 0, fmt.Errorf("security %q: want rdp, tls, both or both-tls", s)
}

var protocolNames = [...]string{Both: "both", RDPOnly: "rdp", TLSOnly: "tls", BothPreferTLS: "both-tls"}

// String is what ParseProtocols reads.
func (p Protocols) String() string {
	if int(p) < len(protocolNames) {
		return protocolNames[p]
	}
	return fmt.Sprintf("protocols %d", uint8(p))
}

// DefaultStepTimeout is how long a peer may take over one step when the
// configuration does not say.
const DefaultStepTimeout = 30 * time.Second

// ServerConfig is the server's side of a connection. It must not change while in use.
type ServerConfig struct {
	Protocols Protocols

	// Encryption are the methods under standard RDP security, the preferred first.
	// The first that the client offers is chosen; MethodNone suits every client
	// except an rdesktop without -e. Nil is 128, 56, 40, and NONE for a client that
	// offers nothing.
	Encryption []rdpsec.Method

	Key         *rdpsec.PrivateKey // of the terminal server
	Certificate []byte             // SERVER_CERTIFICATE of Key; nil is its proprietary form
	TLS         *tls.Config        // needed unless Protocols is RDPOnly

	Rand        io.Reader     // server random; nil is crypto/rand
	StepTimeout time.Duration // for each step of the peer; 0 is DefaultStepTimeout
	Transcript  func(Record)  // told of every PDU, one at a time; may be nil

	// KeyLog is told the client random of each connection under RDP security, in a
	// line "RDP_CLIENT_RANDOM server-random client-random" in hexadecimal, from
	// which the session keys follow. May be nil.
	KeyLog io.Writer

	EncryptLicensing bool // under RDP security: seal licensing messages too
	SaltedMAC        bool // under RDP security: send salted signatures
	LowLevel         bool // under RDP security: encryption level LOW, only what the client sends is encrypted
	SlowPath         bool // neither use nor offer the fast path

	Tamper *tamper.Table // the faults of a lab, on licensing messages; nil for none
}

// ClientConfig is the client's side of a connection. It must not change while in use.
type ClientConfig struct {
	Protocols     Protocols
	NoNegotiation bool            // send no RDP_NEG_REQ, as clients before RDP 5.2 do; with RDPOnly or Both
	Encryption    []rdpsec.Method // offered; nil is 40, 56 and 128; only MethodNone offers none

	ClientName string // 15 characters are carried
	Build      uint32 // of the client; 0 is 2600
	Keyboard   uint32 // layout; 0 is 0x409
	Desktop    rdp.Desktop
	Channels   []rdp.Channel

	Domain, User, Password string

	// TLS is the TLS configuration; nil takes any certificate, as the clients of
	// that age do.
	TLS *tls.Config

	Rand        io.Reader     // client random; nil is crypto/rand
	StepTimeout time.Duration // for each step of the peer; 0 is DefaultStepTimeout
	Transcript  func(Record)  // told of every PDU, one at a time; may be nil

	EncryptLicensing bool // under RDP security: seal licensing messages too
	SaltedMAC        bool // under RDP security: send salted signatures
	SlowPath         bool // neither use nor offer the fast path
	NoErrorInfo      bool // do not announce that error info is understood
}
