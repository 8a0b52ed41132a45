package token_test

import (
	"crypto"
	"crypto/x509"
	"testing"

	"github.com/tslab/tslab/wire/token"
)

func BenchmarkSign(b *testing.B) {
	a := newAuthority(b)
	l := license()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := token.Sign(l, a.signer); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBareSignature(b *testing.B) {
	key := newKey(b)
	digest := make([]byte, 32)
	for b.Loop() {
		if _, err := key.Sign(nil, digest, crypto.SHA256); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseVerify(b *testing.B) {
	a := newAuthority(b)
	blob := sign(b, license(), a.signer)
	b.ReportAllocs()
	for b.Loop() {
		tok, err := token.Parse(blob)
		if err != nil {
			b.Fatal(err)
		}
		if err := tok.Verify(day0, []*x509.Certificate{a.root}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
