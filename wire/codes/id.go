package codes

import (
	"crypto/sha256"
	"crypto/x509"
	"math/big"
)

// hashed is the code of kind k that the parts, and nothing else, lead to.
func hashed(k Kind, parts ...[]byte) string {
	h := sha256.New()
	h.Write([]byte("TSLab " + k.String() + "\x00"))
	for _, part := range parts {
		sum := sha256.Sum256(part)
		h.Write(sum[:])
	}
	n := new(big.Int).SetBytes(h.Sum(nil))
	return encode(k, n.Rsh(n, uint(sha256.Size*8-k.Bits())))
}

// ServerID is the License Server ID of a license server's certificate: "a 35-character
// alpha-numeric representation of a license server's certificate" (white paper,
// Glossary). It is made of what tells one certificate from every other, the issuer's
// key id, the serial number and the public key, so that it can stand in the
// certificate itself; the same certificate has the same id, a new one another.
func ServerID(cert *x509.Certificate) string {
	return hashed(LicenseServerID, cert.AuthorityKeyId, cert.SerialNumber.Bytes(), cert.RawSubjectPublicKeyInfo)
}

// NewProductID makes a Product ID of 32 random bytes.
func NewProductID(random [32]byte) string { return hashed(ProductID, random[:]) }

// NewAuthorization makes the authorization number of an Open license of 32 random bytes.
func NewAuthorization(random [32]byte) string { return hashed(Authorization, random[:]) }

// ConfirmationCode is what the clearinghouse says to whom deactivates a license
// server by telephone; secret is what the two share.
func ConfirmationCode(secret []byte, serverID string) string {
	return hashed(Confirmation, secret, []byte(serverID))
}
