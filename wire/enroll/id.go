package enroll

import (
	"crypto/sha256"
	"crypto/x509"
	"math/big"
	"strings"
)

// An identifier is 35 letters and digits: the prefix LAB and 32 of the alphabet, in
// groups of four. The alphabet leaves out one of each pair that looks alike in
// print: no 0, 1, 2, 5, 8, 9, and no O, I, L, S, B, U.
const (
	idPrefix   = "LAB"
	idAlphabet = "3467ACDEFGHJKMNPQRTVWXYZ"
	idDigits   = 32
	idGroup    = 4
)

// identifier writes the low part of a digest in the alphabet: 146 of its bits.
func identifier(digest [sha256.Size]byte) string {
	n := new(big.Int).SetBytes(digest[:])
	base, digit := big.NewInt(int64(len(idAlphabet))), new(big.Int)
	var b strings.Builder
	b.WriteString(idPrefix)
	for i := range idDigits {
		if i%idGroup == 0 {
			b.WriteByte('-')
		}
		n.DivMod(n, base, digit)
		b.WriteByte(idAlphabet[digit.Int64()])
	}
	return b.String()
}

// ValidID reports whether id has the form of a License Server ID or Key Pack ID.
func ValidID(id string) bool {
	groups := strings.Split(id, "-")
	if len(groups) != 1+idDigits/idGroup || groups[0] != idPrefix {
		return false
	}
	for _, g := range groups[1:] {
		if len(g) != idGroup || strings.Trim(g, idAlphabet) != "" {
			return false
		}
	}
	return true
}

// ServerID is the License Server ID of a license server's certificate. It is made
// of what tells one certificate from every other, the issuer's key id, the serial
// number and the public key, so that it can stand in the certificate itself.
func ServerID(cert *x509.Certificate) string {
	h := sha256.New()
	h.Write([]byte("TSLab License Server ID\x00"))
	for _, part := range [][]byte{cert.AuthorityKeyId, cert.SerialNumber.Bytes(), cert.RawSubjectPublicKeyInfo} {
		sum := sha256.Sum256(part)
		h.Write(sum[:])
	}
	return identifier([sha256.Size]byte(h.Sum(nil)))
}

// PackID makes a Key Pack ID of 32 random bytes.
func PackID(random [32]byte) string {
	return identifier(sha256.Sum256(append([]byte("TSLab Key Pack ID\x00"), random[:]...)))
}
