package enroll

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/wire/codes"
)

var day = time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// office is a clearinghouse, a license server, and one document of each kind
// between them.
type office struct {
	rootKey, serverKey *ecdsa.PrivateKey
	root, cert         *x509.Certificate

	request    ActivationRequest
	activation Activation
	pack       KeyPack

	requestText, activationText, packText []byte

	product                   Product
	purchase                  Purchase
	productText, purchaseText []byte
	order                     Order
	orderText                 []byte

	domain domain
}

func newOffice(t testing.TB) *office {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	o := &office{rootKey: newKey(t, elliptic.P256()), serverKey: newKey(t, elliptic.P256())}
	var err error
	o.root, err = CreateRoot("Lab Clearinghouse", o.rootKey)
	must(err)
	o.cert, err = CreateServerCertificate(o.serverKey.Public(), o.root, o.rootKey)
	must(err)
	public, err := x509.MarshalPKIXPublicKey(o.serverKey.Public())
	must(err)
	o.request = ActivationRequest{Server: "LS1", ProductID: codes.NewProductID([32]byte{1}), Company: "Fabrikam", Contact: "Jo: \u00c5", Email: "jo@fabrikam.example", Country: "Norway", Issued: day, PublicKey: public}
	o.requestText, err = o.request.Sign(o.serverKey)
	must(err)
	o.activation = Activation{Server: "LS1", Company: "Fabrikam", ServerID: codes.ServerID(o.cert), Issued: day, Certificate: o.cert.Raw, Root: o.root.Raw}
	o.activationText, err = o.activation.Sign(o.rootKey)
	must(err)
	packID, err := codes.PackID([]byte("secret"), o.activation.ServerID, codes.Pack{Count: 10})
	must(err)
	o.pack = KeyPack{PackID: packID, ServerID: o.activation.ServerID, Kind: "CAL", Product: "Windows 2000", Program: "Open License", Major: 5, Count: 10, Issued: day}
	o.packText, err = o.pack.Sign(o.rootKey)
	must(err)
	o.domain = newDomain(t)
	o.product, o.productText = newProduct(t, o)
	o.purchase, o.purchaseText = newPurchase(t)
	o.order = Order{ServerID: o.activation.ServerID, Fields: []string{"program=select", "count=5", "kind="}, Issued: day}
	o.orderText, err = o.order.Sign(o.serverKey)
	must(err)
	return o
}

// parse reads a document of any kind, the key pack under the office's root.
func (o *office) parse(kind Kind, text []byte) (any, error) {
	switch kind {
	case KindActivationRequest:
		return ParseActivationRequest(text)
	case KindActivation:
		return ParseActivation(text)
	case KindKeyPack:
		return ParseKeyPack(text, o.root)
	case KindProduct:
		return ParseProduct(text)
	case KindPurchase:
		return ParsePurchase(text)
	case KindOrder:
		return ParseOrder(text, func(string) (*x509.Certificate, error) { return o.cert, nil })
	default:
		return o.domain.parse(kind, text)
	}
}

// sample is a document and what it says.
type sample struct {
	value any
	text  []byte
}

func (o *office) documents() map[Kind]sample {
	all := map[Kind]sample{
		KindActivationRequest: {o.request, o.requestText},
		KindActivation:        {o.activation, o.activationText},
		KindKeyPack:           {o.pack, o.packText},
		KindProduct:           {o.product, o.productText},
		KindPurchase:          {o.purchase, o.purchaseText},
		KindOrder:             {o.order, o.orderText},
	}
	maps.Copy(all, o.domain.samples)
	return all
}

func TestTwoWay(t *testing.T) {
	o := newOffice(t)
	for kind, d := range o.documents() {
		text := string(d.text)
		for name, text := range map[string]string{
			"as written":   text,
			"Windows file": strings.ReplaceAll(text, "\n", "\r\n"),
			"mail":         "Dear Sir,\n\n" + text + "\n-- \nFabrikam\n",
			"blanks":       strings.ReplaceAll(text, "\n", "  \t\n"),
		} {
			got, err := o.parse(kind, []byte(text))
			if err != nil {
				t.Errorf("%v, %s: %v", kind, name, err)
				continue
			}
			if diff := cmp.Diff(d.value, got); diff != "" {
				t.Errorf("%v, %s (-want +got):\n%s", kind, name, diff)
			}
		}
		if err := Expect(d.text, kind); err != nil {
			t.Errorf("Expect(%v): %v", kind, err)
		}
	}
}

// TestReadable: a human finds in the file what it is about.
func TestReadable(t *testing.T) {
	o := newOffice(t)
	for _, tt := range []struct {
		text []byte
		want []string
	}{
		{o.requestText, []string{"License server: LS1\n", "Company: Fabrikam\n", "Contact: Jo: \u00c5\n", "E-mail: jo@", "Country: Norway\n", "Date: 2003-03-03 09:00:00 UTC\n", "Key: sha256:"}},
		{o.activationText, []string{"License Server ID: " + o.activation.ServerID + "\n", "Clearinghouse: Lab Clearinghouse\n"}},
		{o.packText, []string{"Key Pack ID: " + o.pack.PackID + "\n", "License: CAL\n", "Product: Windows 2000 (5.0)\n", "Program: Open License\n", "Quantity: 10\n"}},
	} {
		for _, want := range tt.want {
			if !strings.Contains(string(tt.text), want) {
				t.Errorf("%q is missing in\n%s", want, tt.text)
			}
		}
		for line := range strings.Lines(string(tt.text)) {
			if len(line) > 80 {
				t.Errorf("line of %d bytes: %s", len(line), line)
			}
		}
	}
}

// TestEveryChange changes every byte of every document: no change goes unseen.
func TestEveryChange(t *testing.T) {
	o := newOffice(t)
	for kind, d := range o.documents() {
		for i, old := range d.text {
			for _, c := range []byte{old ^ 1, old ^ 0x20, '='} {
				if c == old {
					continue
				}
				text := append([]byte(nil), d.text...)
				text[i] = c
				got, err := o.parse(kind, text)
				if err == nil && !inChecksum(d.text, i) {
					t.Errorf("%v: byte %d, %q for %q, is not noticed: %+v", kind, i, c, old, got)
				}
				if _, ok := errors.AsType[*DocumentError](err); err != nil && !ok {
					t.Errorf("%v: byte %d: %T: %[3]v", kind, i, err)
				}
			}
		}
	}
}

// inChecksum tells whether byte i belongs to the checksum, whose digits may be
// written in capitals.
func inChecksum(text []byte, i int) bool {
	at := strings.Index(string(text), "\n=")
	return i > at+1 && i < at+10
}

// TestCut cuts every document behind every line.
func TestCut(t *testing.T) {
	o := newOffice(t)
	for kind, d := range o.documents() {
		lines := strings.SplitAfter(strings.TrimSuffix(string(d.text), "\n"), "\n")
		for i := range lines {
			if _, err := o.parse(kind, []byte(strings.Join(lines[:i], ""))); err == nil {
				t.Errorf("%v: %d of %d lines are enough", kind, i, len(lines))
			}
			if _, err := o.parse(kind, []byte(strings.Join(lines[:i], "")+strings.Join(lines[i+1:], ""))); err == nil {
				t.Errorf("%v: line %d is not needed: %q", kind, i+1, lines[i])
			}
		}
	}
}
