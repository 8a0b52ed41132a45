package main

import (
	"crypto/x509"
	"testing"

	"github.com/tslab/tslab/wire/enroll"
)

func mustRoot(t *testing.T, a enroll.Activation) *x509.Certificate {
	t.Helper()
	root, err := x509.ParseCertificate(a.Root)
	if err != nil {
		t.Fatal(err)
	}
	return root
}
