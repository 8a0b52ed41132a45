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
	"slices"
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
	shown   map[string][]string // by address: DER of those that the license server there has now
}

func loadKnown(dir string, roots []*x509.Certificate) (*known, error) {
	k := &known{path: filepath.Join(dir, knownName), servers: map[string]bool{}, shown: map[string][]string{}}
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

// learn keeps what the license server at addr says of itself. Its roots count only
// where roots says so.
func (k *known) learn(addr string, info tsls.ServerInfo, former [][]byte, roots bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var shown []string
	changed := false
	for i, der := range append(append([][]byte{}, info.Certificates...), former...) {
		if i < len(info.Certificates) {
			shown = append(shown, string(der))
		}
		if !k.servers[string(der)] && len(k.servers) < maxKnown {
			if _, err := x509.ParseCertificate(der); err != nil {
				return fmt.Errorf("certificate of license server %s: %w", info.Name, err)
			}
			k.servers[string(der)], changed = true, true
		}
	}
	if _, met := k.shown[addr]; met || len(k.shown) < maxKnown {
		k.shown[addr] = shown
	}
	for _, der := range info.Roots {
		if !roots {
			break
		}
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

// signer says what is known of the license server with this certificate, and at which
// addresses it was met.
func (k *known) signer(cert *x509.Certificate) (knownNow bool, at []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for addr, certificates := range k.shown {
		if slices.Contains(certificates, string(cert.Raw)) {
			at = append(at, addr)
		}
	}
	return k.servers[string(cert.Raw)], at
}
