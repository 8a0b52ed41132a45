package enroll

import (
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/wire/codes"
)

// TestChain: general software verifies the chain, in any year of a lab.
//
// proves R70, R164, R194
func TestChain(t *testing.T) {
	o := newOffice(t)
	roots := x509.NewCertPool()
	roots.AddCert(o.root)
	for _, year := range []int{1999, 2003, 2026, 2099} {
		_, err := o.cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC),
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		if err != nil {
			t.Errorf("in %d: %v", year, err)
		}
	}
	_, err := o.cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	if err == nil {
		t.Error("a license server's certificate vouches for web servers")
	}
	if !o.cert.IsCA || o.cert.MaxPathLen != 0 || !o.cert.MaxPathLenZero {
		t.Error("a license server's certificate is an authority of path length 0")
	}
}

// proves R163
func TestServerID(t *testing.T) {
	o := newOffice(t)
	id, err := CheckServerCertificate(o.cert, o.root)
	if err != nil {
		t.Fatal(err)
	}
	if id != o.cert.Subject.CommonName || !codes.Valid(codes.LicenseServerID, id) {
		t.Errorf("id %q, common name %q", id, o.cert.Subject.CommonName)
	}
	again, err := x509.ParseCertificate(o.cert.Raw)
	if err != nil || codes.ServerID(again) != id {
		t.Errorf("the same certificate is %s, then %s (%v)", id, codes.ServerID(again), err)
	}
	other, err := CreateServerCertificate(o.serverKey.Public(), o.root, o.rootKey)
	if err != nil {
		t.Fatal(err)
	}
	if codes.ServerID(other) == id {
		t.Error("a new certificate for the same key has the same id")
	}
}

// TestCheckServerCertificate: each property of the certificate is looked at.
func TestCheckServerCertificate(t *testing.T) {
	o := newOffice(t)
	for _, tt := range []struct {
		name   string
		change func(*x509.Certificate)
		want   string
	}{
		{"no authority", func(c *x509.Certificate) { c.IsCA, c.MaxPathLenZero = false, false }, "no authority of path length 0"},
		{"path length 1", func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 1, false }, "no authority of path length 0"},
		{"no limit", func(c *x509.Certificate) { c.UnknownExtKeyUsage = nil }, "not limited to issuing licenses"},
		{"other limit", func(c *x509.Certificate) { c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3}} }, "not limited to issuing licenses"},
		{"more", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }, "not limited to issuing licenses"},
		{"name", func(c *x509.Certificate) { c.Subject.CommonName = "LS1" }, `it names the License Server ID "LS1" and is LAB-`},
	} {
		c := *o.cert
		c.Extensions, c.RawSubject = nil, nil
		tt.change(&c)
		der, err := x509.CreateCertificate(rand.Reader, &c, o.root, o.serverKey.Public(), o.rootKey)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if _, err := CheckServerCertificate(cert, o.root); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
	}
}

func TestRoots(t *testing.T) {
	o := newOffice(t)
	if _, err := CreateRoot("", o.rootKey); err == nil {
		t.Error("a root without a name")
	}
	if _, err := CreateRoot("x", newKey(t, elliptic.P384())); err == nil {
		t.Error("a root on P-384")
	}
	if _, err := CheckRoot(o.root); err != nil {
		t.Error(err)
	}
	if _, err := CheckRoot(o.cert); err == nil {
		t.Error("a license server's certificate passes as a root")
	}
	forged := *o.root
	forged.Signature = append([]byte(nil), o.root.Signature...)
	forged.Signature[len(forged.Signature)-1] ^= 1
	if _, err := CheckRoot(&forged); err == nil || !strings.Contains(err.Error(), "not signed by itself") {
		t.Errorf("forged root: %v", err)
	}
	if _, err := Fingerprint("no key"); err == nil {
		t.Error("a string has no fingerprint")
	}
}
