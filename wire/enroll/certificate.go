package enroll

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/tslab/tslab/wire/codes"
)

// Object identifiers of this package: 1.3.6.1.4.1.32473, the enterprise number that
// RFC 5612 reserves for documentation, then 1 for this project and 2 for enrollment.
// An extended key usage from here limits a license server's certificate: it vouches
// for license tokens and for nothing that a web browser or a mail program checks.
func usageIssueLicenses() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1, 2, 1}
}

// Certificates are valid through every year that a lab's calendar may show: what
// ends a license server's right is the clearinghouse, not a date.
func validFrom() time.Time  { return time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC) }
func validUntil() time.Time { return time.Date(2099, 12, 31, 23, 59, 59, 0, time.UTC) }

const organization = "TSLab, for laboratory use only"

// CreateRoot makes the certificate of a new clearinghouse for its key.
func CreateRoot(name string, key crypto.Signer) (*x509.Certificate, error) {
	root, err := createAuthority(name, key, x509.Certificate{
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature, MaxPathLen: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("root certificate of the clearinghouse: %w", err)
	}
	return root, nil
}

// createAuthority makes a certificate that certifies others and is certified by its
// own key. The template says what its key may be used for.
func createAuthority(name string, key crypto.Signer, template x509.Certificate) (*x509.Certificate, error) {
	if name == "" {
		return nil, errors.New("no name")
	}
	if _, err := publicKey(key.Public()); err != nil {
		return nil, err
	}
	var err error
	if template.SubjectKeyId, err = keyID(key.Public()); err != nil {
		return nil, err
	}
	if template.SerialNumber, err = newSerial(); err != nil {
		return nil, err
	}
	template.Subject = pkix.Name{CommonName: name, Organization: []string{organization}}
	template.NotBefore, template.NotAfter = validFrom(), validUntil()
	template.IsCA, template.BasicConstraintsValid = true, true
	return create(&template, &template, key.Public(), key)
}

// CreateServerCertificate makes the certificate of the license server that holds
// the other half of public, under root. Every call gives another certificate, and
// so another License Server ID, which is its common name.
func CreateServerCertificate(public crypto.PublicKey, root *x509.Certificate, rootKey crypto.Signer) (*x509.Certificate, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("license server certificate: %w", err)
	}
	id, err := keyID(public)
	if err != nil {
		return nil, err
	}
	name := codes.ServerID(&x509.Certificate{AuthorityKeyId: root.SubjectKeyId, SerialNumber: serial, RawSubjectPublicKeyInfo: spki})
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name, Organization: []string{organization}},
		NotBefore:    validFrom(), NotAfter: validUntil(),
		KeyUsage:           x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{usageIssueLicenses()},
		IsCA:               true, BasicConstraintsValid: true, MaxPathLenZero: true,
		SubjectKeyId: id,
	}
	return create(template, root, public, rootKey)
}

func create(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("certificate of %q: %w", template.Subject.CommonName, err)
	}
	return x509.ParseCertificate(der)
}

func newSerial() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, fmt.Errorf("serial number: %w", err)
	}
	return n.Add(n, big.NewInt(1)), nil
}

// keyID is RFC 7093 method 1: the first 160 bits of SHA-256 of the key.
func keyID(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("key id: %w", err)
	}
	sum := sha256.Sum256(der)
	return sum[:20], nil
}

// CheckRoot refuses a certificate that is no clearinghouse's and returns its key.
func CheckRoot(root *x509.Certificate) (*ecdsa.PublicKey, error) {
	key, err := publicKey(root.PublicKey)
	switch {
	case err != nil:
		return nil, fmt.Errorf("root certificate: %w", err)
	case !root.IsCA || !root.BasicConstraintsValid || root.KeyUsage&x509.KeyUsageCertSign == 0:
		return nil, errors.New("root certificate: it is no certificate authority")
	case !bytes.Equal(root.RawIssuer, root.RawSubject):
		return nil, errors.New("root certificate: it names another issuer than itself")
	}
	if err := root.CheckSignature(root.SignatureAlgorithm, root.RawTBSCertificate, root.Signature); err != nil {
		return nil, fmt.Errorf("root certificate: not signed by itself: %w", err)
	}
	return key, nil
}

// CheckServerCertificate refuses a certificate that is no license server's under
// root and returns its License Server ID.
func CheckServerCertificate(cert, root *x509.Certificate) (string, error) {
	if err := cert.CheckSignatureFrom(root); err != nil {
		return "", fmt.Errorf("license server certificate: not signed by the clearinghouse: %w", err)
	}
	id := codes.ServerID(cert)
	_, err := publicKey(cert.PublicKey)
	switch {
	case err != nil:
		return "", fmt.Errorf("license server certificate: %w", err)
	case !bytes.Equal(cert.AuthorityKeyId, root.SubjectKeyId) || !bytes.Equal(cert.RawIssuer, root.RawSubject):
		return "", errors.New("license server certificate: it names another issuer")
	case !cert.IsCA || cert.MaxPathLen != 0 || !cert.MaxPathLenZero:
		return "", errors.New("license server certificate: it is no authority of path length 0")
	case len(cert.UnknownExtKeyUsage) != 1 || !cert.UnknownExtKeyUsage[0].Equal(usageIssueLicenses()) || len(cert.ExtKeyUsage) != 0:
		return "", errors.New("license server certificate: it is not limited to issuing licenses")
	case cert.Subject.CommonName != id:
		return "", fmt.Errorf("license server certificate: it names the License Server ID %q and is %s", cert.Subject.CommonName, id)
	}
	return id, nil
}
