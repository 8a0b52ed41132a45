package identity

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Protocol is the ALPN name of what runs inside.
const Protocol = "tsls"

// Policy decides on a peer's certificate that is sound in itself. It is asked
// before the peer has proved that it holds the key, which TLS then demands.
type Policy func(peer *x509.Certificate) error

// AnyPeer lets every peer in: the workgroup of the era.
func AnyPeer(*x509.Certificate) error { return nil }

// ServerTLS is the configuration of a listening program: TLS 1.3, the peer must
// show a certificate, and accept decides on it. keyLog may be nil; a capture can
// be decrypted with what is written there.
func (id *Identity) ServerTLS(accept Policy, keyLog io.Writer) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{id.certificate()},
		ClientAuth:             tls.RequireAnyClientCert,
		NextProtos:             []string{Protocol},
		SessionTicketsDisabled: true,
		KeyLogWriter:           keyLog,
		VerifyConnection:       verifyBy(accept),
	}
}

// ClientTLS is the configuration for reaching the server at address, whose key
// must be the one in pins; a server that was never met is pinned now.
func (id *Identity) ClientTLS(address string, pins *Pins, keyLog io.Writer) *tls.Config {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{id.certificate()},
		NextProtos:   []string{Protocol},
		KeyLogWriter: keyLog,
		ServerName:   host,
		// The names in self-made certificates prove nothing: the pin does.
		InsecureSkipVerify: true,
		VerifyConnection: verifyBy(func(peer *x509.Certificate) error {
			return pins.Check(address, peer)
		}),
	}
}

func verifyBy(accept Policy) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errors.New("the peer shows no certificate")
		}
		peer := state.PeerCertificates[0]
		if err := sound(peer, time.Now()); err != nil {
			return fmt.Errorf("certificate of %q: %w", peer.Subject.CommonName, err)
		}
		return accept(peer)
	}
}

// sound checks what a certificate can be checked for by itself.
func sound(cert *x509.Certificate, now time.Time) error {
	if now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
		return fmt.Errorf("valid from %s to %s, and the machine's clock says %s",
			cert.NotBefore.Format(time.DateOnly), cert.NotAfter.Format(time.DateOnly), now.UTC().Format(time.DateOnly))
	}
	if !selfMade(cert) {
		return nil // whose signature it is, the policy decides
	}
	if err := cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature); err != nil {
		return fmt.Errorf("not signed by its own key: %w", err)
	}
	return nil
}
