package ls

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/codes"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// SetProduct installs the product document that the clearinghouse made: the server is
// known by its Product ID then, and can be activated by a License Server ID alone. A
// later document takes the place of an earlier one.
func (s *Server) SetProduct(ctx context.Context, document []byte) error {
	p, err := enroll.ParseProduct(document)
	if err != nil {
		return err
	}
	return s.store.Update(ctx, func(tx *store.Tx) error {
		if old, err := enroll.ParseProduct(tx.Product()); err == nil && old.ProductID == p.ProductID {
			return nil
		}
		return tx.SetProduct(document)
	})
}

// product is the installed product document; false when there is none.
func (s *Server) product() (p enroll.Product, ok bool, err error) {
	err = s.store.View(func(tx *store.Tx) error {
		document := tx.Product()
		if document == nil {
			return nil
		}
		if p, err = enroll.ParseProduct(document); err != nil {
			return fmt.Errorf("license store: %w", err)
		}
		ok = true
		return nil
	})
	return p, ok, err
}

// productID is how the clearinghouse knows the server before it has a License Server
// ID: by its product document, or by a number that it made itself, of its first key.
func (s *Server) productID(id identity) (string, error) {
	p, ok, err := s.product()
	if err != nil || ok {
		return p.ProductID, err
	}
	return codes.NewProductID(sha256.Sum256(id.SelfSigned)), nil
}

// activateByNumber takes a License Server ID that somebody typed. It opens a sealed
// activation of the product document, whose key becomes the server's own.
func (s *Server) activateByNumber(ctx context.Context, m tsls.ActivateByNumber) (tsls.Message, error) {
	serverID, err := keypack.ServerIDField().Check(m.ServerID)
	if err != nil {
		return nil, tsls.Errorf(tsls.CodeDocument, "%v", err)
	}
	product, ok, err := s.product()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, tsls.Errorf(tsls.CodeDocument, "server-id: the license server was not installed from a product document, and a number alone brings it no certificate; "+
			"start it with --product, or bring the activation as a document")
	}
	document, key, err := product.Open(serverID)
	if errors.Is(err, enroll.ErrOtherProduct) {
		return nil, tsls.Errorf(tsls.CodeOtherServer, "server-id: %v %s; give the clearinghouse the Product ID of this server", err, product.ProductID)
	}
	if err != nil {
		return nil, err
	}
	s.standing.Lock()
	defer s.standing.Unlock()
	return s.take(ctx, document, key)
}

// take makes an activation the server's own; key is nil when it has the key already.
func (s *Server) take(ctx context.Context, document enroll.Activation, key *ecdsa.PrivateKey) (tsls.Message, error) {
	var id store.Identity
	err := s.store.Update(ctx, func(tx *store.Tx) (err error) {
		if id, _, err = tx.Identity(); err != nil {
			return err
		}
		if id, err = activated(id, tx.NeedsReactivation(), document); err != nil {
			return err
		}
		if key != nil {
			if id, err = s.rekey(id, key); err != nil {
				return err
			}
		}
		return errors.Join(tx.SetIdentity(id), tx.SetReactivate(false))
	})
	if err != nil {
		return nil, err
	}
	if err := s.setIdentity(id); err != nil {
		return nil, err
	}
	s.config.Log.Event(eventlog.ServerActivated, eventlog.F("server_id", id.ServerID), eventlog.F("company", id.Company))
	return s.info()
}

// rekey is id with another key. What the former key signed stays known by the former
// certificates.
func (s *Server) rekey(id store.Identity, key *ecdsa.PrivateKey) (store.Identity, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return id, fmt.Errorf("signing key: %w", err)
	}
	own, err := token.SelfSign(s.config.Name, s.config.Clock.Now(), key)
	if err != nil {
		return id, err
	}
	if !isFormer(id, id.SelfSigned) {
		id.Former = append(id.Former, id.SelfSigned)
	}
	id.Key, id.SelfSigned = der, own
	return id, nil
}

// installByNumber takes a Key Pack ID that somebody typed: it says itself what is in
// the pack, and is sealed for this server.
func (s *Server) installByNumber(ctx context.Context, m tsls.InstallByNumber) (tsls.Message, error) {
	id := s.identity()
	if !id.Activated() {
		return nil, tsls.Errorf(tsls.CodeNotActivated, "%v", keypack.ErrNotActivated)
	}
	secret, err := id.secret()
	if err != nil {
		return nil, err
	}
	pack, err := keypack.ReadID(m.PackID, secret, id.ServerID, formerIDs(id))
	if _, ok := errors.AsType[*keypack.OtherServerError](err); ok {
		return nil, tsls.Errorf(tsls.CodeOtherServer, "pack-id: %v", err)
	}
	if err != nil {
		return nil, tsls.Errorf(tsls.CodeDocument, "%v", err)
	}
	return s.install(ctx, pack)
}

// formerIDs are the License Server IDs that the server had.
func formerIDs(id identity) []string {
	var list []string
	for _, der := range id.Former {
		if cert, err := x509.ParseCertificate(der); err == nil && codes.Valid(codes.LicenseServerID, cert.Subject.CommonName) {
			list = append(list, cert.Subject.CommonName)
		}
	}
	return list
}

// deactivateBy takes the confirmation code that the clearinghouse has told who deactivates
// this server: it can be made by those two only, and for this License Server ID only.
func (s *Server) deactivateBy(ctx context.Context, m tsls.Deactivate) (tsls.Message, error) {
	id := s.identity()
	if !id.Activated() {
		return nil, tsls.Errorf(tsls.CodeNotActivated, "the license server is not activated, and there is nothing to take back")
	}
	typed, err := keypack.ConfirmationField().Check(m.Confirmation)
	if err != nil {
		return nil, tsls.Errorf(tsls.CodeDocument, "%v", err)
	}
	secret, err := id.secret()
	if err != nil {
		return nil, err
	}
	if typed != codes.ConfirmationCode(secret, id.ServerID) {
		return nil, tsls.Errorf(tsls.CodeOtherServer, "confirmation: the code is sound, but not that of License Server ID %s, which this server is; call the clearinghouse, and give it that number", id.ServerID)
	}
	if _, err := s.Deactivate(ctx); err != nil {
		return nil, err
	}
	return s.info()
}

// secret is what the clearinghouse and this server share since the activation.
func (id *identity) secret() ([]byte, error) {
	root, err := x509.ParseCertificate(id.Chain[0])
	if err != nil {
		return nil, err
	}
	return enroll.Secret(id.key, root.PublicKey)
}

// order signs what the administrator wants of the clearinghouse.
func (s *Server) order(m tsls.GetOrder) (tsls.Message, error) {
	id := s.identity()
	if !id.Activated() {
		return nil, tsls.Errorf(tsls.CodeNotActivated, "%v", keypack.ErrNotActivated)
	}
	document, err := enroll.Order{ServerID: id.ServerID, Fields: m.Fields, Issued: s.config.Clock.Now()}.Sign(id.key)
	if err != nil {
		return nil, tsls.Errorf(tsls.CodeDocument, "%v", err)
	}
	return tsls.Order{Document: document}, nil
}
