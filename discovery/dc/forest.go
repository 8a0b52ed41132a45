package dc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tslab/tslab/wire/enroll"
)

// Forest is what the domain controllers of all domains of a forest share: the key
// that memberships are signed with, and a secret that other keys are drawn from.
type Forest struct {
	Certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	secret      []byte
}

const secretBlock = "TSLAB FOREST SECRET"

// OpenForest reads the forest's file, or makes one. Of several domain controllers that
// do so at once, one makes it.
func OpenForest(path, name string) (*Forest, error) {
	f, err := readForest(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	text, err := newForest(name)
	if err != nil {
		return nil, err
	}
	if err := create(path, text); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("forest: %w", err)
	}
	return readForest(path)
}

func newForest(name string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("forest key: %w", err)
	}
	cert, err := enroll.CreateForest(name, key)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("forest key: %w", err)
	}
	secret := make([]byte, enroll.KeySize)
	rand.Read(secret)
	var text []byte
	for _, b := range []pem.Block{{Type: "CERTIFICATE", Bytes: cert.Raw}, {Type: "PRIVATE KEY", Bytes: der}, {Type: secretBlock, Bytes: secret}} {
		text = append(text, pem.EncodeToMemory(&b)...)
	}
	return text, nil
}

// create writes a file that is not there yet, whole.
func create(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}

func readForest(path string) (*Forest, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("forest: %w", err)
	}
	blocks := map[string][]byte{}
	for b, rest := pem.Decode(text); b != nil; b, rest = pem.Decode(rest) {
		blocks[b.Type] = b.Bytes
	}
	f := &Forest{secret: blocks[secretBlock]}
	f.Certificate, err = x509.ParseCertificate(blocks["CERTIFICATE"])
	if err == nil {
		_, err = enroll.CheckRoot(f.Certificate)
	}
	if err != nil {
		return nil, fmt.Errorf("forest: %s: %w: give the file of the first domain controller, or delete it for a new forest", path, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(blocks["PRIVATE KEY"])
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || !key.PublicKey.Equal(f.Certificate.PublicKey) || len(f.secret) != enroll.KeySize {
		return nil, fmt.Errorf("forest: %s: the key is not the certificate's, or the secret is missing: give the file of the first domain controller", path)
	}
	f.key = key
	return f, nil
}

// derive draws the key for a purpose; the same in all domain controllers.
func (f *Forest) derive(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, f.secret, nil, "TSLab "+purpose, enroll.KeySize)
	if err != nil {
		return make([]byte, 0) // only for lengths that are not asked for
	}
	return key
}
