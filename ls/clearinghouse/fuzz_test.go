package clearinghouse

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"

	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
)

// FuzzDocuments is what license servers and administrators bring to a clearinghouse:
// a request that is signed as it should be, whatever it says, or any bytes at all;
// then an order. What leaves it can be read by the license server, and its record
// stays whole.
func FuzzDocuments(f *testing.F) {
	h, _ := newHouse(f)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	good, err := enroll.ActivationRequest{Server: "LS1", Company: "Fabrikam", Issued: day}.Sign(key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("LS1", "Fabrikam", "jo@fabrikam.example", []byte(nil), true, uint32(10), byte(0))
	f.Add("", "\xff", "\n", []byte(nil), false, uint32(0), byte(1))
	f.Add("", "", "", good, true, uint32(1), byte(2))
	f.Add("", "", "", good[:len(good)/2], false, uint32(1<<31), byte(3))
	documents := 0
	f.Fuzz(func(t *testing.T, server, company, email string, document []byte, again bool, count uint32, kind byte) {
		if len(document) == 0 {
			var err error
			if document, err = (enroll.ActivationRequest{Server: server, Company: company, Email: email, Issued: day}).Sign(key); err != nil {
				return // no license server can say this
			}
		}
		s, err := h.Activate(document)
		if again && err != nil {
			s, err = h.Reactivate(document, "redeployed")
		}
		if err != nil {
			return
		}
		a, err := enroll.ParseActivation(s.Document)
		if err != nil || a.ServerID != s.ServerID {
			t.Fatalf("activation %q, %v: %s", a.ServerID, err, s.Document)
		}
		order := Order{ServerID: s.ServerID, Kind: token.Kind(kind), Program: keypack.LicenseCode, Count: count,
			Product: keypack.Products()[int(kind)%len(keypack.Products())]}
		if p, err := h.Issue(order); err == nil {
			k, err := enroll.ParseKeyPack(p.Document, h.Root())
			if err != nil || k.Count != count || k.ServerID != s.ServerID || k.PackID != p.PackID {
				t.Fatalf("key pack %+v, %v", k, err)
			}
		}
		if documents++; documents%100 == 0 {
			if err := h.Audit(func(Record) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
	})
}
