package clearinghouse

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
)

// WebCertificate makes a certificate under the root for the clearinghouse's own HTTPS
// service, with a new key, for the names and addresses that it is reached by. Its own name
// is not that of the root in other letters: OpenSSL takes such a one for self-signed.
func (h *Clearinghouse) WebCertificate(names []string, addresses []net.IP) (tls.Certificate, error) {
	if len(names)+len(addresses) == 0 {
		return tls.Certificate{}, errors.New("web certificate: the clearinghouse has neither name nor address")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("web certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("web certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      pkix.Name{CommonName: "TSLab web service", Organization: h.root.Subject.Organization},
		NotBefore:    h.root.NotBefore, NotAfter: h.root.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, DNSNames: names, IPAddresses: addresses,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, h.root, key.Public(), h.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("web certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der, h.root.Raw}, PrivateKey: key}, nil
}
