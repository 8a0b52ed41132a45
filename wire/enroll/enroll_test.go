package enroll

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

var day = time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)

func TestTrip(t *testing.T) {
	rootKey, serverKey := newKey(t), newKey(t)
	root, err := CreateRoot("Lab Clearinghouse", rootKey)
	if err != nil {
		t.Fatal(err)
	}
	request, err := ActivationRequest{Server: "LS1", Company: "Fabrikam", Issued: day}.Sign(serverKey)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", request)
	r, err := ParseActivationRequest(request)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.ParsePKIXPublicKey(r.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := CreateServerCertificate(public, root, rootKey)
	if err != nil {
		t.Fatal(err)
	}
	a := Activation{Server: r.Server, Company: r.Company, ServerID: ServerID(cert), Issued: day, Certificate: cert.Raw, Root: root.Raw}
	text, err := a.Sign(rootKey)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", text)
	got, err := ParseActivation(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, got); diff != "" {
		t.Errorf("activation (-want +got):\n%s", diff)
	}
	if err := got.CheckKey(serverKey.Public()); err != nil {
		t.Error(err)
	}
	pack := KeyPack{PackID: PackID([32]byte{1}), ServerID: a.ServerID, Kind: "CAL", Product: "Windows 2000", Program: "Open License", Major: 5, Count: 10, Issued: day}
	text, err = pack.Sign(rootKey)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", text)
	gotPack, err := ParseKeyPack(text, root)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(pack, gotPack); diff != "" {
		t.Errorf("key pack (-want +got):\n%s", diff)
	}
}
