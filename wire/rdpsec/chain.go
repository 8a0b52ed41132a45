package rdpsec

import (
	"encoding/asn1"
	"fmt"
	"math/big"

	"github.com/tslab/tslab/internal/cursor"
)

// Limits of a certificate chain, MS-RDPELE 2.2.1.4.2.
const (
	maxChain     = 200
	maxChainCert = 16383 // what a single PDU can carry
)

// X509Certificate is the SERVER_CERTIFICATE of a chain of DER certificates, root
// first and the terminal server's own last (MS-RDPELE 2.2.1.4.2). In SC_SECURITY
// rdesktop wants two of them or more.
func X509Certificate(chain [][]byte) []byte {
	var w cursor.Writer
	w.U32(certX509)
	w.U32(uint32(len(chain)))
	for _, der := range chain {
		w.U32(uint32(len(der)))
		w.Append(der)
	}
	w.Zero(8 + 4*len(chain))
	return w.Bytes()
}

// parseChain reads what follows dwVersion. The padding is not checked: its length
// differs from one server to the next.
func parseChain(r *cursor.Reader) (*PublicKey, error) {
	n := r.U32("NumCertBlobs")
	if r.Err() == nil && n > maxChain {
		return nil, fmt.Errorf("NumCertBlobs %d, want at most %d", n, maxChain)
	}
	var last []byte
	for range n {
		size := r.U32("cbCert")
		if r.Err() == nil && size > maxChainCert {
			return nil, fmt.Errorf("cbCert %d, want at most %d", size, maxChainCert)
		}
		last = r.Bytes("abCert", int(size))
	}
	if r.Err() != nil {
		return nil, r.Err()
	}
	if last == nil {
		return nil, errNoCertificate
	}
	return certificateKey(last)
}

// looseCertificate is as much of an X.509 certificate as it takes to find the key.
// Microsoft's carry algorithm identifiers and extensions that crypto/x509 refuses.
type looseCertificate struct {
	TBS struct {
		Raw     asn1.RawContent
		Version int `asn1:"optional,explicit,default:0,tag:0"`
		Serial  *big.Int
		SigAlg  asn1.RawValue
		Issuer  asn1.RawValue
		Dates   asn1.RawValue
		Subject asn1.RawValue
		Key     struct {
			Algorithm asn1.RawValue
			Bits      asn1.BitString
		}
	}
	SigAlg asn1.RawValue
	Sig    asn1.BitString
}

// certificateKey takes the RSA key out of a DER certificate.
func certificateKey(der []byte) (*PublicKey, error) {
	var c looseCertificate
	if _, err := asn1.Unmarshal(der, &c); err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	var key struct {
		N *big.Int
		E int64
	}
	if _, err := asn1.Unmarshal(c.TBS.Key.Bits.RightAlign(), &key); err != nil {
		return nil, fmt.Errorf("certificate: RSA key: %w", err)
	}
	if key.N.Sign() <= 0 || key.E <= 0 || key.E > 1<<32-1 {
		return nil, fmt.Errorf("certificate: RSA key: numbers out of range")
	}
	return &PublicKey{N: key.N, E: uint32(key.E)}, nil
}
