package enroll

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/tslab/tslab/wire/codes"
)

// Product is what a license server is installed from: a Product ID, and certificates
// that the clearinghouse has made beforehand, each with its key and sealed by its own
// License Server ID. Who activates by telephone or in a browser reads out the Product
// ID and types the License Server ID, which opens the next of them: so a server that
// nothing but a number reaches gets a certificate under the clearinghouse's root.
type Product struct {
	ProductID string
	Issued    time.Time
	Root      []byte   // the clearinghouse's, DER
	Sealed    [][]byte // at most 32, from [SealActivation]
}

func (p *Product) code(c *coder) {
	c.text("product id", &p.ProductID)
	c.time("issued", &p.Issued)
	c.blob("root", &p.Root)
	c.blobs("sealed activations", &p.Sealed)
}

func (p *Product) headers(root *x509.Certificate) []header {
	return headers(
		header{"Product ID", p.ProductID},
		header{"Activations", strconv.Itoa(len(p.Sealed))},
		header{"Date", date(p.Issued)},
		header{"Clearinghouse", root.Subject.CommonName},
		header{"Clearinghouse key", fingerprint(root.RawSubjectPublicKeyInfo)},
	)
}

// Sign makes the document; key is the root's.
func (p Product) Sign(key crypto.Signer) ([]byte, error) {
	root, err := x509.ParseCertificate(p.Root)
	if err != nil {
		return nil, fmt.Errorf("product: root certificate: %w", err)
	}
	if !codes.Valid(codes.ProductID, p.ProductID) {
		return nil, fmt.Errorf("product: %q is no Product ID", p.ProductID)
	}
	return seal(KindProduct, p.code, p.headers(root), key)
}

// ParseProduct reads a product document and checks that the clearinghouse in it has
// signed it; whether that one is to be trusted is for who installs it. Errors are
// [*DocumentError].
func ParseProduct(text []byte) (Product, error) {
	var p Product
	d, err := open(text, KindProduct)
	if err != nil {
		return p, err
	}
	signed, signature, err := d.unseal(p.code)
	if err != nil {
		return Product{}, err
	}
	root, err := x509.ParseCertificate(p.Root)
	if err != nil {
		return Product{}, d.fail(d.first, "root certificate: "+err.Error(), remedyNew)
	}
	key, err := CheckRoot(root)
	if err != nil {
		return Product{}, d.fail(d.first, err.Error(), remedyNew)
	}
	if err := d.checkSignature(key, "the clearinghouse in it", signed, signature); err != nil {
		return Product{}, err
	}
	if !codes.Valid(codes.ProductID, p.ProductID) {
		return Product{}, d.fail(d.first, "its Product ID is malformed", remedyNew)
	}
	return p, d.checkHeaders(p.headers(root))
}

// ErrOtherProduct is the answer to a License Server ID that is well typed and opens
// no activation of the product.
var ErrOtherProduct = errors.New("the License Server ID is sound, but not for this product")

// SealActivation locks a license server's certificate (DER) and its key up, so that
// its License Server ID opens them.
func SealActivation(certificate []byte, key *ecdsa.PrivateKey) ([]byte, error) {
	cert, err := x509.ParseCertificate(certificate)
	if err != nil {
		return nil, fmt.Errorf("seal activation: %w", err)
	}
	scalar, err := key.Bytes()
	if err != nil {
		return nil, fmt.Errorf("seal activation: %w", err)
	}
	lock, err := sealBy(codes.ServerID(cert))
	if err != nil {
		return nil, fmt.Errorf("seal activation: %w", err)
	}
	return lock.Seal(nil, make([]byte, lock.NonceSize()), append(scalar, certificate...), nil), nil
}

// sealBy is the lock of a License Server ID: AES-256-GCM under its SHA-256. It locks
// one text only, so its nonce is zero.
func sealBy(serverID string) (cipher.AEAD, error) {
	key := sha256.Sum256([]byte("TSLab sealed activation\x00" + serverID))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

const scalarSize = 32 // of a P-256 key

// Open opens the activation that serverID, in its printed form, is the License Server
// ID of. The error is [ErrOtherProduct] when there is none. The activation has no
// server name and no company: nobody could tell the clearinghouse.
func (p Product) Open(serverID string) (Activation, *ecdsa.PrivateKey, error) {
	lock, err := sealBy(serverID)
	if err != nil {
		return Activation{}, nil, err
	}
	for _, sealed := range p.Sealed {
		text, err := lock.Open(nil, make([]byte, lock.NonceSize()), sealed, nil)
		if err != nil || len(text) < scalarSize {
			continue
		}
		return p.opened(serverID, text[:scalarSize], text[scalarSize:])
	}
	return Activation{}, nil, ErrOtherProduct
}

func (p Product) opened(serverID string, scalar, certificate []byte) (Activation, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.ParseRawPrivateKey(curve(), scalar)
	if err != nil {
		return Activation{}, nil, fmt.Errorf("sealed activation: key: %w", err)
	}
	root, err := x509.ParseCertificate(p.Root)
	if err != nil {
		return Activation{}, nil, fmt.Errorf("sealed activation: root certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(certificate)
	if err != nil {
		return Activation{}, nil, fmt.Errorf("sealed activation: %w", err)
	}
	id, err := CheckServerCertificate(cert, root)
	if err != nil {
		return Activation{}, nil, fmt.Errorf("sealed activation: %w", err)
	}
	a := Activation{ServerID: id, Issued: p.Issued, Certificate: certificate, Root: p.Root}
	if id != serverID {
		return Activation{}, nil, fmt.Errorf("sealed activation: it is of %s, not of %s", id, serverID)
	}
	return a, key, a.CheckKey(key.Public())
}
