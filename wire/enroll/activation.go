package enroll

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"time"
)

// Activation is the clearinghouse's answer to an [ActivationRequest]: the
// certificate by which the license server issues tokens.
type Activation struct {
	Server      string // as in the request
	Company     string
	ServerID    string // License Server ID, derived from Certificate
	Issued      time.Time
	Certificate []byte // the license server's, DER
	Root        []byte // the clearinghouse's, DER
}

func (a *Activation) code(c *coder) {
	c.text("server", &a.Server)
	c.text("company", &a.Company)
	c.text("server id", &a.ServerID)
	c.time("issued", &a.Issued)
	c.blob("certificate", &a.Certificate)
	c.blob("root", &a.Root)
}

func (a *Activation) headers(root *x509.Certificate) []header {
	return headers(
		header{"License server", a.Server},
		header{"Company", a.Company},
		header{"License Server ID", a.ServerID},
		header{"Date", date(a.Issued)},
		header{"Clearinghouse", root.Subject.CommonName},
		header{"Clearinghouse key", fingerprint(root.RawSubjectPublicKeyInfo)},
	)
}

// Sign makes the document; key is the root's.
func (a Activation) Sign(key crypto.Signer) ([]byte, error) {
	root, err := x509.ParseCertificate(a.Root)
	if err != nil {
		return nil, fmt.Errorf("activation: root certificate: %w", err)
	}
	return seal(KindActivation, a.code, a.headers(root), key)
}

// Chain is the two certificates, the root first: how a token's signer wants them.
func (a Activation) Chain() [][]byte { return [][]byte{a.Root, a.Certificate} }

// ParseActivation reads an activation and checks all that can be checked without
// knowing whose it is: the certificates, the id, the root's signature. That the
// root is one to be trusted and the key the reader's own is the reader's business
// ([Activation.CheckKey]). Errors are [*DocumentError].
func ParseActivation(text []byte) (Activation, error) {
	var a Activation
	d, err := open(text, KindActivation)
	if err != nil {
		return a, err
	}
	signed, signature, err := d.unseal(a.code)
	if err != nil {
		return Activation{}, err
	}
	if err := d.checkActivation(&a, signed, signature); err != nil {
		return Activation{}, err
	}
	return a, nil
}

func (d *armored) checkActivation(a *Activation, signed, signature []byte) error {
	root, err := x509.ParseCertificate(a.Root)
	if err != nil {
		return d.fail(d.first, "root certificate: "+err.Error(), remedyNew)
	}
	key, err := CheckRoot(root)
	if err != nil {
		return d.fail(d.first, err.Error(), remedyNew)
	}
	if err := d.checkSignature(key, "the clearinghouse in it", signed, signature); err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(a.Certificate)
	if err != nil {
		return d.fail(d.first, "license server certificate: "+err.Error(), remedyNew)
	}
	id, err := CheckServerCertificate(cert, root)
	if err != nil {
		return d.fail(d.first, err.Error(), remedyNew)
	}
	if id != a.ServerID {
		return d.fail(d.first, fmt.Sprintf("it names the License Server ID %s, its certificate is %s", a.ServerID, id), remedyNew)
	}
	return d.checkHeaders(a.headers(root))
}

// CheckKey refuses an activation of another license server than the holder of key.
func (a Activation) CheckKey(key crypto.PublicKey) error {
	cert, err := x509.ParseCertificate(a.Certificate)
	if err != nil {
		return fmt.Errorf("activation: license server certificate: %w", err)
	}
	own, err := publicKey(key)
	if err != nil {
		return fmt.Errorf("activation: %w", err)
	}
	if !own.Equal(cert.PublicKey) {
		return &DocumentError{Kind: KindActivation, Reason: fmt.Sprintf("it is made for the key of license server %q, not for this server's", a.Server),
			Remedy: "activate with the answer to this server's own request"}
	}
	return nil
}
