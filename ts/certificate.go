package ts

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/tslab/tslab/wire/rdpsec"
)

// CertificateForm is how clients see the terminal server's RSA key: in SC_SECURITY
// under RDP security, and in the license request (MS-RDPBCGR 2.2.1.4.3.1, MS-RDPELE
// 2.2.1.4.2).
type CertificateForm uint8

// The forms.
const (
	Proprietary   CertificateForm = iota // the format of Windows 2000
	X509                                 // root and own certificate
	X509Chain                            // root, license server's and own certificate
	X509Temporary                        // as X509, marked as issued temporarily: dwVersion 0x80000002
	X509Single                           // as X509; the license request carries the own certificate alone
	Omitted                              // proprietary; the license request carries none where SC_SECURITY has one
)

var certificateForms = [...]string{"proprietary", "x509", "x509-chain", "x509-temporary", "x509-single", "omitted"}

// ParseCertificateForm reads the name of a form.
func ParseCertificateForm(s string) (CertificateForm, error) {
	for form, name := range certificateForms {
		if s == name {
			return CertificateForm(form), nil
		}
	}
	return 0, fmt.Errorf("form %q: want one of %s", s, strings.Join(certificateForms[:], ", "))
}

// String is the name.
func (f CertificateForm) String() string { return certificateForms[f] }

// issuedTemporarily is the bit of dwVersion that says so.
const issuedTemporarily = 1 << 31

// serverCertificates are the SERVER_CERTIFICATE of SC_SECURITY and that of the
// license request in a form. Root and license server are of the moment: no client
// knows them, and their keys are forgotten at once.
func serverCertificates(form CertificateForm, key *rdpsec.PublicKey, host string) (security, request []byte, err error) {
	if form == Proprietary || form == Omitted {
		security = rdpsec.ProprietaryCertificate(key)
		return security, security, nil
	}
	chain, err := makeChain(form, key, host)
	if err != nil {
		return nil, nil, fmt.Errorf("server certificate: %w", err)
	}
	security = rdpsec.X509Certificate(chain)
	switch form {
	case X509Temporary:
		version := binary.LittleEndian.Uint32(security)
		binary.LittleEndian.PutUint32(security, version|issuedTemporarily)
	case X509Single:
		return security, rdpsec.X509Certificate(chain[len(chain)-1:]), nil
	}
	return security, security, nil
}

// makeChain makes the certificates of a chain, root first, the terminal server's own
// last.
func makeChain(form CertificateForm, key *rdpsec.PublicKey, host string) (chain [][]byte, err error) {
	issuers := []string{host + " root"}
	if form == X509Chain {
		issuers = append(issuers, host+" license server")
	}
	var parent *x509.Certificate
	var signer *rsa.PrivateKey
	for i, name := range issuers {
		own, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		t := template(name, int64(i+1))
		t.IsCA, t.KeyUsage, t.ExtKeyUsage = true, x509.KeyUsageCertSign, nil
		if parent == nil {
			parent, signer = t, own
		}
		der, err := x509.CreateCertificate(rand.Reader, t, parent, own.Public(), signer)
		if err != nil {
			return nil, err
		}
		chain, parent, signer = append(chain, der), t, own
	}
	own, err := x509.CreateCertificate(rand.Reader, template(host, int64(len(issuers)+1)), parent, key.RSA(), signer)
	return append(chain, own), err
}
