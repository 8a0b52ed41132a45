package clearinghouse

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/codes"
	"github.com/tslab/tslab/wire/enroll"
)

// ActivatedError says that a license server is activated already: "A license server
// must be activated only once" (white paper, Activate a License Server).
type ActivatedError struct {
	Name     string
	ServerID string
	Since    time.Time
}

func (e *ActivatedError) Error() string {
	name := e.Name
	if name == "" {
		name = "of this product"
	}
	return fmt.Sprintf("license server %s was activated %s as %s; a license server is activated once: reactivate it, with the reason, if it lost that activation",
		name, e.Since.Format(time.DateOnly), e.ServerID)
}

// RequestField is the form field and the part of an error for an activation request.
const RequestField = "request"

// Activate answers an activation request; the document is in the result. A license
// server, known by its key or its Product ID, that is activated already is refused
// with an [*ActivatedError].
func (h *Clearinghouse) Activate(request []byte) (Server, error) { return h.answer(request, "") }

// Reactivate answers the activation request of a license server that was activated
// before and lost its activation, with another License Server ID: key packs for the
// old one can no longer be installed ([Clearinghouse.Reissue]).
func (h *Clearinghouse) Reactivate(request []byte, reason keypack.ReactivationReason) (Server, error) {
	if _, err := keypack.ParseReason(string(reason)); err != nil {
		return Server{}, err
	}
	return h.answer(request, reason)
}

func (h *Clearinghouse) answer(request []byte, reason keypack.ReactivationReason) (Server, error) {
	r, err := enroll.ParseActivationRequest(request)
	if err != nil {
		return Server{}, documentFault(RequestField, err)
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
	s := Server{ServerID: codes.ServerID(cert), ProductID: r.ProductID, Name: r.Server, Key: key, Certificate: cert.Raw}
	err = h.update(func(tx *transaction) error {
		s.Activated = tx.now
		if s.Document, err = h.activation(s, r.Company); err != nil {
			return err
		}
		return tx.activate(s, reason)
	})
	if err != nil {
		return Server{}, err
	}
	return s, h.remember(s.ServerID, customerOf(r))
}

// documentFault puts an error about a document into the field that it was given in.
func documentFault(field string, err error) error {
	e, ok := errors.AsType[*enroll.DocumentError](err)
	if !ok {
		return err
	}
	return keypack.Fault(field, e.Remedy, "%s", e.Problem())
}

func (h *Clearinghouse) activation(s Server, company string) ([]byte, error) {
	return enroll.Activation{
		Server: s.Name, Company: company, ServerID: s.ServerID, Issued: s.Activated,
		Certificate: s.Certificate, Root: h.root.Raw,
	}.Sign(h.key)
}

// present finds the activation that a license server has now, by its key or by the
// Product ID that it was installed as.
func (t *transaction) present(key, productID string) (Server, bool, error) {
	var s Server
	var id string
	known, err := t.get(bucketKeys, key, &id)
	if err != nil {
		return s, false, err
	}
	if !known && productID != "" {
		var p product
		if _, err := t.get(bucketProducts, productID, &p); err != nil {
			return s, false, err
		}
		id = p.ServerID
	}
	if id == "" {
		return s, false, nil
	}
	found, err := t.get(bucketServers, id, &s)
	if err == nil && !found {
		err = fmt.Errorf("%w: license server %s has no record", errDamaged, id)
	}
	return s, found && s.State == Active, err
}

// activate enters s, in place of the activation that its license server has.
func (t *transaction) activate(s Server, reason keypack.ReactivationReason) error {
	old, active, err := t.present(s.Key, s.ProductID)
	switch {
	case err != nil:
		return err
	case active && reason == "":
		return &ActivatedError{Name: old.Name, ServerID: old.ServerID, Since: old.Activated}
	case !active && reason != "":
		return keypack.Fault("reason", "activate it; no reason is needed for that", "the license server is not activated here now")
	}
	action := ActionActivate
	if active {
		action = ActionReactivate
		old.State, old.ReplacedBy = Replaced, s.ServerID
		if err := t.put(bucketServers, old.ServerID, old); err != nil {
			return err
		}
	}
	s.State, s.Reason = Active, string(reason)
	if err := errors.Join(t.put(bucketServers, s.ServerID, s), t.put(bucketKeys, s.Key, s.ServerID), t.enterProduct(s)); err != nil {
		return err
	}
	return t.audit(Record{Action: action, ServerID: s.ServerID, Detail: s.detail(old)})
}

// enterProduct notes which activation the product of s has now.
func (t *transaction) enterProduct(s Server) error {
	if s.ProductID == "" {
		return nil
	}
	var p product
	if _, err := t.get(bucketProducts, s.ProductID, &p); err != nil {
		return err
	}
	p.ServerID = s.ServerID
	return t.put(bucketProducts, s.ProductID, p)
}

func (s *Server) detail(old Server) string {
	text := s.Name
	if text == "" {
		text = s.ProductID
	}
	if s.Reason != "" {
		text += ", instead of " + old.ServerID + ": " + s.Reason
	}
	return text
}

// active finds an activation that may be issued key packs; the error blames the field.
func (t *transaction) active(field, serverID string) (Server, error) {
	var s Server
	found, err := t.get(bucketServers, serverID, &s)
	switch {
	case err != nil:
		return s, err
	case !found:
		return s, keypack.Fault(field, "activate it first, or look whether it belongs to another clearinghouse", "no license server was activated here as %s", serverID)
	case s.State == Replaced:
		return s, keypack.Fault(field, "give that number", "license server %s was activated again and is %s now", s.Name, s.ReplacedBy)
	case s.State == Deactivated:
		return s, keypack.Fault(field, "activate the license server again", "%s was deactivated", serverID)
	}
	return s, nil
}

// Deactivate takes an activation back and returns the code that confirms it to the
// license server. The clearinghouse drops the License Server ID (decision L27): what
// was issued for it stays, and nothing more is issued.
func (h *Clearinghouse) Deactivate(serverID string) (confirmation string, err error) {
	id, err := keypack.ServerIDField().Check(serverID)
	if err != nil {
		return "", err
	}
	err = h.update(func(tx *transaction) error {
		s, err := tx.active("server-id", id)
		if err != nil {
			return err
		}
		secret, err := h.secret(s)
		if err != nil {
			return err
		}
		confirmation = codes.ConfirmationCode(secret, id)
		s.State = Deactivated
		return errors.Join(tx.put(bucketServers, id, s), tx.audit(Record{Action: ActionDeactivate, ServerID: id, Detail: s.detail(s)}))
	})
	return confirmation, err
}

// Print makes the activation document of a license server again, for one that got
// lost on its way. It names no company.
func (h *Clearinghouse) Print(serverID string) ([]byte, error) {
	id, err := keypack.ServerIDField().Check(serverID)
	if err != nil {
		return nil, err
	}
	var document []byte
	err = h.update(func(tx *transaction) error {
		s, err := tx.active("server-id", id)
		if err != nil {
			return err
		}
		if document, err = h.activation(s, ""); err != nil {
			return err
		}
		return tx.audit(Record{Action: ActionPrint, ServerID: id})
	})
	return document, err
}

// secret is what the clearinghouse and the license server share.
func (h *Clearinghouse) secret(s Server) ([]byte, error) {
	cert, err := x509.ParseCertificate(s.Certificate)
	if err != nil {
		return nil, fmt.Errorf("%w: license server %s: %w", errDamaged, s.ServerID, err)
	}
	return enroll.Secret(h.key, cert.PublicKey)
}
