package token_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
)

var day0 = time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)

const serverID = "LAB-4F2QX-7DKJ3"

// authority is a root with one license server below it.
type authority struct {
	root   *x509.Certificate
	key    *ecdsa.PrivateKey
	signer *token.Signer
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// certify makes a certificate from a template, signed by parent or by itself.
func certify(t testing.TB, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(nil, template, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func caTemplate(name string, pathLen int) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		MaxPathLen: pathLen, MaxPathLenZero: pathLen == 0, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: day0, NotAfter: day0.AddDate(20, 0, 0),
	}
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	rootKey, serverKey := newKey(t), newKey(t)
	rootTemplate := caTemplate("Lab Clearinghouse", 1)
	root := certify(t, rootTemplate, rootTemplate, rootKey, rootKey)
	server := certify(t, caTemplate(serverID, 0), root, serverKey, rootKey)
	return &authority{root: root, key: rootKey, signer: &token.Signer{Chain: [][]byte{root.Raw, server.Raw}, Key: serverKey}}
}

func license() token.License {
	return token.License{
		Kind: token.CAL, LicenseID: "LAB-L-000001", KeyPackID: "LAB-P-17",
		HardwareID: hwid.New(0x02010000, [16]byte{1, 2, 3, 15: 9}),
		Product:    "LAB-TS", Version: token.Version{Major: 5, Minor: 0}, Machine: "PC1", User: "lab",
		Issued: day0, Expires: day0.AddDate(0, 0, 70), Issuer: serverID,
	}
}

func sign(t testing.TB, l token.License, s *token.Signer) []byte {
	t.Helper()
	blob, err := token.Sign(l, s)
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

func parse(t testing.TB, blob []byte) *token.Token {
	t.Helper()
	tok, err := token.Parse(blob)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestSignParseBothWays(t *testing.T) {
	a := newAuthority(t)
	edit := func(f func(l *token.License)) token.License {
		l := license()
		f(&l)
		return l
	}
	for name, l := range map[string]token.License{
		"CAL":                license(),
		"never expires":      edit(func(l *token.License) { l.Expires = time.Time{} }),
		"temporary":          edit(func(l *token.License) { l.Kind, l.KeyPackID, l.User = token.Temporary, "", "" }),
		"built-in":           edit(func(l *token.License) { l.Kind, l.KeyPackID, l.Expires = token.BuiltIn, "", time.Time{} }),
		"Internet Connector": edit(func(l *token.License) { l.Kind, l.HardwareID = token.InternetConnector, hwid.ID{} }),
		"after 2050":         edit(func(l *token.License) { l.Issued, l.Expires = day0.AddDate(60, 0, 0), day0.AddDate(61, 0, 0) }),
		"no machine":         edit(func(l *token.License) { l.Machine = "" }),
		"other scripts":      edit(func(l *token.License) { l.Machine, l.User = "BÜRO-3", "Åsa 中" }),
		"long names":         edit(func(l *token.License) { l.Machine, l.User = strings.Repeat("M", 300), strings.Repeat("u", 300) }),
		"largest version":    edit(func(l *token.License) { l.Version = token.Version{Major: 65535, Minor: 65535} }),
	} {
		t.Run(name, func(t *testing.T) {
			blob := sign(t, l, a.signer)
			tok := parse(t, blob)
			if diff := cmp.Diff(l, tok.License); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if err := tok.Verify(day0, []*x509.Certificate{a.root}, nil); err != nil {
				t.Error(err)
			}
			if again := sign(t, l, a.signer); !bytes.Equal(blob, again) {
				t.Error("signing the same license twice gives different bytes")
			}
		})
	}
}

func TestSignNormalizes(t *testing.T) {
	l := license()
	l.Issued = time.Date(2003, 3, 3, 10, 0, 0, 999, time.FixedZone("CET", 3600))
	l.Machine = "PC\xff1"
	got := parse(t, sign(t, l, newAuthority(t).signer))
	if !got.Issued.Equal(day0) || got.Issued.Location() != time.UTC || got.Machine != "PC\uFFFD1" {
		t.Errorf("issued %v to %q", got.Issued, got.Machine)
	}
}

func TestSignRefuses(t *testing.T) {
	a := newAuthority(t)
	backward := license()
	backward.Expires = backward.Issued.Add(-time.Hour)
	for name, c := range map[string]struct {
		license token.License
		signer  *token.Signer
		want    string
	}{
		"no certificate":     {license(), &token.Signer{Key: a.key}, "has no certificate"},
		"broken certificate": {license(), &token.Signer{Key: a.key, Chain: [][]byte{{1}}}, "certificate of the license server"},
		"another's key":      {license(), &token.Signer{Key: newKey(t), Chain: a.signer.Chain}, "LAB-L-000001"},
		"expires backward":   {backward, a.signer, "before it is issued"},
	} {
		if _, err := token.Sign(c.license, c.signer); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := token.SelfSign("LS1", day0, ed25519.NewKeyFromSeed(make([]byte, 32))); err == nil {
		t.Error("self-signed by another kind of key")
	}
}

// TestOpenSSL has the program that everybody has open a token, and verify it.
func TestOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("openssl is missing: make deps")
	}
	a := newAuthority(t)
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	out, err := exec.Command(openssl, "pkcs7", "-inform", "DER", "-print_certs", "-in", file("token.p7b", sign(t, license(), a.signer))).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var subjects []string
	for line := range strings.Lines(string(out)) {
		if subject, ok := strings.CutPrefix(line, "subject="); ok {
			subjects = append(subjects, strings.ReplaceAll(strings.TrimSpace(subject), " ", ""))
		}
	}
	tok := parse(t, sign(t, license(), a.signer))
	certificate := func(c *x509.Certificate) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	verified, err := exec.Command(openssl, "verify", "-no_check_time", "-CAfile", file("root.pem", certificate(a.root)),
		"-untrusted", file("server.pem", certificate(tok.Server())), file("leaf.pem", certificate(tok.Leaf))).CombinedOutput()
	if err != nil || !strings.Contains(string(verified), "leaf.pem: OK") {
		t.Errorf("openssl verify: %v\n%s", err, verified)
	}
	want := []string{"CN=LabClearinghouse", "CN=" + serverID, "OU=CAL,CN=PC1,serialNumber=LAB-L-000001"}
	if diff := cmp.Diff(want, subjects); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestSelfSigned(t *testing.T) {
	key := newKey(t)
	cert, err := token.SelfSign("LS1", day0, key)
	if err != nil {
		t.Fatal(err)
	}
	l := license()
	l.Kind, l.KeyPackID, l.Issuer = token.Temporary, "", "LS1"
	tok := parse(t, sign(t, l, &token.Signer{Chain: [][]byte{cert}, Key: key}))
	if !tok.SelfSigned() {
		t.Error("not taken for self-signed")
	}
	if err := tok.Verify(day0, nil, func(c []byte) bool { return bytes.Equal(c, cert) }); err != nil {
		t.Error(err)
	}
	var verr *token.VerifyError
	if err := tok.Verify(day0, nil, func([]byte) bool { return false }); !errors.As(err, &verr) || verr.Check != token.CheckRoot {
		t.Errorf("unknown server: %v", err)
	}
}
