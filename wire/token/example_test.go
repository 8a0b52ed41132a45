package token_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log"
	"time"

	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
)

// A license server that is not activated issues a temporary token. A terminal
// server reads it, and does not trust it before it knows the license server.
func Example() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	issued := time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)
	server, err := token.SelfSign("LS1", issued, key)
	if err != nil {
		log.Fatal(err)
	}
	blob, err := token.Sign(token.License{
		Kind: token.Temporary, LicenseID: "LAB-1", HardwareID: hwid.New(0xFF010000, [16]byte{1}),
		Product: "Windows 2000", Version: token.Version{Major: 5}, Machine: "PC1",
		Issued: issued, Expires: issued.AddDate(0, 0, 90), Issuer: "LS1",
	}, &token.Signer{Chain: [][]byte{server}, Key: key})
	if err != nil {
		log.Fatal(err)
	}

	t, err := token.Parse(blob)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(t.Kind, t.LicenseID, "of", t.Machine, "until", t.Expires.Format(time.DateOnly))
	fmt.Println(t.Verify(issued, nil, func(cert []byte) bool { return false }))
	// Output:
	// temporary LAB-1 of PC1 until 2003-06-01
	// root of the certificate of CN=LS1: the license server is not activated, and nobody here knows it; activate it, or let this server find it
}
