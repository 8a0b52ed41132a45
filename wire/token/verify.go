package token

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// Check is what Verify looks at.
type Check string

// The checks, in their order.
const (
	CheckSignature Check = "signature"  // a certificate is not signed by the one above it
	CheckAuthority Check = "authority"  // a certificate above may not sign
	CheckIssuer    Check = "issuer"     // the issuer named inside is not the server that signed
	CheckRoot      Check = "root"       // the chain ends at no trusted root, and nobody knows the server
	CheckServer    Check = "validity"   // a certificate above the token was not valid when it signed
	CheckFields    Check = "extensions" // the license does not fit its certificate
)

// VerifyError says why a token is not to be trusted.
type VerifyError struct {
	Certificate string // which certificate: its subject
	Check       Check
	Reason      string
	Remedy      string
}

func (e *VerifyError) Error() string {
	return fmt.Sprintf("certificate of %s: %s: %s; %s", e.Certificate, e.Check, e.Reason, e.Remedy)
}

// Verify checks signatures and chain: the token is signed by the last certificate
// of its chain, each of those by the one before it, and the first is one of roots,
// or else known knows the license server's certificate. known may be nil. The
// error is a *VerifyError.
//
// The token's own dates are not looked at; now is for the certificates above it.
func (t *Token) Verify(now time.Time, roots []*x509.Certificate, known func(cert []byte) bool) error {
	return errors.ErrUnsupported
}

// SelfSigned reports whether the token comes from a license server that was not
// activated.
func (t *Token) SelfSigned() bool { return len(t.Chain) == 1 }
