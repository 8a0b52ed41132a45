package token

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// Check is one thing that Verify looks at.
type Check string

// The checks.
const (
	CheckAuthority Check = "authority" // a certificate above may not sign the one below it
	CheckName      Check = "issuer"    // a certificate, or the license, names another issuer than the one above it
	CheckSignature Check = "signature" // a certificate is not signed by the one above it
	CheckExpiry    Check = "expiry"    // a certificate above the token has expired
	CheckRoot      Check = "root"      // the chain ends at no trusted root, and nobody knows the server
)

// VerifyError says why a token is not to be trusted.
type VerifyError struct {
	Certificate string // which certificate: the license, or its subject
	Check       Check
	Reason      string
	Remedy      string
}

func (e *VerifyError) Error() string {
	return fmt.Sprintf("%s of the certificate of %s: %s; %s", e.Check, e.Certificate, e.Reason, e.Remedy)
}

const remedyCorrupt = "the token was changed after it was signed: delete it from the device, which then asks for a new one"

// Verify checks that the token is signed by the last certificate of its chain, each
// of those by the one before it, the first by itself, and that the first is one of
// roots, or else that known knows the license server's certificate (its DER);
// known may be nil. The error is a *VerifyError.
//
// The token's own dates are not looked at: what an expired token is worth is
// policy. A certificate above it must not have expired at now. That it is not
// valid yet does not count: a lab's calendar stands years before that of the
// machine on which its clearinghouse was made.
func (t *Token) Verify(now time.Time, roots []*x509.Certificate, known func(cert []byte) bool) error {
	if trusted := slices.ContainsFunc(roots, t.Chain[0].Equal); !trusted {
		if err := checkSigned(t.Chain[0], t.Chain[0]); err != nil {
			return err
		}
	}
	below := len(t.Chain) - 1 // authorities below Chain[0]
	for i, c := range t.Chain {
		if err := checkAuthority(c, below-i); err != nil {
			return err
		}
		if now.After(c.NotAfter) {
			return fail(c, CheckExpiry, "it expired "+c.NotAfter.UTC().Format(time.DateOnly), "activate the license server again")
		}
		next := t.Leaf
		if i < below {
			next = t.Chain[i+1]
		}
		if err := checkSigned(next, c); err != nil {
			return err
		}
	}
	if server := t.Server(); t.Issuer != IssuerName(server) {
		return fail(t.Leaf, CheckName, fmt.Sprintf("the license says issued by %q, the chain %q", t.Issuer, IssuerName(server)), remedyCorrupt)
	}
	return t.checkRoot(roots, known)
}

// Server is the certificate of the license server that signed the token.
func (t *Token) Server() *x509.Certificate { return t.Chain[len(t.Chain)-1] }

// SelfSigned reports whether the token comes from a license server that was not
// activated.
func (t *Token) SelfSigned() bool { return len(t.Chain) == 1 }

// IssuerName is what a license server with this certificate writes as its name into
// licenses: the License Server ID, or the server's own name when not activated.
func IssuerName(server *x509.Certificate) string { return server.Subject.CommonName }

func (t *Token) checkRoot(roots []*x509.Certificate, known func(cert []byte) bool) error {
	if slices.ContainsFunc(roots, t.Chain[0].Equal) {
		return nil
	}
	if known != nil && known(t.Server().Raw) {
		return nil
	}
	if t.SelfSigned() {
		return fail(t.Server(), CheckRoot, "the license server is not activated, and nobody here knows it",
			"activate it, or let this server find it")
	}
	return fail(t.Chain[0], CheckRoot, "it is not a trusted clearinghouse", "install its certificate as a root")
}

// checkAuthority is the part of RFC 5280 6.1.4 that concerns signing others.
func checkAuthority(c *x509.Certificate, below int) error {
	switch {
	case !c.BasicConstraintsValid || !c.IsCA:
		return fail(c, CheckAuthority, "it is no authority but signs", remedyCorrupt)
	case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
		return fail(c, CheckAuthority, "its key is not for signing certificates", remedyCorrupt)
	case c.MaxPathLen >= 0 && (c.MaxPathLen > 0 || c.MaxPathLenZero) && below > c.MaxPathLen:
		return fail(c, CheckAuthority, fmt.Sprintf("%d authorities stand below it, %d may", below, c.MaxPathLen), remedyCorrupt)
	}
	return nil
}

func checkSigned(c, by *x509.Certificate) error {
	if !bytes.Equal(c.RawIssuer, by.RawSubject) {
		return fail(c, CheckName, fmt.Sprintf("it names %s as its issuer, above it stands %s", c.Issuer, by.Subject), remedyCorrupt)
	}
	if err := by.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature); err != nil {
		return fail(c, CheckSignature, fmt.Sprintf("not signed by %s: %v", by.Subject, err), remedyCorrupt)
	}
	return nil
}

func fail(c *x509.Certificate, check Check, reason, remedy string) error {
	return &VerifyError{Certificate: c.Subject.String(), Check: check, Reason: reason, Remedy: remedy}
}
