package enroll

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"github.com/tslab/tslab/wire/codes"
)

// newProduct is a product with two activations of the office's clearinghouse.
func newProduct(t testing.TB, o *office) (Product, []byte) {
	t.Helper()
	p := Product{ProductID: codes.NewProductID([32]byte{2}), Issued: day, Root: o.root.Raw}
	for range 2 {
		sealed, _ := newSealed(t, o)
		p.Sealed = append(p.Sealed, sealed)
	}
	text, err := p.Sign(o.rootKey)
	if err != nil {
		t.Fatal(err)
	}
	return p, text
}

// newSealed is a sealed activation and the License Server ID that opens it.
func newSealed(t testing.TB, o *office) (sealed []byte, id string) {
	t.Helper()
	key := newKey(t, elliptic.P256())
	cert, err := CreateServerCertificate(key.Public(), o.root, o.rootKey)
	if err != nil {
		t.Fatal(err)
	}
	if sealed, err = SealActivation(cert.Raw, key); err != nil {
		t.Fatal(err)
	}
	return sealed, codes.ServerID(cert)
}

func newPurchase(t testing.TB) (Purchase, []byte) {
	t.Helper()
	p := Purchase{Reseller: "Contoso", Program: "Open License", Numbers: []string{codes.OpenLicenseNumber().Make(1), codes.NewAuthorization([32]byte{1})},
		Kind: "CAL", Product: "Windows 2000", Count: 25, Issued: day}
	key := newKey(t, elliptic.P256())
	text, err := p.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	p.PublicKey, err = x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return p, text
}

// A License Server ID opens its own activation and no other, and what it opens is a
// certificate under the root with its key.
func TestOpenProduct(t *testing.T) {
	o := newOffice(t)
	p := o.product
	sealed, id := newSealed(t, o)
	if _, _, err := p.Open(id); !errors.Is(err, ErrOtherProduct) {
		t.Errorf("an id of another product: %v", err)
	}
	p.Sealed = append(p.Sealed, sealed)
	a, key, err := p.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(a.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := CheckServerCertificate(cert, o.root); err != nil || got != id || a.ServerID != id || !key.PublicKey.Equal(cert.PublicKey) || !bytes.Equal(a.Root, o.root.Raw) {
		t.Errorf("opened %s: %+v, %v", id, a, err)
	}
	for i := range sealed {
		broken := bytes.Clone(sealed)
		broken[i] ^= 1
		if _, _, err := (Product{Root: o.root.Raw, Sealed: [][]byte{broken}}).Open(id); !errors.Is(err, ErrOtherProduct) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		if _, _, err := (Product{Root: o.root.Raw, Sealed: [][]byte{sealed[:i]}}).Open(id); !errors.Is(err, ErrOtherProduct) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	foreign := newOffice(t)
	if _, _, err := (Product{Root: foreign.root.Raw, Sealed: [][]byte{sealed}}).Open(id); err == nil || !strings.Contains(err.Error(), "not signed by the clearinghouse") {
		t.Errorf("under another root: %v", err)
	}
}

func TestSaleRefuses(t *testing.T) {
	o := newOffice(t)
	for _, tt := range []struct {
		name string
		sign func() ([]byte, error)
		want string
	}{
		{"no Product ID", func() ([]byte, error) { p := o.product; p.ProductID = "LAB-P"; return p.Sign(o.rootKey) }, `"LAB-P" is no Product ID`},
		{"no root", func() ([]byte, error) { p := o.product; p.Root = nil; return p.Sign(o.rootKey) }, "product: root certificate"},
		{"many", func() ([]byte, error) { p := o.product; p.Sealed = make([][]byte, maxList+1); return p.Sign(o.rootKey) }, "sealed activations: more than"},
		{"no reseller", func() ([]byte, error) { p := o.purchase; p.Reseller = ""; return p.Sign(o.rootKey) }, "the reseller has no name"},
		{"no number", func() ([]byte, error) { p := o.purchase; p.Numbers = nil; return p.Sign(o.rootKey) }, "nothing identifies the purchase"},
		{"no count", func() ([]byte, error) { p := o.purchase; p.Count = 0; return p.Sign(o.rootKey) }, "count: 0 is none of 1..1000000"},
		{"order of nobody", func() ([]byte, error) { return Order{ServerID: "LS1"}.Sign(o.serverKey) }, "its License Server ID is malformed"},
		{"order without a name", func() ([]byte, error) { v := o.order; v.Fields = []string{"x"}; return v.Sign(o.serverKey) }, "a field is no name=value"},
		{"P-384", func() ([]byte, error) { return o.purchase.Sign(newKey(t, elliptic.P384())) }, "no ECDSA key on P-256"},
	} {
		if _, err := tt.sign(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
	}
	foreign := newOffice(t)
	text, err := o.product.Sign(foreign.rootKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseProduct(text); err == nil || !strings.Contains(err.Error(), "the signature is not that of the clearinghouse in it") {
		t.Errorf("signed by another: %v", err)
	}
	if _, err := SealActivation([]byte("x"), newKey(t, elliptic.P256())); err == nil {
		t.Error("sealed what is no certificate")
	}
}

// The two ends make one secret, and nobody else makes it.
func TestSecret(t *testing.T) {
	a, b, c := newKey(t, elliptic.P256()), newKey(t, elliptic.P256()), newKey(t, elliptic.P256())
	secret := func(own, other *ecdsa.PrivateKey) string {
		s, err := Secret(own, other.Public())
		if err != nil || len(s) != 32 {
			t.Fatalf("%x, %v", s, err)
		}
		return string(s)
	}
	if secret(a, b) != secret(b, a) || secret(a, b) == secret(a, c) || secret(a, b) == secret(c, b) {
		t.Error("the secret is not that of the two")
	}
	if _, err := Secret(a, newKey(t, elliptic.P384()).Public()); err == nil {
		t.Error("a secret with a key on another curve")
	}
	if _, err := Secret(newKey(t, elliptic.P384()), a.Public()); err == nil {
		t.Error("a secret of a key on another curve")
	}
}
