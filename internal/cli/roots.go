package cli

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/urfave/cli/v3"
)

// RootsFlag names the clearinghouse's root certificate.
func RootsFlag(otherwise string) cli.Flag {
	return &cli.StringFlag{Name: "roots", Usage: "the clearinghouse's root is in `FILE`, in PEM", DefaultText: otherwise}
}

// Roots reads the certificates of a file of [RootsFlag]; there is one at least.
func Roots(path string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--roots: %w", err)
	}
	roots, err := Certificates(text)
	if err != nil {
		return nil, fmt.Errorf("--roots: %s: %w", path, err)
	}
	if roots == nil {
		return nil, fmt.Errorf("--roots: %s has no certificate in PEM; write one with `clearinghouse root`", path)
	}
	return roots, nil
}

// Certificates reads the certificates in a text of PEM, and passes over what else is in
// it.
func Certificates(text []byte) (all []*x509.Certificate, err error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}
