package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// never is the notAfter of what does not expire, RFC 5280 4.1.2.5.
func never() time.Time { return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) }

// Signer is a license server's certificate with those above it, and its key. It is
// safe for concurrent use; keep one, for it remembers what it has parsed.
type Signer struct {
	Chain [][]byte      // DER, root first, license server last; alone and self-signed when not activated
	Key   crypto.Signer // ECDSA P-256

	parsed atomic.Pointer[x509.Certificate] // the license server's
}

// server is the parsed certificate of the license server.
func (s *Signer) server() (*x509.Certificate, error) {
	if c := s.parsed.Load(); c != nil {
		return c, nil
	}
	if len(s.Chain) == 0 {
		return nil, errors.New("the license server has no certificate")
	}
	c, err := x509.ParseCertificate(s.Chain[len(s.Chain)-1])
	if err != nil {
		return nil, fmt.Errorf("certificate of the license server: %w", err)
	}
	key, ok := s.Key.Public().(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("the license server's key is not ECDSA P-256")
	}
	if !key.Equal(c.PublicKey) {
		return nil, errors.New("the license server's key is not that of its certificate")
	}
	s.parsed.Store(c)
	return c, nil
}

// Sign makes the token of l: a certs-only PKCS#7, the license's own certificate
// last. The same license and the same signer give the same bytes.
func Sign(l License, s *Signer) ([]byte, error) {
	server, err := s.server()
	if err != nil {
		return nil, fmt.Errorf("sign license token %s: %w", l.LicenseID, err)
	}
	l = l.normal()
	if !l.Expires.IsZero() && l.Expires.Before(l.Issued) {
		return nil, fmt.Errorf("sign license token %s: it expires %v before it is issued", l.LicenseID, l.Issued.Sub(l.Expires))
	}
	tbs := l.certificate(server)
	digest := sha256.Sum256(tbs)
	signature, err := s.Key.Sign(nil, digest[:], crypto.SHA256) // without a reader: RFC 6979
	if err != nil {
		return nil, fmt.Errorf("sign license token %s: %w", l.LicenseID, err)
	}
	leaf := tlv(tagSequence, tbs, ecdsaWithSHA256(), tlv(tagBitString, []byte{0}, signature))
	return envelope(append(slices.Clip(s.Chain), leaf)), nil
}

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

// certificate is the TBSCertificate of RFC 5280 4.1. A token proves nothing by a
// key of its own, so where others have the key of their subject stands the server's.
// crypto/x509 would make the same, and take four times as long: it checks its own
// signature.
func (l *License) certificate(server *x509.Certificate) []byte {
	expires := l.Expires
	if expires.IsZero() {
		expires = never()
	}
	var authority []byte
	if id := server.SubjectKeyId; len(id) > 0 { // RFC 5280 4.2.1.1
		authority = tlv(tagSequence, derOID(oidAuthorityKeyID), tlv(tagOctets, tlv(tagSequence, tlv(tagContextRaw, id))))
	}
	fields := l.fields()
	return tlv(tagSequence,
		tlv(tagContext, derUint(2)), // version 3
		l.serial(fields),
		ecdsaWithSHA256(),
		server.RawSubject,
		tlv(tagSequence, derTime(l.Issued), derTime(expires)),
		l.subject(),
		server.RawSubjectPublicKeyInfo,
		tlv(tagContext+3, tlv(tagSequence, authority, fields)),
	)
}

func ecdsaWithSHA256() []byte {
	return tlv(tagSequence, derOID(oidECDSAWithSHA256))
}

// subject says in general tools' output what the license is.
func (l *License) subject() []byte {
	var names [][]byte
	add := func(attribute byte, value string) {
		if value != "" {
			names = append(names, tlv(tagSet, tlv(tagSequence, derOID(oidAttribute, attribute), derText(value))))
		}
	}
	add(11, l.Kind.String()) // organizational unit
	add(3, l.Machine)        // common name
	add(5, l.LicenseID)      // serial number
	return tlv(tagSequence, names...)
}

// serial is a serial number that only an equal license gets.
func (l *License) serial(fields []byte) []byte {
	h := sha256.New()
	h.Write(derTime(l.Issued))
	h.Write(derTime(l.Expires))
	h.Write(fields)
	sum := h.Sum(nil)[:16]
	sum[0] = sum[0]&0x7F | 0x40 // positive, and 16 bytes long whatever the hash
	return tlv(tagInteger, sum)
}

// envelope is a certs-only SignedData, RFC 2315 9.1 as RFC 8551 3.8 uses it.
func envelope(certificates [][]byte) []byte {
	return tlv(tagSequence, derOID(oidPKCS7, 2), tlv(tagContext, tlv(tagSequence,
		derUint(1),
		tlv(tagSet), // digest algorithms
		tlv(tagSequence, derOID(oidPKCS7, 1)),
		tlv(tagContext, certificates...),
		tlv(tagSet), // signers
	)))
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
