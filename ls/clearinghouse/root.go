package clearinghouse

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/wire/enroll"
)

// RootName is the file of the state folder that holds the root's certificate and
// key. It is all that makes the clearinghouse the one that it is.
const RootName = "root.pem"

func createRoot(dir, name string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	path := filepath.Join(dir, RootName)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("a clearinghouse lies in %s already and its root is not overwritten; choose another folder", dir)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("root key: %w", err)
	}
	root, err := enroll.CreateRoot(name, key)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("root key: %w", err)
	}
	text := append(EncodeRoot(root), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	if err := durable.WriteFile(path, text, 0o600); err != nil {
		return nil, nil, fmt.Errorf("root certificate: %w", err)
	}
	return root, key, nil
}

func loadRoot(dir string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	path := filepath.Join(dir, RootName)
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("root certificate: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, nil, fmt.Errorf("root key: %s can be read by others (mode %04o); run chmod 600 %[1]s", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("root certificate: %w", err)
	}
	root, key, err := decodeRoot(text)
	if err != nil {
		return nil, nil, fmt.Errorf("root certificate %s: %w; restore it from a backup", path, err)
	}
	return root, key, nil
}

func decodeRoot(text []byte) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	cert, rest := pem.Decode(text)
	key, _ := pem.Decode(rest)
	if cert == nil || cert.Type != "CERTIFICATE" || key == nil || key.Type != "PRIVATE KEY" {
		return nil, nil, errors.New("want a CERTIFICATE and a PRIVATE KEY in PEM")
	}
	root, err := x509.ParseCertificate(cert.Bytes)
	if err != nil {
		return nil, nil, err
	}
	public, err := enroll.CheckRoot(root)
	if err != nil {
		return nil, nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(key.Bytes)
	if err != nil {
		return nil, nil, err
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !private.PublicKey.Equal(public) {
		return nil, nil, errors.New("the key is not the certificate's")
	}
	return root, private, nil
}

// EncodeRoot is the certificate in PEM, as other programs take it with --roots.
func EncodeRoot(root *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})
}
