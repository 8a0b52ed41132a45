package enroll

import (
	"crypto"
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"github.com/tslab/tslab/wire/codes"
)

// Order is what an activated license server asks the clearinghouse for, signed by the
// key of its certificate: "Using this certificate, a license server can make
// subsequent transactions" (white paper, Activate a License Server).
type Order struct {
	ServerID string
	Fields   []string // "name=value"
	Issued   time.Time
}

func (o *Order) code(c *coder) {
	c.text("server id", &o.ServerID)
	c.texts("fields", &o.Fields)
	c.time("issued", &o.Issued)
}

func (o *Order) headers() []header {
	list := []header{{"License Server ID", o.ServerID}}
	for _, f := range o.Fields {
		name, value, _ := strings.Cut(f, "=")
		list = append(list, header{name, value})
	}
	return headers(append(list, header{"Date", date(o.Issued)})...)
}

func (o *Order) check() error {
	if !codes.Valid(codes.LicenseServerID, o.ServerID) {
		return errors.New("its License Server ID is malformed")
	}
	for _, f := range o.Fields {
		if name, _, ok := strings.Cut(f, "="); !ok || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz-") != "" {
			return errors.New("a field is no name=value")
		}
	}
	return nil
}

// Sign makes the document; key is the license server's.
func (o Order) Sign(key crypto.Signer) ([]byte, error) { return signByAsker(KindOrder, &o, key) }

// ParseOrder reads an order. certificate finds the certificate that belongs to a
// License Server ID; its key must have signed. Errors are [*DocumentError], and those
// of certificate.
func ParseOrder(text []byte, certificate func(serverID string) (*x509.Certificate, error)) (Order, error) {
	var o Order
	d, err := open(text, KindOrder)
	if err != nil {
		return Order{}, err
	}
	signed, signature, err := d.unseal(o.code)
	if err != nil {
		return Order{}, err
	}
	if err := o.check(); err != nil {
		return Order{}, d.fail(d.first, err.Error(), remedyNew)
	}
	cert, err := certificate(o.ServerID)
	if err != nil {
		return Order{}, err
	}
	key, err := publicKey(cert.PublicKey)
	if err != nil {
		return Order{}, d.fail(d.first, err.Error(), remedyNew)
	}
	if err := d.checkSignature(key, "license server "+o.ServerID, signed, signature); err != nil {
		return Order{}, err
	}
	if err := d.checkHeaders(o.headers()); err != nil {
		return Order{}, err
	}
	return o, nil
}
