package token_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	"github.com/tslab/tslab/wire/token"
)

// TestVerifySaysWhyNot builds chains that are wrong in one thing each.
func TestVerifySaysWhyNot(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	serverKey := newKey(t)
	chain := func(root, server *x509.Certificate) *token.Signer {
		return &token.Signer{Chain: [][]byte{root.Raw, server.Raw}, Key: serverKey}
	}
	server := func(edit func(c *x509.Certificate)) *token.Signer {
		template := caTemplate(serverID, 0)
		edit(template)
		return chain(a.root, certify(t, template, a.root, serverKey, a.key))
	}
	below := func() *token.Signer {
		tight := caTemplate("Lab Clearinghouse", 0)
		root := certify(t, tight, tight, a.key, a.key)
		return chain(root, certify(t, caTemplate(serverID, 0), root, serverKey, a.key))
	}
	forged := certify(t, caTemplate(serverID, 0), caTemplate("Lab Clearinghouse", 1), serverKey, newKey(t)) // right names, another's signature
	elsewhere := license()
	elsewhere.Issuer = "LAB-OTHER"
	for name, c := range map[string]struct {
		license token.License
		signer  *token.Signer
		check   token.Check
		reason  string
	}{
		"no authority":       {license(), server(func(c *x509.Certificate) { c.IsCA = false; c.MaxPathLenZero = false }), token.CheckAuthority, "no authority"},
		"not for signing":    {license(), server(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }), token.CheckAuthority, "not for signing"},
		"path too long":      {license(), below(), token.CheckAuthority, "1 authorities stand below it, 0 may"},
		"server expired":     {license(), server(func(c *x509.Certificate) { c.NotAfter = day0.Add(-time.Hour); c.NotBefore = day0.AddDate(-1, 0, 0) }), token.CheckExpiry, "it expired 2003-03-03"},
		"forged server":      {license(), chain(a.root, forged), token.CheckSignature, "not signed by CN=Lab Clearinghouse"},
		"another root":       {license(), other.signer, token.CheckRoot, "not a trusted clearinghouse"},
		"another's license":  {elsewhere, a.signer, token.CheckName, `"LAB-OTHER"`},
		"unrelated above":    {license(), chain(certify(t, caTemplate("X", 1), caTemplate("X", 1), a.key, a.key), forged), token.CheckName, "above it stands CN=X"},
		"root not its own":   {license(), chain(forged, forged), token.CheckName, "names CN=Lab Clearinghouse as its issuer"},
		"server outside law": {license(), server(func(c *x509.Certificate) { c.BasicConstraintsValid = false; c.IsCA = false; c.MaxPathLenZero = false }), token.CheckAuthority, "no authority"},
	} {
		t.Run(name, func(t *testing.T) {
			err := parse(t, sign(t, c.license, c.signer)).Verify(day0, []*x509.Certificate{a.root}, nil)
			var verr *token.VerifyError
			if !errors.As(err, &verr) || verr.Check != c.check || !strings.Contains(verr.Reason, c.reason) {
				t.Fatalf("%v, want %s: %s", err, c.check, c.reason)
			}
			if verr.Remedy == "" || verr.Certificate == "" {
				t.Errorf("says neither which certificate nor what to do: %#v", verr)
			}
		})
	}
}

func TestKnownServerNeedsNoRoot(t *testing.T) {
	a := newAuthority(t)
	tok := parse(t, sign(t, license(), a.signer))
	known := func(c []byte) bool { return bytes.Equal(c, a.signer.Chain[1]) }
	if err := tok.Verify(day0, nil, known); err != nil {
		t.Error(err)
	}
	if err := tok.Verify(day0.AddDate(30, 0, 0), nil, known); err == nil {
		t.Error("the license server's certificate has expired")
	}
}

// TestNoByteCanChange flips every bit of every byte of a token, and cuts it at
// every length: an error each time, and never a panic.
func TestNoByteCanChange(t *testing.T) {
	a := newAuthority(t)
	roots := []*x509.Certificate{a.root}
	known := func(c []byte) bool { return true } // so that signatures alone must do it
	blob := sign(t, license(), a.signer)
	accepted := func(b []byte) bool {
		tok, err := token.Parse(b)
		return err == nil && tok.Verify(day0, roots, known) == nil
	}
	if !accepted(blob) {
		t.Fatal("the sound token is refused")
	}
	for i := range blob {
		for _, mask := range []byte{0x01, 0x80, 0xFF} {
			changed := bytes.Clone(blob)
			changed[i] ^= mask
			if accepted(changed) {
				t.Errorf("byte %d with %02x flipped is accepted", i, mask)
			}
		}
	}
	for i := range blob {
		if accepted(blob[:i]) {
			t.Errorf("accepted when cut to %d bytes", i)
		}
	}
	if accepted(append(bytes.Clone(blob), 0)) {
		t.Error("a trailing byte is accepted")
	}
}

func TestParseTellsForeignFromCorrupt(t *testing.T) {
	a := newAuthority(t)
	blob := sign(t, license(), a.signer)
	chainOnly := token.Envelope(a.signer.Chain...)
	for name, b := range map[string][]byte{"nothing": nil, "garbage": []byte("garbage"), "another's chain": chainOnly} {
		var foreign *token.ForeignError
		if _, err := token.Parse(b); !errors.As(err, &foreign) || foreign.Size != len(b) {
			t.Errorf("%s: %v, want a ForeignError", name, err)
		}
	}
	for name, b := range map[string][]byte{
		"cut":                blob[:len(blob)-1],
		"leaf only":          token.Envelope(parse(t, blob).Leaf.Raw),
		"too long":           append(bytes.Clone(blob), make([]byte, 64<<10)...),
		"no fields":          withoutFields(t, a),
		"another's encoding": otherEncoding(t, blob),
	} {
		var corrupt *token.CorruptError
		if _, err := token.Parse(b); !errors.As(err, &corrupt) || corrupt.Part == "" || errors.Unwrap(err) == nil {
			t.Errorf("%s: %v, want a CorruptError", name, err)
		}
	}
}

// otherEncoding is the token as another program would wrap it: sound to openssl,
// but with bytes that nobody has signed.
func otherEncoding(t *testing.T, blob []byte) []byte {
	t.Helper()
	var raw []byte
	tok := parse(t, blob)
	for _, c := range append(tok.Chain, tok.Leaf) {
		raw = append(raw, c.Raw...)
	}
	other, err := pkcs7.DegenerateCertificate(raw)
	if err != nil || bytes.Equal(other, blob) {
		t.Fatalf("%v", err)
	}
	return other
}

// withoutFields is a chain whose last certificate names our arc in its subject only.
func withoutFields(t *testing.T, a *authority) []byte {
	t.Helper()
	template := caTemplate("leaf", 0)
	template.ExtraExtensions = token.StrayExtension()
	leaf := certify(t, template, parse(t, sign(t, license(), a.signer)).Server(), a.key, a.signer.Key.(*ecdsa.PrivateKey))
	return token.Envelope(a.signer.Chain[0], a.signer.Chain[1], leaf.Raw)
}

func FuzzParse(f *testing.F) {
	a := newAuthority(f)
	blob := sign(f, license(), a.signer)
	f.Add(blob)
	f.Add(blob[:len(blob)/2])
	f.Add([]byte("\x2b\x06\x01\x04\x01\x81\xfd\x59\x01\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tok, err := token.Parse(b)
		if err != nil {
			return
		}
		if err := tok.Verify(day0, []*x509.Certificate{a.root}, nil); err == nil && !bytes.Equal(b, blob) {
			if _, err := token.Sign(tok.License, a.signer); err != nil {
				t.Errorf("verified but cannot be signed again: %v", err)
			}
		}
	})
}
