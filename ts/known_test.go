package ts

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"github.com/tslab/tslab/wire/rdpsec"
	"github.com/tslab/tslab/wire/tsls"
)

func certificate(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := template(name, time.Now().UnixNano())
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestKnown(t *testing.T) {
	dir := t.TempDir()
	configured, root, now, former, other := certificate(t, "r0"), certificate(t, "r1"), certificate(t, "ls1"), certificate(t, "old"), certificate(t, "ls2")
	k, err := loadKnown(dir, []*x509.Certificate{configured})
	if err != nil {
		t.Fatal(err)
	}
	info := tsls.ServerInfo{Name: "ls1", Certificates: [][]byte{now.Raw}, Roots: [][]byte{root.Raw, configured.Raw}}
	for range 2 {
		if err := k.learn("10.0.0.1:3343", info, [][]byte{former.Raw}, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.learn("10.0.0.2:3343", tsls.ServerInfo{Name: "ls2", Certificates: [][]byte{other.Raw}, Roots: [][]byte{other.Raw}}, nil, false); err != nil {
		t.Fatal(err)
	}
	check := func(k *known, stage string, catalog bool) {
		if n := len(k.trustedRoots()); n != 2 {
			t.Errorf("%s: %d roots", stage, n)
		}
		for name, tt := range map[string]struct {
			cert               *x509.Certificate
			known, inThCatalog bool
		}{"own": {now, true, catalog}, "former": {former, true, false}, "referred to": {other, true, false}, "stranger": {configured, false, false}} {
			if known, at := k.signer(tt.cert); known != tt.known || slices.Contains(at, "10.0.0.1:3343") != tt.inThCatalog {
				t.Errorf("%s: %s is known %v, shown at %v", stage, name, known, at)
			}
		}
	}
	check(k, "learned", true)
	if k, err = loadKnown(dir, nil); err != nil {
		t.Fatal(err)
	}
	check(k, "after a restart", false)

	if err := k.learn("10.0.0.3:3343", tsls.ServerInfo{Name: "bad", Certificates: [][]byte{{1, 2, 3}}}, nil, true); err == nil {
		t.Error("learned from a certificate that is none")
	}
}

func TestKeysStay(t *testing.T) {
	dir := t.TempDir()
	first, err := loadKey(dir, 512)
	if err != nil {
		t.Fatal(err)
	}
	again, err := loadKey(dir, 2048)
	if err != nil || first.N.Cmp(again.N) != 0 {
		t.Errorf("another key after a restart, %v", err)
	}
	if _, err := loadKey(t.TempDir(), 100); err == nil {
		t.Error("a key of 100 bits was made")
	}
	cert, err := loadTLS(dir, "ts1")
	if err != nil {
		t.Fatal(err)
	}
	same, err := loadTLS(dir, "ts1")
	if err != nil || string(cert.Certificate[0]) != string(same.Certificate[0]) {
		t.Errorf("another TLS certificate after a restart, %v", err)
	}
}

// TestCertificateForms finds the same key in every form.
func TestCertificateForms(t *testing.T) {
	key, err := loadKey(t.TempDir(), 1024)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range certificateForms {
		form, err := ParseCertificateForm(name)
		if err != nil || form.String() != name {
			t.Errorf("%s is read as %v, %v", name, form, err)
		}
		security, request, err := serverCertificates(form, key.Public(), "ts1")
		if err != nil {
			t.Fatal(err)
		}
		for _, cert := range [][]byte{security, request} {
			public, err := rdpsec.ParseServerCertificate(cert)
			if err != nil || public.N.Cmp(key.N) != 0 {
				t.Errorf("%v holds another key, %v", form, err)
			}
		}
	}
	if _, err := ParseCertificateForm("gold"); err == nil {
		t.Error("a form of gold was read")
	}
}
