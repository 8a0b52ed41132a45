package identity

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// handshake connects two configurations and returns what each end says.
func handshake(t *testing.T, client, server *tls.Config) (clientErr, serverErr error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ended := make(chan error, 1)
	go func() { ended <- serveOne(l, server) }()
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(raw, client)
	if clientErr = conn.Handshake(); clientErr == nil {
		_, clientErr = io.ReadFull(conn, make([]byte, 1)) // the server's refusal comes after the handshake
	}
	raw.Close()
	return clientErr, <-ended
}

// serveOne greets one client with a byte.
func serveOne(l net.Listener, config *tls.Config) error {
	raw, err := l.Accept()
	if err != nil {
		return err
	}
	defer raw.Close()
	_, err = tls.Server(raw, config).Write([]byte("x"))
	return err
}

func TestHandshake(t *testing.T) {
	ls, ts := load1(t, t.TempDir(), "LS1"), load1(t, t.TempDir(), "TS1")
	pins := OpenPins(t.TempDir())
	var keys bytes.Buffer
	var met *x509.Certificate
	server := ls.ServerTLS(func(peer *x509.Certificate) error { met = peer; return nil }, &keys)
	c, s := handshake(t, ts.ClientTLS("ls1:3343", pins, nil), server)
	if c != nil || s != nil {
		t.Fatalf("client %v, server %v", c, s)
	}
	if met == nil || Fingerprint(met) != Fingerprint(ts.Certificate) {
		t.Error("the server does not see the client's certificate")
	}
	for _, line := range []string{"CLIENT_TRAFFIC_SECRET_0 ", "SERVER_TRAFFIC_SECRET_0 "} {
		if !strings.Contains(keys.String(), line) {
			t.Errorf("key log without %s", line)
		}
	}

	stranger := load1(t, t.TempDir(), "LS1").ServerTLS(AnyPeer, nil)
	c, _ = handshake(t, ts.ClientTLS("ls1:3343", pins, nil), stranger)
	if _, ok := errors.AsType[*ChangedKeyError](c); !ok {
		t.Errorf("another key under the same name: %v", c)
	}
	if c, s := handshake(t, ts.ClientTLS("ls9:3343", pins, nil), stranger); c != nil || s != nil {
		t.Errorf("the same key under another name: client %v, server %v", c, s)
	}
}

// TestPinnedOnProof: a server that shows another's certificate is not pinned by that.
func TestPinnedOnProof(t *testing.T) {
	ls, thief, ts := load1(t, t.TempDir(), "LS1"), load1(t, t.TempDir(), "LS1"), load1(t, t.TempDir(), "TS1")
	dir := t.TempDir()
	pins := OpenPins(dir)
	stolen := thief.ServerTLS(AnyPeer, nil)
	stolen.Certificates = []tls.Certificate{{Certificate: [][]byte{ls.Certificate.Raw}, PrivateKey: thief.Key}}
	if c, _ := handshake(t, ts.ClientTLS("ls1:3343", pins, nil), stolen); c == nil {
		t.Error("a server without the key is believed")
	}
	if text, err := os.ReadFile(filepath.Join(dir, PinsName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("pinned before the proof: %s (%v)", text, err)
	}
	var met []string
	pins.Met = func(server, fingerprint string) { met = append(met, server+" "+fingerprint) }
	for range 2 {
		if c, s := handshake(t, ts.ClientTLS("ls1:3343", pins, nil), ls.ServerTLS(AnyPeer, nil)); c != nil || s != nil {
			t.Errorf("client %v, server %v", c, s)
		}
	}
	if want := []string{"ls1:3343 " + Fingerprint(ls.Certificate)}; !slices.Equal(met, want) {
		t.Errorf("met %q, want %q", met, want)
	}
}

func TestServerRefuses(t *testing.T) {
	ls, ts := load1(t, t.TempDir(), "LS1"), load1(t, t.TempDir(), "TS1")
	refused := errors.New("not a member")
	for _, tt := range []struct {
		name   string
		server *tls.Config
		change func(*tls.Config)
		want   string
	}{
		{"policy", ls.ServerTLS(func(*x509.Certificate) error { return refused }, nil), func(*tls.Config) {}, "not a member"},
		{"no certificate", ls.ServerTLS(AnyPeer, nil), func(c *tls.Config) { c.GetClientCertificate = nil }, "client didn't provide a certificate"},
		{"TLS 1.2", ls.ServerTLS(AnyPeer, nil), func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }, "unsupported versions"},
		{"another protocol", ls.ServerTLS(AnyPeer, nil), func(c *tls.Config) { c.NextProtos = []string{"h2"} }, "unsupported application protocols"},
	} {
		client := ts.ClientTLS("ls1:3343", OpenPins(t.TempDir()), nil)
		tt.change(client)
		c, s := handshake(t, client, tt.server)
		if s == nil || !strings.Contains(s.Error(), tt.want) {
			t.Errorf("%s: server %v; want %q", tt.name, s, tt.want)
		}
		if c == nil {
			t.Errorf("%s: the client does not notice", tt.name)
		}
	}
}
