package enroll

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// ActivationRequest is what a license server tells the clearinghouse about itself.
type ActivationRequest struct {
	Server    string // host name of the license server
	ProductID string // that it was installed as; may be empty
	Company   string // the administrator may leave these four out
	Contact   string
	Email     string
	Country   string
	Issued    time.Time
	PublicKey []byte // PKIX, ECDSA P-256: what the certificate will be for
}

func (r *ActivationRequest) code(c *coder) {
	c.text("server", &r.Server)
	c.text("product id", &r.ProductID)
	c.text("company", &r.Company)
	c.text("contact", &r.Contact)
	c.text("email", &r.Email)
	c.text("country", &r.Country)
	c.time("issued", &r.Issued)
	c.blob("public key", &r.PublicKey)
}

func (r *ActivationRequest) headers() []header {
	return headers(
		header{"License server", r.Server},
		header{"Product ID", r.ProductID},
		header{"Company", r.Company},
		header{"Contact", r.Contact},
		header{"E-mail", r.Email},
		header{"Country", r.Country},
		header{"Date", date(r.Issued)},
		header{"Key", fingerprint(r.PublicKey)},
	)
}

// Sign makes the document for the license server that holds key; PublicKey is set
// from it. The signature proves that the asker has the key.
func (r ActivationRequest) Sign(key crypto.Signer) ([]byte, error) {
	if r.Server == "" {
		return nil, errors.New("activation request: the license server has no name")
	}
	if _, err := publicKey(key.Public()); err != nil {
		return nil, fmt.Errorf("activation request: %w", err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("activation request: %w", err)
	}
	r.PublicKey = der
	return seal(KindActivationRequest, r.code, r.headers(), key)
}

// ParseActivationRequest reads a request and checks that it is signed by the key
// that it names. Errors are [*DocumentError].
func ParseActivationRequest(text []byte) (ActivationRequest, error) {
	var r ActivationRequest
	d, err := open(text, KindActivationRequest)
	if err != nil {
		return r, err
	}
	signed, signature, err := d.unseal(r.code)
	if err != nil {
		return ActivationRequest{}, err
	}
	if err := d.checkRequest(&r, signed, signature); err != nil {
		return ActivationRequest{}, err
	}
	return r, nil
}

func (d *armored) checkRequest(r *ActivationRequest, signed, signature []byte) error {
	parsed, err := x509.ParsePKIXPublicKey(r.PublicKey)
	if err != nil {
		return d.fail(d.first, "public key: "+err.Error(), remedyNew)
	}
	key, err := publicKey(parsed)
	if err != nil {
		return d.fail(d.first, err.Error(), remedyNew)
	}
	if r.Server == "" {
		return d.fail(d.first, "the license server has no name", remedyNew)
	}
	if err := d.checkSignature(key, "the key in it", signed, signature); err != nil {
		return err
	}
	return d.checkHeaders(r.headers())
}
