package token

import "crypto/x509/pkix"

// StrayExtension is an extension of our arc that is no field of a license.
func StrayExtension() []pkix.Extension {
	return []pkix.Extension{{Id: arc(99), Value: []byte{5, 0}}}
}

// Envelope wraps certificates as Sign does.
func Envelope(certificates ...[]byte) []byte { return envelope(certificates) }
