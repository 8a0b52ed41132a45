package enroll

import (
	"crypto"
	"crypto/x509"
	"errors"
	"time"
)

// JoinRequest is what a host tells a domain controller to become a member of its
// domain, or to have its membership made anew.
type JoinRequest struct {
	Domain    string // that the host wants to join
	Host      string // host name without the domain
	Role      string // one of the roles
	Issued    time.Time
	PublicKey []byte // PKIX, ECDSA P-256: what the certificate will be for
	// Proof is [RequestProof]; empty in the request of a host that shows its present
	// membership in the TLS handshake.
	Proof []byte
}

func (r *JoinRequest) code(c *coder) {
	c.text("domain", &r.Domain)
	c.text("host", &r.Host)
	c.text("role", &r.Role)
	c.time("issued", &r.Issued)
	c.blob("public key", &r.PublicKey)
	c.blob("proof", &r.Proof)
}

func (r *JoinRequest) headers() []header {
	return headers(
		header{"Domain", r.Domain},
		header{"Host", r.Host},
		header{"Role", r.Role},
		header{"Date", date(r.Issued)},
		header{"Key", fingerprint(r.PublicKey)},
	)
}

func (r *JoinRequest) check() error {
	if RoleGroups(r.Role) == nil {
		return errors.New("there is no role " + r.Role)
	}
	return errors.Join(CheckDomain(r.Domain), CheckHost(r.Host))
}

// Sign makes the document for the host that holds key; PublicKey is set from it.
func (r JoinRequest) Sign(key crypto.Signer) ([]byte, error) {
	var err error
	if r.PublicKey, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
		return nil, err
	}
	return signByAsker(KindJoinRequest, &r, key)
}

// ParseJoinRequest reads a request and checks that it is signed by the key that it
// names. Whether the proof holds is the domain controller's business. Errors are
// [*DocumentError].
func ParseJoinRequest(text []byte) (JoinRequest, error) {
	var r JoinRequest
	err := parseByAsker(text, KindJoinRequest, &r, &r.PublicKey)
	if err != nil {
		return JoinRequest{}, err
	}
	return r, nil
}
