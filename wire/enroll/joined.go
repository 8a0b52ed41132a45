package enroll

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Joined is a domain controller's answer to a [JoinRequest]: the membership.
type Joined struct {
	Domain, Host, Role string
	Site               string // of the address that asked; empty when it belongs to none
	Issued             time.Time
	Groups             []string
	Certificate        []byte // of the host, DER
	// Forests are the certificates under which members are known, DER: the one that
	// signs this document first, then those that it trusts.
	Forests [][]byte
	// GossipKey is shared by the license servers of the domain, SiteKey by the
	// enterprise license servers of the site; 32 bytes each, the latter empty without
	// a site.
	GossipKey, SiteKey []byte
	// UpdateKey is the TSIG key (RFC 8945, hmac-sha256) by which the host may change
	// its own names in the domain's DNS; UpdateName is the key's name.
	UpdateName string
	UpdateKey  []byte
	Proof      []byte // [AnswerProof]; empty in the answer to a request without one
}

// KeySize is the length of the keys in [Joined], in bytes.
const KeySize = 32

func (j *Joined) code(c *coder) {
	c.text("domain", &j.Domain)
	c.text("host", &j.Host)
	c.text("role", &j.Role)
	c.text("site", &j.Site)
	c.time("issued", &j.Issued)
	c.texts("groups", &j.Groups)
	c.blob("certificate", &j.Certificate)
	c.blobs("forests", &j.Forests)
	c.blob("gossip key", &j.GossipKey)
	c.blob("site key", &j.SiteKey)
	c.text("update key name", &j.UpdateName)
	c.blob("update key", &j.UpdateKey)
	c.blob("proof", &j.Proof)
}

// headers leave out the keys: what a human reads aloud may be heard.
func (j *Joined) headers() []header {
	list := []header{
		{"Domain", j.Domain}, {"Host", j.Host}, {"Role", j.Role}, {"Site", j.Site}, {"Date", date(j.Issued)},
	}
	for _, g := range j.Groups {
		list = append(list, header{"Group", g})
	}
	return headers(list...)
}

func (j *Joined) check() error {
	_, err := j.Member()
	switch {
	case err != nil:
		return err
	case RoleGroups(j.Role) == nil:
		return fmt.Errorf("there is no role %q", j.Role)
	case len(j.GossipKey) != KeySize || len(j.UpdateKey) != KeySize || len(j.SiteKey) != KeySize && len(j.SiteKey) != 0:
		return fmt.Errorf("a key in it has not %d bytes", KeySize)
	case (j.Site == "") != (len(j.SiteKey) == 0):
		return errors.New("a site and its key come together or not at all")
	}
	return nil
}

// Member is who the certificate in the document says that the host is.
func (j *Joined) Member() (Member, error) {
	forests, err := j.forests()
	if err != nil {
		return Member{}, err
	}
	cert, err := x509.ParseCertificate(j.Certificate)
	if err != nil {
		return Member{}, fmt.Errorf("membership certificate: %w", err)
	}
	m, err := CheckMember(cert, forests[:1], cert.NotBefore)
	if err != nil {
		return Member{}, err
	}
	if m.Domain != j.Domain || m.Host != j.Host || !slices.Equal(m.Groups, j.Groups) {
		return Member{}, fmt.Errorf("it is made for %s.%s, its certificate for %s", j.Host, j.Domain, m.FQDN())
	}
	return m, nil
}

func (j *Joined) forests() ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for _, der := range j.Forests {
		forest, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("forest certificate: %w", err)
		}
		if _, err := CheckRoot(forest); err != nil {
			return nil, err
		}
		all = append(all, forest)
	}
	if len(all) == 0 {
		return nil, errors.New("it names no forest")
	}
	return all, nil
}

// Sign makes the document; key is that of the first forest.
func (j Joined) Sign(key crypto.Signer) ([]byte, error) { return signChecked(KindJoined, &j, key) }

// ParseJoined reads a membership and checks all that can be checked without knowing
// the forest: the certificates and the signature. That it is the forest to be trusted
// is shown by the proof ([AnswerProof]), and that the certificate is for the reader's
// key is the reader's business. Errors are [*DocumentError].
func ParseJoined(text []byte) (Joined, error) {
	var j Joined
	d, err := open(text, KindJoined)
	if err != nil {
		return j, err
	}
	signed, signature, err := d.unseal(j.code)
	if err != nil {
		return Joined{}, err
	}
	if err := j.check(); err != nil {
		return Joined{}, d.fail(d.first, err.Error(), remedyNew)
	}
	forests, err := j.forests()
	if err != nil {
		return Joined{}, d.fail(d.first, err.Error(), remedyNew)
	}
	if err := d.verify(forests[:1], signed, signature, &j); err != nil {
		return Joined{}, err
	}
	return j, nil
}
