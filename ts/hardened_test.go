package ts

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"net"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/tsls"
)

// certified is a license server's key with its certificate from a clearinghouse.
type certified struct {
	root, certificate *x509.Certificate
	key               *ecdsa.PrivateKey
}

func certify(t *testing.T) certified {
	t.Helper()
	var c certified
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err == nil {
		c.root, err = enroll.CreateRoot("Clearinghouse", rootKey)
	}
	if err == nil {
		c.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err == nil {
		c.certificate, err = enroll.CreateServerCertificate(c.key.Public(), c.root, rootKey)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestHardened: in the hardened mode a license server counts that a trusted
// clearinghouse has certified and that has the certificate's key. One that shows
// another's certificates is found out when the connection is made.
func TestHardened(t *testing.T) {
	genuine, foreign := certify(t), certify(t)
	thief, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		shows    certified
		signs    *ecdsa.PrivateKey // nil: no proof
		replayed bool              // the proof of another connection
		want     string
		soft     bool // not hardened
	}{
		{"genuine", genuine, genuine.key, false, "", false},
		{"another clearinghouse's", foreign, foreign.key, false, "is certified by no clearinghouse that is trusted here", false},
		{"a thief", genuine, thief, false, "shows a certificate that is not its own", false},
		{"a thief without a proof", genuine, nil, false, "shows a certificate that is not its own", false},
		{"a replayed proof", genuine, genuine.key, true, "shows a certificate that is not its own", false},
		{"a thief in the era's mode", genuine, nil, false, "", true},
	} {
		addr := welcomeWith(t, func(p transport.Peer) tsls.ServerInfo {
			info := tsls.ServerInfo{Name: "ls1", Edition: "w2k-sp3", Activated: true, Certificates: [][]byte{tt.shows.certificate.Raw}}
			if tt.replayed {
				p.Binding = make([]byte, len(p.Binding))
			}
			if digest := tsls.ProofOf(p.Binding); tt.signs != nil {
				info.Proof, _ = ecdsa.SignASN1(rand.Reader, tt.signs, digest[:])
			}
			return info
		})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		profile := edition.W2KSP3()
		profile.RequireClearinghouseRoot = !tt.soft
		s, err := New(Config{Host: "ts1", Dir: t.TempDir(), Listener: l, KeyBits: 512, Profile: profile, Roots: []*x509.Certificate{genuine.root}, LicenseServer: addr})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := s.catalog.dial(t.Context(), addr)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
		if conn != nil {
			conn.Close()
		}
		l.Close()
	}
}

// TestNotActivatedIsNotCertified: in the hardened mode a license server that is not
// activated counts for nothing, also where any clearinghouse would do.
func TestNotActivatedIsNotCertified(t *testing.T) {
	genuine := certify(t)
	for _, activated := range []bool{true, false} {
		addr := welcomeWith(t, func(p transport.Peer) tsls.ServerInfo {
			info := tsls.ServerInfo{Name: "ls1", Edition: "w2k-sp3", Activated: activated, Certificates: [][]byte{genuine.certificate.Raw}}
			digest := tsls.ProofOf(p.Binding)
			info.Proof, _ = ecdsa.SignASN1(rand.Reader, genuine.key, digest[:])
			return info
		})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		profile := edition.W2KSP3()
		profile.RequireClearinghouseRoot = true
		s, err := New(Config{Host: "ts1", Dir: t.TempDir(), Listener: l, KeyBits: 512, Profile: profile, LicenseServer: addr})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := s.catalog.dial(t.Context(), addr)
		if (err == nil) != activated || err != nil && !strings.Contains(err.Error(), "license server ls1 is not activated") {
			t.Errorf("activated %v: %v", activated, err)
		}
		if conn != nil {
			conn.Close()
		}
	}
}

// welcomeWith serves a license server that answers Hello so.
func welcomeWith(t *testing.T, info func(transport.Peer) tsls.ServerInfo) (addr string) {
	t.Helper()
	id, err := identity.LoadOrCreate(t.TempDir(), "ls1")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	config := id.ServerTLS(identity.AnyPeer, nil)
	go func() {
		ended <- transport.Serve(ctx, l, config, func(_ context.Context, p transport.Peer, _ tsls.Message) tsls.Message { return info(p) }, transport.Limits{})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}
