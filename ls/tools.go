package ls

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// maxPacks is how many key packs a server holds: as many as one answer can list,
// less its own pools.
const maxPacks = tsls.MaxKeyPacks - 8

// activationRequest makes the document that the clearinghouse activates this server
// by. An activated server may ask again: it is then reactivated under a new License
// Server ID.
func (s *Server) activationRequest(m tsls.GetActivationRequest) (tsls.Message, error) {
	id := s.identity()
	productID, err := s.productID(id)
	if err != nil {
		return nil, err
	}
	request := enroll.ActivationRequest{
		Server: s.config.Name, ProductID: productID, Company: m.Company, Contact: m.Contact, Email: m.Email, Country: m.Country,
		Issued: s.config.Clock.Now(),
	}
	document, err := request.Sign(id.key)
	return tsls.ActivationRequest{Document: document}, err
}

// activate takes the clearinghouse's certificate into use. The certificate that the
// server signed with until then is kept and announced, so that the tokens under it
// stay known (decision L28). The clearinghouse that has activated the server may do so
// again; another one may when the server was deactivated.
func (s *Server) activate(ctx context.Context, m tsls.Activate) (tsls.Message, error) {
	document, err := enroll.ParseActivation(m.Document)
	if err != nil {
		return nil, tsls.Errorf(tsls.CodeDocument, "%v", err)
	}
	own := s.identity()
	if err := document.CheckKey(own.key.Public()); err != nil {
		return nil, tsls.Errorf(tsls.CodeOtherServer, "%v", err)
	}
	s.standing.Lock()
	defer s.standing.Unlock()
	return s.take(ctx, document, nil)
}

// activated is id after the activation; upgraded says that an upgrade has ended the one
// before. That one binds a server to its clearinghouse still, so that it cannot be
// taken over while it waits (M48): only a deactivation lets it go.
func activated(id store.Identity, upgraded bool, document enroll.Activation) (store.Identity, error) {
	present := id.SelfSigned
	if id.Activated() {
		present = id.Chain[len(id.Chain)-1]
	}
	switch {
	case bytes.Equal(present, document.Certificate):
		return id, tsls.Errorf(tsls.CodeActivated, "the license server is activated already, as %s", id.ServerID)
	case isFormer(id, document.Certificate) && id.Activated():
		return id, tsls.Errorf(tsls.CodeActivated, "this activation was replaced by a later one, as %s", id.ServerID)
	case isFormer(id, document.Certificate):
		return id, tsls.Errorf(tsls.CodeActivated, "this activation was withdrawn; have the clearinghouse make another")
	case id.Activated() && !bytes.Equal(id.Chain[0], document.Root):
		// Anybody who reaches the server may send an activation: it must not change hands by that.
		return id, tsls.Errorf(tsls.CodeForbidden, "the license server is activated, as %s, by another clearinghouse; run `licmgr deactivate --lserver` on its machine first", id.ServerID)
	}
	if upgraded && !underRoot(id.Former, document.Root) {
		return id, tsls.Errorf(tsls.CodeForbidden, "the license server waits to be activated again by the clearinghouse that activated it before the upgrade; run `licmgr deactivate --lserver` on its machine first to change to another")
	}
	if !isFormer(id, present) {
		id.Former = append([][]byte{present}, id.Former...)
	}
	id.Chain = document.Chain()
	id.ServerID, id.Company = document.ServerID, document.Company
	return id, nil
}

// underRoot reports whether the newest of the former certificates is of the
// clearinghouse with this root.
func underRoot(former [][]byte, root []byte) bool {
	if len(former) == 0 {
		return true
	}
	cert, err := x509.ParseCertificate(former[0])
	if err != nil {
		return false
	}
	parsed, err := x509.ParseCertificate(root)
	return err == nil && cert.CheckSignatureFrom(parsed) == nil
}

// installKeyPack adds a key pack that the clearinghouse has made for this server
// (decisions L18 and L19).
func (s *Server) installKeyPack(ctx context.Context, m tsls.InstallKeyPack) (tsls.Message, error) {
	pack, err := s.readKeyPack(m.Document)
	if err != nil {
		return nil, err
	}
	return s.install(ctx, pack)
}

func (s *Server) install(ctx context.Context, pack keypack.Pack) (tsls.Message, error) {
	if own := s.config.Edition.Edition; pack.Kind == token.PerUser && own != edition.Server2003 {
		return nil, tsls.Errorf(tsls.CodeDocument, "key pack %s holds %v licenses, which a license server of %v does not know; install it at one of %v",
			pack.ID, pack.Kind, own, edition.Server2003)
	}
	var installed store.Pack
	err := s.store.Update(ctx, func(tx *store.Tx) error {
		packs, err := tx.Packs()
		if err != nil {
			return err
		}
		if len(packs) >= maxPacks {
			return tsls.Errorf(tsls.CodeBusy, "%d key packs are installed, and there is room for no more", len(packs))
		}
		installed, err = tx.InstallPack(store.Pack{
			ID: pack.ID, Kind: pack.Kind, Product: pack.Product, Major: pack.Version.Major, Minor: pack.Version.Minor,
			Program: string(pack.Program), Total: pack.Count, Installed: s.config.Clock.Now(),
		})
		return err
	})
	if errors.Is(err, store.ErrDuplicatePack) {
		return nil, tsls.Errorf(tsls.CodeDuplicate, "key pack %s is installed already", pack.ID)
	}
	if err != nil {
		return nil, err
	}
	s.config.Log.Event(eventlog.KeyPackInstalled, eventlog.F("pack", installed.ID), eventlog.F("count", installed.Total),
		eventlog.F("kind", installed.Kind), eventlog.F("product", installed.Product))
	return tsls.KeyPackInstalled{Pack: packInfo(installed)}, nil
}

// readKeyPack checks a key pack document against this server's activation.
func (s *Server) readKeyPack(document []byte) (keypack.Pack, error) {
	id := s.identity()
	var root *x509.Certificate
	if id.Activated() {
		var err error
		if root, err = x509.ParseCertificate(id.Chain[0]); err != nil {
			return keypack.Pack{}, err
		}
	}
	pack, err := keypack.Read(document, root, id.ServerID)
	if err == nil {
		return pack, nil
	}
	code := tsls.CodeDocument
	if errors.Is(err, keypack.ErrNotActivated) {
		code = tsls.CodeNotActivated
	} else if _, ok := errors.AsType[*keypack.OtherServerError](err); ok {
		code = tsls.CodeOtherServer
	}
	return keypack.Pack{}, tsls.Errorf(code, "%v", err)
}
