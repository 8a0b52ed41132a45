package token

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"
)

// ForeignError is Parse's answer to bytes in which our object identifiers occur
// nowhere: another vendor's license, which a device keeps and shows to everyone.
type ForeignError struct{ Size int }

func (e *ForeignError) Error() string {
	return fmt.Sprintf("%d bytes are no license token of this lab", e.Size)
}

// CorruptError is Parse's answer to a token of ours that does not decode.
type CorruptError struct {
	Part string // what did not decode
	Err  error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("corrupt license token: %s: %v", e.Part, e.Err)
}

// Unwrap is the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

const (
	maxSize  = 64 << 10 // four times what a connection can carry
	maxChain = 8
)

// Parse reads a token without trusting it. The error is a *ForeignError or a
// *CorruptError. Only the one encoding that Sign writes is taken, so that no byte
// of a token can change unseen.
func Parse(blob []byte) (*Token, error) {
	if !bytes.Contains(blob, []byte(oidArc)) {
		return nil, &ForeignError{len(blob)}
	}
	certificates, err := open(blob)
	if err != nil {
		return nil, &CorruptError{"PKCS#7 envelope", err}
	}
	last := len(certificates) - 1
	t := &Token{Chain: certificates[:last], Leaf: certificates[last]}
	if err := t.read(); err != nil {
		return nil, &CorruptError{"license certificate", err}
	}
	return t, nil
}

// signedData is as much of RFC 2315 9.1 as leads to the certificates. That nothing
// else is in it, comparing it with what Sign writes tells.
type signedData struct {
	Version      int
	Digests      asn1.RawValue
	Content      asn1.RawValue
	Certificates asn1.RawValue `asn1:"tag:0"`
	Signers      asn1.RawValue
}

// open takes the certificates out of a certs-only PKCS#7.
func open(blob []byte) ([]*x509.Certificate, error) {
	if len(blob) > maxSize {
		return nil, fmt.Errorf("%d bytes, at most %d are read", len(blob), maxSize)
	}
	var outer struct {
		Type    asn1.ObjectIdentifier
		Content signedData `asn1:"explicit,tag:0"`
	}
	if err := unmarshal(blob, &outer, ""); err != nil {
		return nil, err
	}
	certificates, err := x509.ParseCertificates(outer.Content.Certificates.Bytes)
	if err != nil {
		return nil, err
	}
	if len(certificates) < 2 || len(certificates) > maxChain {
		return nil, fmt.Errorf("%d certificates, want 2 to %d", len(certificates), maxChain)
	}
	var raw [][]byte
	for _, c := range certificates {
		raw = append(raw, c.Raw)
	}
	if !bytes.Equal(envelope(raw), blob) {
		return nil, errors.New("not in its one encoding")
	}
	return certificates, nil
}

// read fills the license from the leaf.
func (t *Token) read() error {
	for _, e := range t.Leaf.Extensions {
		if err := t.setField(e); err != nil {
			return err
		}
	}
	if t.Kind == 0 || t.LicenseID == "" || t.HardwareID.IsZero() && t.Kind != InternetConnector {
		return errors.New("kind, license id or hardware id is missing")
	}
	t.Issued = t.Leaf.NotBefore.UTC()
	t.Expires = t.Leaf.NotAfter.UTC()
	if t.Expires.Equal(never()) {
		t.Expires = time.Time{}
	}
	return nil
}
