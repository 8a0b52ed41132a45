package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/wire/enroll"
)

// MembershipName is the file of a state folder that the membership lies in, as the
// domain controller wrote it. It holds keys.
const MembershipName = "membership.txt"

// Membership is what a host has by joining a domain.
type Membership struct {
	enroll.Member // domain, host name, groups
	Role          string
	Site          string              // in which the host was when it joined; empty for none
	Certificate   *x509.Certificate   // of the host's key
	Roots         []*x509.Certificate // of the forests whose members are members here

	GossipKey [enroll.KeySize]byte // of the domain's license servers
	SiteKey   [enroll.KeySize]byte // of the site's enterprise license servers; zero without a site

	UpdateName string // of the TSIG key for the host's own names in the DNS
	UpdateKey  [enroll.KeySize]byte
}

// Membership is the host's, or nil while it is in a workgroup.
func (id *Identity) Membership() *Membership { return id.membership }

// LoadMembership takes up the membership that lies in the state folder. Without one
// it is an error that wraps [fs.ErrNotExist].
func (id *Identity) LoadMembership() (*Membership, error) {
	path := filepath.Join(id.dir, MembershipName)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("membership: %w", err)
	}
	m, err := id.read(text)
	if err != nil {
		return nil, fmt.Errorf("membership: %s: %w: delete it and join again", path, err)
	}
	id.membership = m
	return m, nil
}

// Leave forgets the membership, in the state folder too.
func (id *Identity) Leave() error {
	id.membership = nil
	if err := os.Remove(filepath.Join(id.dir, MembershipName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("membership: %w", err)
	}
	return nil
}

// Adopt stores a membership document that a domain controller gave and takes it up.
func (id *Identity) Adopt(text []byte) (*Membership, error) {
	m, err := id.read(text)
	if err != nil {
		return nil, err
	}
	if err := durable.WriteFile(filepath.Join(id.dir, MembershipName), text, 0o600); err != nil {
		return nil, fmt.Errorf("membership: %w", err)
	}
	id.membership = m
	return m, nil
}

// read checks that the membership is this host's.
func (id *Identity) read(text []byte) (*Membership, error) {
	j, err := enroll.ParseJoined(text)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(j.Certificate)
	if err != nil {
		return nil, err
	}
	if key, ok := cert.PublicKey.(*ecdsa.PublicKey); !ok || !key.Equal(&id.Key.PublicKey) {
		return nil, errors.New("it is for another key than this host's")
	}
	m := &Membership{Role: j.Role, Site: j.Site, Certificate: cert, UpdateName: j.UpdateName}
	for _, der := range j.Forests {
		root, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		m.Roots = append(m.Roots, root)
	}
	if m.Member, err = m.Check(cert); err != nil {
		return nil, err
	}
	copy(m.GossipKey[:], j.GossipKey)
	copy(m.SiteKey[:], j.SiteKey)
	copy(m.UpdateKey[:], j.UpdateKey)
	return m, nil
}

// Check says which member of the forest the holder of cert is; the error is for one
// that is none.
func (m *Membership) Check(cert *x509.Certificate) (enroll.Member, error) {
	return enroll.CheckMember(cert, m.Roots, time.Now())
}

// Members lets members of the forest in who belong to one of the groups, to any when
// none is named.
func (m *Membership) Members(groups ...string) Policy {
	return func(peer *x509.Certificate) error {
		member, err := m.Check(peer)
		if err != nil {
			return err
		}
		for _, g := range groups {
			if member.In(g) {
				return nil
			}
		}
		if len(groups) == 0 {
			return nil
		}
		return fmt.Errorf("%s does not belong to the group %q", member.FQDN(), groups[0])
	}
}

// selfMade says whether the certificate names itself as its issuer.
func selfMade(cert *x509.Certificate) bool { return bytes.Equal(cert.RawIssuer, cert.RawSubject) }
