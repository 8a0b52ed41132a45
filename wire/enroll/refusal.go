package enroll

import (
	"crypto"
	"crypto/x509"
	"errors"
	"time"
)

// Refusal is a domain controller's answer to what it does not do. It is a Go error
// too; the text says what is wrong and what to do about it.
type Refusal struct {
	Text   string
	Issued time.Time
}

func (r *Refusal) code(c *coder) {
	c.text("text", &r.Text)
	c.time("issued", &r.Issued)
}

func (r *Refusal) headers() []header { return headers(header{"Date", date(r.Issued)}) }

func (r *Refusal) check() error {
	if r.Text == "" {
		return errors.New("it gives no reason")
	}
	return nil
}

// Error is the text.
func (r *Refusal) Error() string { return r.Text }

// Sign makes the document; key is the forest's. A text longer than a document allows
// is cut, and what cannot be shown is left out.
func (r Refusal) Sign(key crypto.Signer) ([]byte, error) {
	r.Text = showable(r.Text)
	return signChecked(KindRefusal, &r, key)
}

// ParseRefusal reads a refusal that one of the forests has signed; without any, see
// [ParseSiteAnswer]. Errors are [*DocumentError].
func ParseRefusal(text []byte, forests []*x509.Certificate) (Refusal, error) {
	var r Refusal
	if err := parseByForest(text, KindRefusal, &r, forests); err != nil {
		return Refusal{}, err
	}
	return r, nil
}
