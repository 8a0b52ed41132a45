// Package token is the license token: what a license server signs, a terminal
// server pushes to a device, and the device shows at its next connection. A token
// is an X.509 certificate by ECDSA P-256 inside a certs-only PKCS#7, with the
// license in extensions of our own arc.
//
// [Sign] makes one, [Parse] reads one, and [Token.Verify] says exactly why one is
// not to be trusted. Whether a sound token is still good today is not decided here
// but by the policy that is told the time.
package token

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/tslab/tslab/wire/hwid"
)

// Kind is what a token entitles its device to, or what a key pack holds.
type Kind uint8

// The kinds of token.
const (
	Temporary         Kind = 1 // admits for some days, once per device
	CAL               Kind = 2 // taken from a key pack
	BuiltIn           Kind = 3 // from the pool that costs nothing, by the device's operating system
	InternetConnector Kind = 4 // held by a terminal server, not by a device
	PerUser           Kind = 5 // a user's right, with Windows Server 2003: in key packs only, on no token
)

// String is the kind as administrators call it.
func (k Kind) String() string {
	switch k {
	case Temporary:
		return "temporary"
	case CAL:
		return "CAL"
	case BuiltIn:
		return "built-in"
	case InternetConnector:
		return "Internet Connector"
	case PerUser:
		return "Per User"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Version is the version of the product that a license is for.
type Version struct{ Major, Minor uint16 }

// String is the version as in "5.2".
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// License is what a token says. Times have whole seconds.
type License struct {
	Kind       Kind
	LicenseID  string
	KeyPackID  string // empty where no key pack gave it
	HardwareID hwid.ID
	Product    string
	Version    Version
	Machine    string
	User       string
	Issued     time.Time
	Expires    time.Time // zero: never
	Issuer     string    // License Server ID, or the name of a server that is not activated
}

// Token is a license as it was read, with the certificates that vouch for it. The
// fields of License say what the certificate says; only Verify makes them true.
type Token struct {
	License
	Chain []*x509.Certificate // root first, license server last; the server alone when it is not activated
	Leaf  *x509.Certificate
}
