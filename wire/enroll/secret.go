package enroll

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Secret is what a license server and its clearinghouse share, and nobody else: each
// makes it of its own key and the other's public key (ECDH on P-256). Key Pack IDs
// and confirmation codes are sealed by it, so that nothing but a number need travel.
func Secret(own *ecdsa.PrivateKey, other crypto.PublicKey) ([]byte, error) {
	public, err := publicKey(other)
	if err != nil {
		return nil, fmt.Errorf("shared secret: %w", err)
	}
	a, err := own.ECDH()
	if err != nil {
		return nil, fmt.Errorf("shared secret: %w", err)
	}
	b, err := public.ECDH()
	if err != nil {
		return nil, fmt.Errorf("shared secret: %w", err)
	}
	shared, err := a.ECDH(b)
	if err != nil {
		return nil, errors.New("shared secret: the keys do not fit together")
	}
	sum := sha256.Sum256(append([]byte("TSLab shared secret\x00"), shared...))
	return sum[:], nil
}
