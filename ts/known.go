package ts

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/wire/tsls"
)

// knownName is the file of the state folder that keeps every license server
// certificate and every clearinghouse root that license servers have shown: a
// token must be known again when its license server is away.
const knownName = "licenseservers.pem"

// maxKnown bounds the certificates that are kept of each sort.
const maxKnown = 1000

const roleHeader = "Role"

// known is whose tokens count (rules T3 to T5 of the decision table).
type known struct {
	path string

	mu      sync.Mutex
	roots   []*x509.Certificate // of clearinghouses
	servers map[string]bool     // DER of license server certificates, present and former
	catalog map[string]bool     // DER of those that the catalog's license servers have now
}

func loadKnown(dir string, roots []*x509.Certificate) (*known, error) {
	k := &known{path: filepath.Join(dir, knownName), servers: map[string]bool{}, catalog: map[string]bool{}}
	text, err := os.ReadFile(k.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("known license servers: %w", err)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("known license servers: %s: %w: delete it to learn them anew", k.path, err)
		}
		if block.Headers[roleHeader] == "root" {
			k.addRoot(cert)
		} else {
			k.servers[string(cert.Raw)] = true
		}
	}
	for _, root := range roots {
		k.addRoot(root)
	}
	return k, nil
}

// addRoot reports whether the root was new.
func (k *known) addRoot(cert *x509.Certificate) bool {
	for _, r := range k.roots {
		if r.Equal(cert) {
			return false
		}
	}
	k.roots = append(k.roots, cert)
	return true
}

// learn keeps what a license server says of itself; inCatalog: it is the one that
// this terminal server asks first.
func (k *known) learn(info tsls.ServerInfo, former [][]byte, inCatalog bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if inCatalog {
		clear(k.catalog)
	}
	changed := false
	for i, der := range append(append([][]byte{}, info.Certificates...), former...) {
		if inCatalog && i < len(info.Certificates) {
			k.catalog[string(der)] = true
		}
		if !k.servers[string(der)] && len(k.servers) < maxKnown {
			if _, err := x509.ParseCertificate(der); err != nil {
				return fmt.Errorf("certificate of license server %s: %w", info.Name, err)
			}
			k.servers[string(der)], changed = true, true
		}
	}
	for _, der := range info.Roots {
		root, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("root certificate of license server %s: %w", info.Name, err)
		}
		if len(k.roots) < maxKnown && k.addRoot(root) {
			changed = true
		}
	}
	if !changed {
		return nil
	}
	return k.store()
}

// store needs the lock.
func (k *known) store() error {
	var text bytes.Buffer
	for _, r := range k.roots {
		pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Headers: map[string]string{roleHeader: "root"}, Bytes: r.Raw})
	}
	for der := range k.servers {
		pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Headers: map[string]string{roleHeader: "license-server"}, Bytes: []byte(der)})
	}
	if err := durable.WriteFile(k.path, text.Bytes(), 0o600); err != nil {
		return fmt.Errorf("known license servers: %w", err)
	}
	return nil
}

// trustedRoots are the roots as they are now.
func (k *known) trustedRoots() []*x509.Certificate {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]*x509.Certificate(nil), k.roots...)
}

// signer says what is known of the license server with this certificate.
func (k *known) signer(cert *x509.Certificate) (knownNow, inCatalog bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.servers[string(cert.Raw)], k.catalog[string(cert.Raw)]
}
