package clearinghouse

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/codes"
	"github.com/tslab/tslab/wire/enroll"
)

// product is what a product document holds, less the keys: those leave with it.
type product struct {
	ProductID    string    `json:"product_id"`
	Issued       time.Time `json:"issued"`
	Certificates [][]byte  `json:"certificates,omitempty"` // of its sealed activations that are not given out
	ServerID     string    `json:"server_id,omitempty"`    // License Server ID of its present activation
}

// activationsOf is how many times a license server can be activated by a number
// before it needs another product document.
const activationsOf = 8

// NewProduct makes what a license server is installed from: a Product ID with sealed
// activations, which a number opens ([enroll.Product]).
func (h *Clearinghouse) NewProduct() (productID string, document []byte, err error) {
	random, err := random32()
	if err != nil {
		return "", nil, fmt.Errorf("product id: %w", err)
	}
	p := product{ProductID: codes.NewProductID(random)}
	d := enroll.Product{ProductID: p.ProductID, Root: h.root.Raw}
	for range activationsOf {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return "", nil, fmt.Errorf("product: %w", err)
		}
		cert, err := enroll.CreateServerCertificate(key.Public(), h.root, h.key)
		if err != nil {
			return "", nil, err
		}
		sealed, err := enroll.SealActivation(cert.Raw, key)
		if err != nil {
			return "", nil, err
		}
		p.Certificates, d.Sealed = append(p.Certificates, cert.Raw), append(d.Sealed, sealed)
	}
	err = h.update(func(tx *transaction) error {
		p.Issued, d.Issued = tx.now, tx.now
		if document, err = d.Sign(h.key); err != nil {
			return err
		}
		return errors.Join(tx.put(bucketProducts, p.ProductID, p), tx.audit(Record{Action: ActionProduct, Detail: p.ProductID}))
	})
	if err != nil {
		return "", nil, err
	}
	return p.ProductID, document, nil
}

// ActivateProduct activates the license server that was installed with the Product ID,
// as by telephone: the License Server ID in the result is what its administrator types.
// One that is activated already is refused with an [*ActivatedError].
func (h *Clearinghouse) ActivateProduct(productID string, c Customer) (Server, error) {
	return h.answerProduct(productID, "", c)
}

// ReactivateProduct is [Clearinghouse.ActivateProduct] for a license server that was
// activated before.
func (h *Clearinghouse) ReactivateProduct(productID string, reason keypack.ReactivationReason, c Customer) (Server, error) {
	if _, err := keypack.ParseReason(string(reason)); err != nil {
		return Server{}, err
	}
	return h.answerProduct(productID, reason, c)
}

func (h *Clearinghouse) answerProduct(productID string, reason keypack.ReactivationReason, c Customer) (Server, error) {
	id, err := keypack.ProductIDField().Check(productID)
	if err != nil {
		return Server{}, err
	}
	var s Server
	err = h.update(func(tx *transaction) error {
		var p product
		found, err := tx.get(bucketProducts, id, &p)
		if err != nil {
			return err
		}
		if !found || p.Issued.IsZero() {
			return keypack.Fault("product-id", "have it activated by its activation request, or install it from a product document (`clearinghouse product`)",
				"no product document was made here with the Product ID %s", id)
		}
		old, active, err := tx.present("", id)
		if err != nil {
			return err
		}
		if active && reason == "" {
			return &ActivatedError{Name: old.Name, ServerID: old.ServerID, Since: old.Activated}
		}
		if len(p.Certificates) == 0 {
			return keypack.Fault("product-id", "install the license server's next product document (`clearinghouse product`)", "all %d activations of the product are used up", activationsOf)
		}
		if s, err = serverOf(p); err != nil {
			return err
		}
		s.Activated = tx.now
		p.Certificates = p.Certificates[1:]
		return errors.Join(tx.put(bucketProducts, id, p), tx.activate(s, reason))
	})
	if err != nil {
		return Server{}, err
	}
	return s, h.remember(s.ServerID, c)
}

// serverOf is the next activation of a product.
func serverOf(p product) (Server, error) {
	cert, err := x509.ParseCertificate(p.Certificates[0])
	if err != nil {
		return Server{}, fmt.Errorf("%w: product %s: %w", errDamaged, p.ProductID, err)
	}
	key, err := enroll.Fingerprint(cert.PublicKey)
	if err != nil {
		return Server{}, err
	}
	return Server{ServerID: codes.ServerID(cert), ProductID: p.ProductID, Key: key, Certificate: cert.Raw}, nil
}
