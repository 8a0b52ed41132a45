// Package identity is who a program is to the others: a host key with a
// certificate that it made itself, the TLS configurations that show it, and the
// pins by which a peer is known again. A host that has joined a domain has a
// membership beside: a certificate of the same key under the domain's forest, which
// it shows instead, and by which it knows the others without pins.
//
// A license server's right to issue tokens is another matter: that certificate
// comes from the clearinghouse (wire/enroll) and is never used for TLS.
package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// FileName is the file of the state folder that holds key and certificate.
const FileName = "identity.pem"

// lifeYears is how long a host certificate is valid, in the machine's time.
const lifeYears = 20

// Identity is a host key and its certificate.
type Identity struct {
	Name        string // host name in the certificate
	Key         *ecdsa.PrivateKey
	Certificate *x509.Certificate

	dir        string
	membership *Membership // nil: a workgroup
}

// LoadOrCreate reads the identity that lies in dir, or makes one and stores it
// there, readable by its owner only. When the host has another name than before,
// the key stays and the certificate is made anew. Dates are the machine's, never
// the lab's: a server whose calendar is wrong must still be reachable.
func LoadOrCreate(dir, name string) (*Identity, error) {
	id, err := loadOrCreate(filepath.Join(dir, FileName), name)
	if err != nil {
		return nil, err
	}
	id.dir = dir
	return id, nil
}

// Load reads the identity that lies in dir, whatever its name; one that is not there is
// an error that wraps [fs.ErrNotExist].
func Load(dir string) (*Identity, error) {
	id, err := load(filepath.Join(dir, FileName))
	if err != nil {
		return nil, err
	}
	id.dir = dir
	return id, nil
}

func loadOrCreate(path, name string) (*Identity, error) {
	id, err := load(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return create(path, name)
	case err != nil:
		return nil, err
	case id.Name == name && time.Now().Before(id.Certificate.NotAfter.AddDate(-1, 0, 0)):
		return id, nil
	}
	if id, err = issue(id.Key, name); err != nil {
		return nil, err
	}
	text, err := id.encode()
	if err != nil {
		return nil, err
	}
	return id, store(path, text, os.Rename)
}

func create(path, name string) (*Identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("host key: %w", err)
	}
	id, err := issue(key, name)
	if err != nil {
		return nil, err
	}
	text, err := id.encode()
	if err != nil {
		return nil, err
	}
	err = store(path, text, os.Link) // a link replaces nothing: of two programs at once, one wins
	if errors.Is(err, fs.ErrExist) {
		return load(path)
	}
	return id, err
}

// issue makes the certificate by which key says that it belongs to name.
func issue(key *ecdsa.PrivateKey, name string) (*Identity, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("host certificate: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          serial.Add(serial, big.NewInt(1)),
		Subject:               pkix.Name{CommonName: name, Organization: []string{"TSLab"}},
		DNSNames:              []string{name},
		NotBefore:             now.AddDate(0, 0, -1),
		NotAfter:              now.AddDate(lifeYears, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("host certificate for %q: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("host certificate for %q: %w", name, err)
	}
	return &Identity{Name: name, Key: key, Certificate: cert}, nil
}

func (id *Identity) encode() ([]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(id.Key)
	if err != nil {
		return nil, fmt.Errorf("host key: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: id.Certificate.Raw})
	return append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...), nil
}

// store writes a new file beside path and moves it there by link or by rename.
func store(path string, text []byte, move func(from, to string) error) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	f, err := os.CreateTemp(dir, FileName+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	if err := move(f.Name(), path); err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	return nil
}

func load(path string) (*Identity, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("identity: %s can be read by others (mode %04o): run chmod 600 %[1]s, or delete it for a new key", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	id, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("identity: %s: %w: delete it for a new key", path, err)
	}
	return id, nil
}

func decode(text []byte) (*Identity, error) {
	certBlock, rest := pem.Decode(text)
	keyBlock, _ := pem.Decode(rest)
	if certBlock == nil || certBlock.Type != "CERTIFICATE" || keyBlock == nil || keyBlock.Type != "PRIVATE KEY" {
		return nil, errors.New("want a CERTIFICATE and a PRIVATE KEY in PEM")
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, errors.New("the key is not the certificate's")
	}
	return &Identity{Name: cert.Subject.CommonName, Key: key, Certificate: cert}, nil
}

// Fingerprint is how a peer's key is written down: SHA-256 of its public key.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return "sha256:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

func (id *Identity) certificate() tls.Certificate {
	if m := id.membership; m != nil {
		return tls.Certificate{Certificate: [][]byte{m.Certificate.Raw}, PrivateKey: id.Key, Leaf: m.Certificate}
	}
	return tls.Certificate{Certificate: [][]byte{id.Certificate.Raw}, PrivateKey: id.Key, Leaf: id.Certificate}
}
