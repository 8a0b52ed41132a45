package ts

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
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

// tlsName is the file of the state folder that holds the TLS certificate and its key
// (PEM). Users confirm the certificate once, so it stays.
const tlsName = "tls.pem"

// loadTLS is the TLS side of the server: a self-made certificate.
func loadTLS(dir, host string) (tls.Certificate, error) {
	path := filepath.Join(dir, tlsName)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if text, err = makeTLS(host); err != nil {
			return tls.Certificate{}, fmt.Errorf("TLS certificate: %w", err)
		}
		if err := durable.WriteFile(path, text, 0o600); err != nil {
			return tls.Certificate{}, fmt.Errorf("TLS certificate: %w", err)
		}
	case err != nil:
		return tls.Certificate{}, fmt.Errorf("TLS certificate: %w", err)
	}
	cert, err := tls.X509KeyPair(text, text)
	if err != nil {
		return cert, fmt.Errorf("TLS certificate %s: %w: delete it for a new one", path, err)
	}
	return cert, nil
}

func makeTLS(host string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := template(host, time.Now().UnixNano()) // clients know certificates by their serial numbers too
	t.DNSNames = []string{host, "localhost"}
	t.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	cert, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	return append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...), nil
}
