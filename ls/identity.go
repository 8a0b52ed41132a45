package ls

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/tslab/tslab/internal/crash"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ls/policy"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// identity is the stored identity with what is made of it.
type identity struct {
	store.Identity
	key    *ecdsa.PrivateKey
	signer *token.Signer // under the clearinghouse's chain, or alone while there is none
}

// issuer is how tokens name the server: by its License Server ID, by its own name
// while it has none.
func (id *identity) issuer(name string) string {
	if id.Activated() {
		return id.ServerID
	}
	return name
}

func (s *Server) identity() identity {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.id
}

// loadIdentity reads who the server is, and makes its key and its own certificate
// in a new store.
func (s *Server) loadIdentity() error {
	var stored store.Identity
	var known bool
	if err := s.store.View(func(tx *store.Tx) (err error) {
		stored, known, err = tx.Identity()
		return err
	}); err != nil {
		return err
	}
	if !known {
		var err error
		if stored, err = s.newIdentity(); err != nil {
			return err
		}
		if err := s.saveIdentity(crash.In(context.Background(), "identity"), stored); err != nil {
			return err
		}
	}
	return s.setIdentity(stored)
}

func (s *Server) newIdentity() (store.Identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return store.Identity{}, fmt.Errorf("signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return store.Identity{}, fmt.Errorf("signing key: %w", err)
	}
	own, err := token.SelfSign(s.config.Name, s.config.Clock.Now(), key)
	return store.Identity{Key: der, SelfSigned: own}, err
}

func (s *Server) saveIdentity(ctx context.Context, id store.Identity) error {
	return s.store.Update(ctx, func(tx *store.Tx) error { return tx.SetIdentity(id) })
}

// setIdentity makes what is stored the identity that answers are signed by.
func (s *Server) setIdentity(stored store.Identity) error {
	parsed, err := x509.ParsePKCS8PrivateKey(stored.Key)
	if err != nil {
		return fmt.Errorf("signing key in the license store: %w", err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return errors.New("signing key in the license store is not ECDSA")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	chain := stored.Chain
	if !stored.Activated() {
		chain = [][]byte{stored.SelfSigned}
	}
	s.id = identity{stored, key, &token.Signer{Chain: chain, Key: key}}
	return nil
}

// welcome answers who connects. A terminal server of an edition that is not served
// is turned away here, so that it counts this as no license server (rules L1, V12).
func (s *Server) welcome(peer transport.Peer, m tsls.Hello) (tsls.Message, error) {
	if m.Edition != "" && !policy.Serves(&s.config.Edition, m.Edition) {
		return nil, tsls.Errorf(tsls.CodeForbidden, "a license server of %v serves no terminal server of %q", s.config.Edition.Edition, m.Edition)
	}
	info, err := s.info()
	if err != nil || len(peer.Binding) == 0 {
		return info, err
	}
	return s.proved(info, peer.Binding)
}

// proved adds what shows that this license server has the key of the certificate in
// info: anybody could show the certificate.
func (s *Server) proved(info tsls.ServerInfo, binding []byte) (tsls.Message, error) {
	digest := tsls.ProofOf(binding)
	var err error
	info.Proof, err = ecdsa.SignASN1(rand.Reader, s.identity().key, digest[:])
	return info, err
}

// Facts is what this license server says of itself without looking into its store:
// no certificates, and nothing of what it has issued.
func (s *Server) Facts() tsls.ServerInfo {
	id := s.identity()
	return tsls.ServerInfo{
		Features:  features(&s.config.Edition) | tsls.FeatureReferral,
		Name:      s.config.Name,
		ServerID:  id.ServerID,
		Edition:   s.config.Edition.Edition.String(),
		Scope:     s.Scope(),
		Activated: id.Activated(),
		Site:      s.domain.Site,
	}
}

// info says what this license server is.
func (s *Server) info() (tsls.ServerInfo, error) {
	id, info := s.identity(), s.Facts()
	signer := id.signer
	info.Certificates = append([][]byte{signer.Chain[len(signer.Chain)-1]}, former(id.Former)...)
	if id.Activated() {
		info.Roots = [][]byte{id.Chain[0]}
	}
	err := s.store.View(func(tx *store.Tx) error {
		info.CALIssuedEver = tx.CALIssuedEver()
		packs, err := tx.Packs()
		info.PerUserPack = slices.ContainsFunc(packs, func(p store.Pack) bool { return p.Kind == token.PerUser })
		return err
	})
	return info, err
}

// former is the newest of the former certificates (they come first), as many as a
// message carries beside the present one.
func former(certificates [][]byte) [][]byte {
	return certificates[:min(len(certificates), tsls.MaxCertificates-1)]
}
