package enroll

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"strings"
	"unicode"
)

// What the documents between hosts and domain controllers have in common.

// content is the fields of a document.
type content interface {
	code(*coder)
	headers() []header
	check() error
}

// signChecked writes a document that reads back.
func signChecked(kind Kind, d content, key crypto.Signer) ([]byte, error) {
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", strings.ToLower(kind.String()), err)
	}
	return seal(kind, d.code, d.headers(), key)
}

// signByAsker is signChecked with a key that documents here are signed with.
func signByAsker(kind Kind, d content, key crypto.Signer) ([]byte, error) {
	if _, err := publicKey(key.Public()); err != nil {
		return nil, fmt.Errorf("%s: %w", strings.ToLower(kind.String()), err)
	}
	return signChecked(kind, d, key)
}

// parseByAsker reads a document into c that is signed by the key that it carries.
func parseByAsker(text []byte, kind Kind, c content, carried *[]byte) error {
	d, err := open(text, kind)
	if err != nil {
		return err
	}
	signed, signature, err := d.unseal(c.code)
	if err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return d.fail(d.first, err.Error(), remedyNew)
	}
	parsed, err := x509.ParsePKIXPublicKey(*carried)
	if err != nil {
		return d.fail(d.first, "public key: "+err.Error(), remedyNew)
	}
	key, err := publicKey(parsed)
	if err != nil {
		return d.fail(d.first, err.Error(), remedyNew)
	}
	if err := d.checkSignature(key, "the key in it", signed, signature); err != nil {
		return err
	}
	return d.checkHeaders(c.headers())
}

// parseByForest reads a document into c that one of the forests has signed.
func parseByForest(text []byte, kind Kind, c content, forests []*x509.Certificate) error {
	d, err := open(text, kind)
	if err != nil {
		return err
	}
	signed, signature, err := d.unseal(c.code)
	if err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return d.fail(d.first, err.Error(), remedyNew)
	}
	return d.verify(forests, signed, signature, c)
}

// verify checks the signature against the forests' keys, and the header lines.
func (d *armored) verify(forests []*x509.Certificate, signed, signature []byte, c content) error {
	good := len(forests) == 0
	digest := sha256.Sum256(signed)
	for _, f := range forests {
		key, ok := f.PublicKey.(*ecdsa.PublicKey)
		good = good || ok && ecdsa.VerifyASN1(key, digest[:], signature)
	}
	if !good {
		return d.fail(d.first, "the signature is not that of the forest", remedyEdited)
	}
	return d.checkHeaders(c.headers())
}

// showable is s as a document can carry it.
func showable(s string) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s))
	if len(s) > maxField {
		s = strings.TrimSpace(strings.ToValidUTF8(s[:maxField], ""))
	}
	return s
}
