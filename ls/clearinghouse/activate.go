package clearinghouse

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/tslab/tslab/wire/enroll"
)

// ActivatedError says that a license server is activated already.
type ActivatedError struct {
	Name     string
	ServerID string
	Since    time.Time
}

func (e *ActivatedError) Error() string {
	return fmt.Sprintf("license server %s was activated %s as %s; activating it again gives it another License Server ID, at which key packs for the old one can no longer be installed: say --again if that is wanted",
		e.Name, e.Since.Format(time.DateOnly), e.ServerID)
}

// Activate answers an activation request; the document is in the result. A license
// server, known by its key, that is activated already is refused with an
// [*ActivatedError] unless again is set.
func (h *Clearinghouse) Activate(request []byte, again bool) (Server, error) {
	r, err := enroll.ParseActivationRequest(request)
	if err != nil {
		return Server{}, err
	}
	public, err := x509.ParsePKIXPublicKey(r.PublicKey)
	if err != nil {
		return Server{}, fmt.Errorf("activation request: public key: %w", err)
	}
	key, err := enroll.Fingerprint(public)
	if err != nil {
		return Server{}, err
	}
	cert, err := enroll.CreateServerCertificate(public, h.root, h.key)
	if err != nil {
		return Server{}, err
	}
	s := Server{ServerID: enroll.ServerID(cert), Name: r.Server, Key: key, Certificate: cert.Raw}
	err = h.update(func(tx *transaction) error {
		s.Activated = tx.now
		if s.Document, err = h.activation(s, r.Company); err != nil {
			return err
		}
		return tx.activate(s, customer(r), again)
	})
	if err != nil {
		return Server{}, err
	}
	return s, nil
}

func (h *Clearinghouse) activation(s Server, company string) ([]byte, error) {
	return enroll.Activation{
		Server: s.Name, Company: company, ServerID: s.ServerID, Issued: s.Activated,
		Certificate: s.Certificate, Root: h.root.Raw,
	}.Sign(h.key)
}

func customer(r enroll.ActivationRequest) Customer {
	return Customer{Company: r.Company, Contact: r.Contact, Email: r.Email, Country: r.Country}
}

func (t *transaction) activate(s Server, c Customer, again bool) error {
	action := ActionActivate
	var current string
	known, err := t.get(bucketKeys, s.Key, &current)
	if err != nil {
		return err
	}
	if known {
		var old Server
		if found, err := t.get(bucketServers, current, &old); err != nil {
			return err
		} else if !found {
			return fmt.Errorf("%w: license server %s has no record", errDamaged, current)
		}
		if !again {
			return &ActivatedError{Name: old.Name, ServerID: old.ServerID, Since: old.Activated}
		}
		old.ReplacedBy = s.ServerID
		if err := t.put(bucketServers, old.ServerID, old); err != nil {
			return err
		}
		action = ActionReplace
	}
	if err := t.put(bucketServers, s.ServerID, s); err != nil {
		return err
	}
	if err := t.put(bucketKeys, s.Key, s.ServerID); err != nil {
		return err
	}
	if c != (Customer{}) {
		if err := t.put(bucketCustomers, s.ServerID, c); err != nil {
			return err
		}
	}
	return t.audit(Record{Action: action, ServerID: s.ServerID, Detail: s.Name})
}
