package rdpconn_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
)

// validClient is the licensing message that asks for nothing.
var validClient = []byte{0xff, 3, 0x10, 0, 7, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0}

// testKey is made once a test binary; 512 bits keep it quick.
var testKey = sync.OnceValue(func() *rdpsec.PrivateKey {
	k, err := rdpsec.GenerateKey(rand.Reader, 512)
	if err != nil {
		panic(err)
	}
	return k
})

// testTLS is a server's configuration with a certificate of its own making.
var testTLS = sync.OnceValue(func() *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "termsrv"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
})

// pair connects both roles over a pipe, up to Client Info.
func pair(t *testing.T, sc *rdpconn.ServerConfig, cc *rdpconn.ClientConfig) (server, client *rdpconn.Conn, serverErr, clientErr error) {
	t.Helper()
	a, b := tcpPair(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		server, serverErr = rdpconn.Accept(t.Context(), a, sc)
	}()
	client, clientErr = rdpconn.Dial(t.Context(), b, cc)
	if clientErr != nil {
		b.Close()
	}
	<-done
	return server, client, serverErr, clientErr
}

// tcpPair is a connection on loopback.
func tcpPair(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if b, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if a, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func TestBothRoles(t *testing.T) {
	m := func(m ...rdpsec.Method) []rdpsec.Method { return m }
	for _, tt := range []struct {
		name   string
		server rdpconn.ServerConfig
		client rdpconn.ClientConfig
		want   string
	}{
		{"128", rdpconn.ServerConfig{}, rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly}, "128"},
		{"no negotiation", rdpconn.ServerConfig{}, rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly, NoNegotiation: true}, "128"},
		{"56", rdpconn.ServerConfig{Encryption: m(rdpsec.Method56)}, rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly}, "56"},
		{"40", rdpconn.ServerConfig{Encryption: m(rdpsec.Method40)}, rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly}, "40"},
		{"40 is all the client has", rdpconn.ServerConfig{}, rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly, Encryption: m(rdpsec.Method40)}, "40"},
		{"NONE", rdpconn.ServerConfig{Encryption: m(rdpsec.MethodNone)}, rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly}, "NONE"},
		{"client has NONE", rdpconn.ServerConfig{}, rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly, Encryption: m(rdpsec.MethodNone)}, "NONE"},
		{"salted, licensing encrypted", rdpconn.ServerConfig{SaltedMAC: true, EncryptLicensing: true},
			rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly, SaltedMAC: true, EncryptLicensing: true}, "128"},
		{"salted 40", rdpconn.ServerConfig{Encryption: m(rdpsec.Method40), SaltedMAC: true},
			rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly, SaltedMAC: true}, "40"},
		{"level low", rdpconn.ServerConfig{LowLevel: true}, rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly}, "128"},
		{"slow path", rdpconn.ServerConfig{SlowPath: true}, rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly}, "128"},
		{"slow path of the client", rdpconn.ServerConfig{}, rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly, SlowPath: true}, "128"},
		{"TLS", rdpconn.ServerConfig{Protocols: rdpconn.TLSOnly}, rdpconn.ClientConfig{}, "TLS"},
		{"TLS on both", rdpconn.ServerConfig{}, rdpconn.ClientConfig{Protocols: rdpconn.TLSOnly}, "TLS"},
		{"channels", rdpconn.ServerConfig{}, rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly,
			Channels: []rdp.Channel{{Name: "rdpdr"}, {Name: "cliprdr"}, {Name: "rdpsnd"}, {Name: "drdynvc"}}}, "128"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.server.Key, tt.server.TLS = testKey(), testTLS()
			tt.client.ClientName, tt.client.User, tt.client.Password = "LABHOST", "lab", "secret"
			tt.client.Desktop = rdp.Desktop{Width: 640, Height: 480, Bpp: 16}
			server, client, serr, cerr := pair(t, &tt.server, &tt.client)
			if serr != nil || cerr != nil {
				t.Fatalf("server: %v; client: %v", serr, cerr)
			}
			if server.Security() != tt.want || client.Security() != tt.want {
				t.Errorf("security: server %s, client %s, want %s", server.Security(), client.Security(), tt.want)
			}
			if info := server.Info(); info.User != "lab" || info.Password != "secret" || server.ClientName() != "LABHOST" {
				t.Errorf("client is %q with %q at %q", info.User, info.Password, server.ClientName())
			}
			if !server.SupportsErrorInfo() || server.Desktop() != tt.client.Desktop {
				t.Errorf("error info %v, desktop %v", server.SupportsErrorInfo(), server.Desktop())
			}
			session(t, server, client)
		})
	}
}

// session licenses, activates, draws, types and leaves.
func session(t *testing.T, server, client *rdpconn.Conn) {
	t.Helper()
	rects := []rdp.BitmapRect{rectangle(0, 0, 640, 480, 16), rectangle(3, 5, 7, 2, 16)}
	events := []rdp.InputEvent{{Kind: rdp.InputKey, Code: 0x1e}, {Kind: rdp.InputMouse, Flags: rdp.PointerMove, X: 3, Y: 4}}
	errs := make(chan error, 1)
	go func() { errs <- serve(server, rects, events) }()

	if err := client.WriteLicense(validClient); err != nil {
		t.Fatal(err)
	}
	body, err := client.ReadLicense()
	if err != nil || !bytes.Equal(body, validClient) {
		t.Fatalf("licensing: %x, %v", body, err)
	}
	if err := client.Activate(rdp.Desktop{}); err != nil {
		t.Fatal(err)
	}
	if want := (rdp.Desktop{Width: 640, Height: 480, Bpp: 16}); client.Desktop() != want {
		t.Errorf("desktop %v, want %v", client.Desktop(), want)
	}
	if err := client.WriteInput(events); err != nil {
		t.Fatal(err)
	}
	screen := make([]byte, 640*480*2)
	info := uint32(0)
	for {
		u, err := client.ReadUpdate()
		if errors.Is(err, rdpconn.ErrDisconnected) {
			var peer *rdpconn.PeerError
			if !errors.As(err, &peer) || peer.Code != 0x0c {
				t.Errorf("farewell %v, want code 0xc", err)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		draw(screen, u.Rects)
		info |= u.ErrorInfo
	}
	want := make([]byte, len(screen))
	draw(want, rects)
	if !bytes.Equal(want, screen) {
		t.Error("the screen is not what was drawn")
	}
	if info != 0x0c {
		t.Errorf("error info %#x, want 0xc", info)
	}
	client.Close()
	if err := <-errs; err != nil {
		t.Errorf("server: %v", err)
	}
}

// serve is the server's part of session.
func serve(c *rdpconn.Conn, rects []rdp.BitmapRect, want []rdp.InputEvent) error {
	defer c.Close()
	if _, err := c.ReadLicense(); err != nil {
		return err
	}
	if err := c.WriteLicense(validClient); err != nil {
		return err
	}
	if err := c.Activate(c.Desktop()); err != nil {
		return err
	}
	if err := c.WriteBitmap(rects); err != nil {
		return err
	}
	got, err := c.ReadInput()
	if err != nil {
		return err
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return errors.New("input differs (-want +got):\n" + diff)
	}
	return c.SetErrorInfo(0x0c)
}

// rectangle is one whose pixels all differ from their neighbors'.
func rectangle(left, top, width, height, bpp uint16) rdp.BitmapRect {
	r := rdp.BitmapRect{Left: left, Top: top, Width: width, Height: height, Bpp: bpp}
	for i := range int(width) * int(height) * rdp.BytesPerPixel(bpp) {
		r.Pixels = append(r.Pixels, byte(i*7+i/251))
	}
	return r
}

// draw puts the rectangles' rows in their places on a screen of 640 by 480 by 16.
func draw(screen []byte, rects []rdp.BitmapRect) {
	for _, r := range rects {
		row := int(r.Width) * 2
		for y := range int(r.Height) {
			at := ((int(r.Top)+y)*640 + int(r.Left)) * 2
			copy(screen[at:at+row], r.Pixels[y*row:])
		}
	}
}

func TestContextEndsAccept(t *testing.T) {
	a, _ := tcpPair(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := rdpconn.Accept(ctx, a, &rdpconn.ServerConfig{Key: testKey()}); !errors.Is(err, context.Canceled) {
		t.Errorf("Accept = %v, want context.Canceled", err)
	}
}
