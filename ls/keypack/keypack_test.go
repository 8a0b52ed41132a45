package keypack

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/wire/codes"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
)

var day = time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)

func newRoot(t *testing.T) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root, err := enroll.CreateRoot("Lab Clearinghouse", key)
	if err != nil {
		t.Fatal(err)
	}
	return root, key
}

func serverID(n int64) string {
	return codes.ServerID(&x509.Certificate{SerialNumber: big.NewInt(n)})
}

func packID(t *testing.T, server string) string {
	t.Helper()
	id, err := codes.PackID(nil, server, codes.Pack{Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func sign(t *testing.T, d enroll.KeyPack, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	text, err := d.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestRead: a key pack says its id, product, kind, count and license server, and its
// signature is looked at.
//
// proves R13
func TestRead(t *testing.T) {
	root, key := newRoot(t)
	own, other := serverID(1), serverID(2)
	d := enroll.KeyPack{PackID: packID(t, own), ServerID: own, Kind: "Internet Connector", Product: "Windows 2000",
		Program: "Open License", Major: 5, Count: 2, Issued: day}
	got, err := Read(sign(t, d, key), root, own)
	if err != nil {
		t.Fatal(err)
	}
	want := Pack{ID: d.PackID, ServerID: own, Kind: token.InternetConnector, Product: "Windows 2000",
		Version: token.Version{Major: 5}, Program: OpenLicense, Count: 2, Issued: day}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	_, err = Read(sign(t, d, key), root, other)
	wrong, ok := errors.AsType[*OtherServerError](err)
	if !ok || wrong.For != own || wrong.Own != other || wrong.PackID != d.PackID {
		t.Errorf("another server's: %v", err)
	}
	if _, err := Read(sign(t, d, key), nil, ""); !errors.Is(err, ErrNotActivated) {
		t.Errorf("not activated: %v", err)
	}
	foreign, _ := newRoot(t)
	_, err = Read(sign(t, d, key), foreign, own)
	if _, ok := errors.AsType[*enroll.DocumentError](err); !ok || !strings.Contains(err.Error(), "it comes from the clearinghouse") {
		t.Errorf("another clearinghouse's: %v", err)
	}
	d.Kind = "temporary"
	_, err = Read(sign(t, d, key), root, own)
	if _, ok := errors.AsType[*enroll.DocumentError](err); !ok || !strings.Contains(err.Error(), `holds "CAL", "Internet Connector" or "Per User", not "temporary"`) {
		t.Errorf("a pack of temporary tokens: %v", err)
	}
	d.Kind = "Per User"
	_, err = Read(sign(t, d, key), root, own)
	if _, ok := errors.AsType[*enroll.DocumentError](err); !ok || !strings.Contains(err.Error(), "came with Windows Server 2003") {
		t.Errorf("a Per User pack of Windows 2000: %v", err)
	}
	d.Product, d.Minor = "Windows Server 2003", 2
	if got, err := Read(sign(t, d, key), root, own); err != nil || got.Kind != token.PerUser {
		t.Errorf("a Per User pack: %+v, %v", got, err)
	}
}

func TestCheckVersion(t *testing.T) {
	for _, tt := range []struct {
		kind    token.Kind
		version token.Version
		ok      bool
	}{
		{token.CAL, token.Version{Major: 5}, true},
		{token.InternetConnector, token.Version{Major: 5}, true},
		{token.PerUser, token.Version{Major: 4}, false},
		{token.PerUser, token.Version{Major: 5}, false},
		{token.PerUser, token.Version{Major: 5, Minor: 1}, false},
		{token.PerUser, token.Version{Major: 5, Minor: 2}, true},
		{token.PerUser, token.Version{Major: 6}, true},
	} {
		if err := CheckVersion(tt.kind, tt.version); (err == nil) != tt.ok {
			t.Errorf("%v for %v: %v", tt.kind, tt.version, err)
		}
	}
}

func TestPrograms(t *testing.T) {
	for _, p := range Programs() {
		if !p.Known() {
			t.Errorf("%q is not known", p)
		}
	}
	if Program("open license").Known() || Program("").Known() {
		t.Error("a program has one name")
	}
}

func TestParseProduct(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"Windows 2000", "Windows 2000"}, {"windows server 2003", "Windows Server 2003"}, {"5.0", "Windows 2000"}, {"5.2", "Windows Server 2003"},
	} {
		if p, err := ParseProduct(tt.in); err != nil || p.Name != tt.want {
			t.Errorf("ParseProduct(%q) = %+v, %v", tt.in, p, err)
		}
	}
	_, err := ParseProduct("Windows NT")
	if want := `there is no product "Windows NT"; choose "Windows 2000" or "Windows Server 2003"`; err == nil || err.Error() != want {
		t.Errorf("%v; want %s", err, want)
	}
}
