package identity

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/tslab/tslab/wire/enroll"
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

// ClientTLS is the configuration of one connection to the license server at address.
// In a workgroup its key must be the one in pins; one that was never met is pinned
// once it has proved that it holds the key. In a domain it must be a member that
// joined as a license server, or one whose key an administrator has pinned.
func (id *Identity) ClientTLS(address string, pins *Pins, keyLog io.Writer) *tls.Config {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	var met *x509.Certificate // shown by a server without a pin
	accept := func(peer *x509.Certificate) error {
		known, err := pins.Check(address, peer)
		switch {
		case id.membership == nil && err == nil && !known:
			met = peer
		case id.membership != nil && (err != nil || !known):
			if err = id.membership.Members(enroll.GroupLicenseServers)(peer); err != nil {
				return fmt.Errorf("%w; to accept it all the same, let its line in %s be %s %s", err, pins.path, address, Fingerprint(peer))
			}
		}
		return err
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		NextProtos:   []string{Protocol},
		KeyLogWriter: keyLog,
		ServerName:   host,
		// The names in self-made certificates prove nothing: the pin does.
		InsecureSkipVerify: true,
		VerifyConnection:   verifyBy(accept),
		// This is called when the server's CertificateVerify and Finished have been
		// checked (RFC 8446, 4.4): only then the key shown is known to be its own.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if met != nil {
				if err := pins.Keep(address, met); err != nil {
					return nil, err
				}
			}
			own := id.certificate()
			return &own, nil
		},
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
