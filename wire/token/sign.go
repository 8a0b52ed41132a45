package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/smallstep/pkcs7"
)

// never is the notAfter of what does not expire, RFC 5280 4.1.2.5.
func never() time.Time { return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) }

// Signer is a license server's certificate with those above it, and its key.
type Signer struct {
	Chain [][]byte      // DER, root first, license server last; alone and self-signed when not activated
	Key   crypto.Signer // ECDSA P-256
}

// Sign makes the token of l: a certs-only PKCS#7, the license's own certificate
// last. The same license and the same signer give the same bytes, on one release
// of the Go library.
func Sign(l License, s *Signer) ([]byte, error) {
	if len(s.Chain) == 0 {
		return nil, errors.New("sign license token: the license server has no certificate")
	}
	parent, err := x509.ParseCertificate(s.Chain[len(s.Chain)-1])
	if err != nil {
		return nil, fmt.Errorf("sign license token: certificate of the license server: %w", err)
	}
	l = l.normal()
	template, err := l.template()
	if err != nil {
		return nil, fmt.Errorf("sign license token: %w", err)
	}
	leaf, err := x509.CreateCertificate(nil, template, parent, s.publicKey(), s.Key)
	if err != nil {
		return nil, fmt.Errorf("sign license token %s: %w", l.LicenseID, err)
	}
	return pkcs7.DegenerateCertificate(slices.Concat(append(slices.Clip(s.Chain), leaf)...))
}

// publicKey is what the token's certificate carries where others carry the key of
// their subject: a token proves nothing by a key of its own, so the server's stands in.
func (s *Signer) publicKey() crypto.PublicKey { return s.Key.Public() }

// normal is the license as a certificate can hold it.
func (l License) normal() License {
	l.Issued = l.Issued.UTC().Truncate(time.Second)
	if !l.Expires.IsZero() {
		l.Expires = l.Expires.UTC().Truncate(time.Second)
	}
	for _, text := range []*string{&l.LicenseID, &l.KeyPackID, &l.Product, &l.Machine, &l.User, &l.Issuer} {
		*text = strings.ToValidUTF8(*text, "\uFFFD")
	}
	return l
}

func (l *License) template() (*x509.Certificate, error) {
	extensions, err := l.fields()
	if err != nil {
		return nil, err
	}
	expires := l.Expires
	if expires.IsZero() {
		expires = never()
	}
	if expires.Before(l.Issued) {
		return nil, fmt.Errorf("license %s expires %v before it is issued", l.LicenseID, l.Issued.Sub(expires))
	}
	return &x509.Certificate{
		SerialNumber:    serial(l, extensions),
		Subject:         pkix.Name{CommonName: l.Machine, OrganizationalUnit: []string{l.Kind.String()}, SerialNumber: l.LicenseID},
		NotBefore:       l.Issued,
		NotAfter:        expires,
		ExtraExtensions: extensions,
	}, nil
}

// serial is a serial number that only an equal license gets.
func serial(l *License, extensions []pkix.Extension) *big.Int {
	h := sha256.New()
	fmt.Fprintln(h, l.Issued.Unix(), l.Expires.Unix())
	for _, e := range extensions {
		fmt.Fprintln(h, e.Id, len(e.Value))
		h.Write(e.Value)
	}
	sum := h.Sum(nil)[:16]
	sum[0] = sum[0]&0x7F | 0x40 // positive, and 16 bytes long whatever the hash
	return new(big.Int).SetBytes(sum)
}

// SelfSign makes the certificate with which a license server that is not activated
// signs its temporary tokens. It is valid from the given time and for ever.
func SelfSign(name string, from time.Time, key crypto.Signer) ([]byte, error) {
	if _, ok := key.Public().(*ecdsa.PublicKey); !ok {
		return nil, errors.New("self-sign license server: the key is not ECDSA")
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             from.UTC().Truncate(time.Second),
		NotAfter:              never(),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("self-sign license server %s: %w", name, err)
	}
	return der, nil
}
