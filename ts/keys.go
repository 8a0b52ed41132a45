package ts

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/wire/rdpsec"
)

// keyName is the file of the state folder that holds the terminal server's RSA key
// (PKCS#1 DER), by which clients seal what they send.
const keyName = "rdpkey.der"

// loadKey reads the key of the state folder or makes one of so many bits.
func loadKey(dir string, bits int) (*rdpsec.PrivateKey, error) {
	path := filepath.Join(dir, keyName)
	der, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(path, bits)
	}
	if err != nil {
		return nil, fmt.Errorf("server key: %w", err)
	}
	key, err := rdpsec.ParsePrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("server key %s: %w: delete it for a new key", path, err)
	}
	return key, nil
}

func makeKey(path string, bits int) (*rdpsec.PrivateKey, error) {
	key, err := rdpsec.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, fmt.Errorf("server key of %d bits: %w", bits, err)
	}
	der, err := key.Marshal()
	if err != nil {
		return nil, fmt.Errorf("server key: %w", err)
	}
	if err := durable.WriteFile(path, der, 0o600); err != nil {
		return nil, fmt.Errorf("server key: %w", err)
	}
	return key, nil
}

// template is a certificate that the server makes for itself. Its dates are the
// machine's, never the lab's.
func template(name string, serial int64) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber:          big.NewInt(serial),
		Subject:               pkix.Name{CommonName: name, Organization: []string{"TSLab"}},
		NotBefore:             now.AddDate(0, 0, -1),
		NotAfter:              now.AddDate(20, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
}

// chainCertificate is the SERVER_CERTIFICATE of key as a chain of X.509
// certificates: a root whose key is forgotten at once, for no client checks it, and
// the terminal server's own.
func chainCertificate(key *rdpsec.PublicKey, host string) ([]byte, error) {
	signer, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("server certificate: %w", err)
	}
	root := template(host+" root", 1)
	root.IsCA, root.KeyUsage, root.ExtKeyUsage = true, x509.KeyUsageCertSign, nil
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, signer.Public(), signer)
	if err != nil {
		return nil, fmt.Errorf("server certificate: %w", err)
	}
	own, err := x509.CreateCertificate(rand.Reader, template(host, 2), root, key.RSA(), signer)
	if err != nil {
		return nil, fmt.Errorf("server certificate: %w", err)
	}
	return rdpsec.X509Certificate([][]byte{rootDER, own}), nil
}

// tlsName is the file of the state folder that holds the TLS key (PKCS#8 DER).
const tlsName = "tlskey.der"

// loadTLS is the TLS side of the server: a self-made certificate, which is made
// anew at every start from a key that stays.
func loadTLS(dir, host string) (tls.Certificate, error) {
	key, err := loadTLSKey(filepath.Join(dir, tlsName))
	if err != nil {
		return tls.Certificate{}, err
	}
	t := template(host, 1)
	t.DNSNames = []string{host, "localhost"}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("TLS certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

func loadTLSKey(path string) (*ecdsa.PrivateKey, error) {
	der, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("TLS key: %w", err)
	}
	if err == nil {
		parsed, err := x509.ParsePKCS8PrivateKey(der)
		key, ok := parsed.(*ecdsa.PrivateKey)
		if err != nil || !ok {
			return nil, fmt.Errorf("TLS key %s is none: delete it for a new key", path)
		}
		return key, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("TLS key: %w", err)
	}
	if der, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return nil, fmt.Errorf("TLS key: %w", err)
	}
	if err := durable.WriteFile(path, der, 0o600); err != nil {
		return nil, fmt.Errorf("TLS key: %w", err)
	}
	return key, nil
}
