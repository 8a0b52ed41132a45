package token

import (
	"crypto"
	"errors"
)

// Signer is a license server's certificate with those above it, and its key.
type Signer struct {
	Chain [][]byte      // DER, root first, license server last; alone and self-signed when not activated
	Key   crypto.Signer // ECDSA P-256
}

// Sign makes the token of l: a certs-only PKCS#7, the license's own certificate
// last. The same license and the same signer give the same bytes.
func Sign(l License, s *Signer) ([]byte, error) { return nil, errors.ErrUnsupported }

// SelfSign makes the certificate with which a license server that is not activated
// signs its temporary tokens.
func SelfSign(name string, key crypto.Signer) ([]byte, error) { return nil, errors.ErrUnsupported }
