package ls_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/codes"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// product makes a product document with n sealed activations, whose License Server
// IDs and keys it returns.
func (c *ca) product(t testing.TB, n int) (document []byte, ids []string, keys []*ecdsa.PrivateKey) {
	t.Helper()
	p := enroll.Product{ProductID: codes.NewProductID([32]byte{byte(n)}), Issued: day0, Root: c.root.Raw}
	for range n {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := enroll.CreateServerCertificate(key.Public(), c.root, c.key)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := enroll.SealActivation(cert.Raw, key)
		if err != nil {
			t.Fatal(err)
		}
		p.Sealed, ids, keys = append(p.Sealed, sealed), append(ids, codes.ServerID(cert)), append(keys, key)
	}
	document, err := p.Sign(c.key)
	if err != nil {
		t.Fatal(err)
	}
	return document, ids, keys
}

// packNumber is the Key Pack ID of n CALs of Windows 2000 for a license server.
func (c *ca) packNumber(t testing.TB, serverID string, key *ecdsa.PrivateKey, n, serial uint32) string {
	t.Helper()
	secret, err := enroll.Secret(c.key, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	id, err := keypack.ID(secret, serverID, token.CAL, keypack.Products()[0], keypack.LicenseCode, n, serial)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// A server that nothing but a number reaches is certified by it: its tokens chain to
// the clearinghouse's root, the ones before stay known, and key packs come by number.
//
// proves R68, R70, R199
func TestActivatedByNumber(t *testing.T) {
	l := newLab(t, edition.W2KSP3())
	early := newDevice(1)
	l.ask(early, tsls.RequestTemp, tsls.ClassNone)
	document, ids, keys := l.ca.product(t, 2)
	if err := l.SetProduct(t.Context(), document); err != nil {
		t.Fatal(err)
	}
	if err := l.SetProduct(t.Context(), document); err != nil {
		t.Errorf("the same product again: %v", err)
	}
	request, err := enroll.ParseActivationRequest(must[tsls.ActivationRequest](l, tsls.GetActivationRequest{}).Document)
	if want := codes.NewProductID([32]byte{2}); err != nil || request.ProductID != want {
		t.Errorf("Product ID %s, want %s (%v)", request.ProductID, want, err)
	}
	before := must[tsls.ServerInfo](l, tsls.Ping{})
	info := must[tsls.ServerInfo](l, tsls.ActivateByNumber{ServerID: strings.ToLower(ids[0])})
	if !info.Activated || info.ServerID != ids[0] || len(info.Certificates) != 2 || string(info.Certificates[1]) != string(before.Certificates[0]) {
		t.Errorf("activated as %+v", info)
	}
	l.restart()
	late := newDevice(2)
	answer := l.ask(late, tsls.RequestTemp, tsls.ClassNone)
	parsed, err := token.Parse(answer.License)
	if err != nil {
		t.Fatal(err)
	}
	if err := parsed.Verify(l.clock.Now(), []*x509.Certificate{l.ca.root}, nil); err != nil || parsed.Issuer != ids[0] {
		t.Errorf("a token of a server that was activated by telephone: issuer %s, %v", parsed.Issuer, err)
	}
	installed := must[tsls.KeyPackInstalled](l, tsls.InstallByNumber{PackID: l.ca.packNumber(t, ids[0], keys[0], 25, 1)})
	if p := installed.Pack; p.Total != 25 || p.Kind != "CAL" || p.Product != "Windows 2000" || p.Program != "License Code" {
		t.Errorf("installed %+v", p)
	}
	// By its second number it is another server, to which packs for the first no longer fit.
	info = must[tsls.ServerInfo](l, tsls.ActivateByNumber{ServerID: ids[1]})
	if info.ServerID != ids[1] || len(info.Certificates) != 4 {
		t.Errorf("activated again as %s, with %d certificates", info.ServerID, len(info.Certificates))
	}
	old := l.ca.packNumber(t, ids[0], keys[0], 5, 2)
	if _, err := l.tell(tsls.InstallByNumber{PackID: old}); !errors.Is(err, tsls.Error{Code: tsls.CodeOtherServer}) {
		t.Errorf("a pack for the former id: %v", err)
	}
	if l.free() != 25 {
		t.Errorf("%d CALs, want 25", l.free())
	}
}

// proves R71, R162
func TestNumbersRefused(t *testing.T) {
	l := newLab(t, edition.W2KSP3())
	document, ids, keys := l.ca.product(t, 1)
	refuse := func(name string, m tsls.Message, code tsls.Code, says string) {
		t.Helper()
		if _, err := l.tell(m); !errors.Is(err, tsls.Error{Code: code}) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v; want %v that says %q", name, err, code, says)
		}
	}
	refuse("no product", tsls.ActivateByNumber{ServerID: ids[0]}, tsls.CodeDocument, "start it with --product")
	refuse("an order before the activation", tsls.GetOrder{}, tsls.CodeNotActivated, "activate it first")
	refuse("a pack before the activation", tsls.InstallByNumber{PackID: packID(1)}, tsls.CodeNotActivated, "activate it first")
	if err := l.SetProduct(t.Context(), []byte("x")); err == nil {
		t.Error("SetProduct takes anything")
	}
	if err := l.SetProduct(t.Context(), document); err != nil {
		t.Fatal(err)
	}
	mistyped := ids[0][:10] + map[bool]string{true: "A", false: "C"}[ids[0][10] != 'A'] + ids[0][11:]
	refuse("mistyped", tsls.ActivateByNumber{ServerID: mistyped}, tsls.CodeDocument, "server-id: group")
	refuse("another product's", tsls.ActivateByNumber{ServerID: stranger}, tsls.CodeOtherServer, "give the clearinghouse the Product ID of this server")
	must[tsls.ServerInfo](l, tsls.ActivateByNumber{ServerID: ids[0]})
	refuse("again", tsls.ActivateByNumber{ServerID: ids[0]}, tsls.CodeActivated, "activated already")

	pack := l.ca.packNumber(t, ids[0], keys[0], 1, 1)
	must[tsls.KeyPackInstalled](l, tsls.InstallByNumber{PackID: pack})
	refuse("twice", tsls.InstallByNumber{PackID: pack}, tsls.CodeDuplicate, "installed already")
	refuse("twice, as a document", tsls.InstallKeyPack{Document: l.ca.pack(t, enroll.KeyPack{PackID: pack, ServerID: ids[0], Count: 1})}, tsls.CodeDuplicate, "installed already")
	refuse("another server's pack", tsls.InstallByNumber{PackID: l.ca.packNumber(t, stranger, keys[0], 1, 2)}, tsls.CodeOtherServer, ids[0])
	refuse("another clearinghouse's pack", tsls.InstallByNumber{PackID: newCA(t).packNumber(t, ids[0], keys[0], 1, 2)}, tsls.CodeOtherServer, ids[0])
	refuse("a License Server ID", tsls.InstallByNumber{PackID: ids[0]}, tsls.CodeDocument, "this is a License Server ID")
	refuse("a field without a name", tsls.GetOrder{Fields: []string{"x"}}, tsls.CodeDocument, "")
	if l.free() != 1 {
		t.Errorf("%d CALs, want 1", l.free())
	}

	secret, err := enroll.Secret(l.ca.key, keys[0].Public())
	if err != nil {
		t.Fatal(err)
	}
	confirmation := codes.ConfirmationCode(secret, ids[0])
	refuse("a confirmation of another's", tsls.Deactivate{Confirmation: codes.ConfirmationCode(secret, stranger)}, tsls.CodeOtherServer, "not that of License Server ID "+ids[0])
	refuse("by another clearinghouse", tsls.Deactivate{Confirmation: codes.ConfirmationCode(nil, ids[0])}, tsls.CodeOtherServer, "give it that number")
	refuse("half a confirmation", tsls.Deactivate{Confirmation: confirmation[:8]}, tsls.CodeDocument, "confirmation: ")
	refuse("no confirmation", tsls.Deactivate{}, tsls.CodeDocument, "confirmation: it is empty")
	if info := must[tsls.ServerInfo](l, tsls.Deactivate{Confirmation: strings.ToLower(confirmation)}); info.Activated || info.ServerID != "" || len(info.Certificates) < 2 {
		t.Errorf("deactivated: %+v", info)
	}
	refuse("again", tsls.Deactivate{Confirmation: confirmation}, tsls.CodeNotActivated, "nothing to take back")
	if l.free() != 1 {
		t.Errorf("%d CALs after the deactivation, want 1", l.free())
	}
}

// An order is signed by the key of the certificate, and by nothing else.
//
// proves R71
func TestOrder(t *testing.T) {
	l := licensed(t, edition.W2KSP3(), 0)
	info := must[tsls.ServerInfo](l, tsls.Ping{})
	cert, err := x509.ParseCertificate(info.Certificates[0])
	if err != nil {
		t.Fatal(err)
	}
	document := must[tsls.Order](l, tsls.GetOrder{Fields: []string{"program=select", "count=5"}}).Document
	find := func(id string) (*x509.Certificate, error) {
		if id != info.ServerID {
			t.Errorf("order of %s", id)
		}
		return cert, nil
	}
	o, err := enroll.ParseOrder(document, find)
	if err != nil || strings.Join(o.Fields, " ") != "program=select count=5" {
		t.Errorf("order %+v, %v", o, err)
	}
	l.activate()
	other := must[tsls.ServerInfo](l, tsls.Ping{})
	document = must[tsls.Order](newOther(t), tsls.GetOrder{}).Document
	if _, err := enroll.ParseOrder(document, func(string) (*x509.Certificate, error) { return x509.ParseCertificate(other.Certificates[0]) }); err == nil ||
		!strings.Contains(err.Error(), "the signature is not that of license server") {
		t.Errorf("signed by another: %v", err)
	}
}

func newOther(t *testing.T) *lab { return licensed(t, edition.W2KSP3(), 0) }

// A server that an upgrade has left without activation is not to be taken over by
// whoever comes first (rule M48): its own clearinghouse may, another one after a
// deactivation.
//
// proves R201
func TestWaitsForItsClearinghouse(t *testing.T) {
	l := licensed(t, edition.W2KSP3(), 5)
	l.config.Edition = edition.WS2003()
	l.restart()
	own := must[tsls.ActivationRequest](l, tsls.GetActivationRequest{})
	stranger := newCA(t)
	if _, err := l.tell(tsls.Activate{Document: stranger.activate(t, own.Document)}); !errors.Is(err, tsls.Error{Code: tsls.CodeForbidden}) {
		t.Errorf("another clearinghouse's: %v", err)
	}
	must[tsls.ServerInfo](l, tsls.Activate{Document: l.ca.activate(t, own.Document)})

	second := licensed(t, edition.W2KSP3(), 5)
	second.config.Edition = edition.WS2003()
	second.restart()
	if id, err := second.Deactivate(t.Context()); err != nil || !codes.Valid(codes.LicenseServerID, id) {
		t.Errorf("deactivated %q, %v", id, err)
	}
	own = must[tsls.ActivationRequest](second, tsls.GetActivationRequest{})
	must[tsls.ServerInfo](second, tsls.Activate{Document: stranger.activate(t, own.Document)})
}
