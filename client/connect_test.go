package client_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
)

// play is what a terminal server does with one connection after Client Info.
type play func(conn *rdpconn.Conn) error

// serve is a terminal server on the loopback interface that plays the same for
// every connection; config may be nil.
func serve(t *testing.T, config *rdpconn.ServerConfig, p play) (address string) {
	t.Helper()
	key, err := rdpsec.GenerateKey(rand.Reader, 512)
	if err != nil {
		t.Fatal(err)
	}
	if config == nil {
		config = &rdpconn.ServerConfig{Protocols: rdpconn.RDPOnly}
	}
	config.Key, config.TLS, config.StepTimeout = key, serverTLS(t), 10*time.Second
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			conn, err := rdpconn.Accept(context.Background(), nc, config)
			if err != nil {
				continue // what the client makes of it is the test's business
			}
			if err := p(conn); err != nil {
				t.Errorf("server: %v", err)
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

func serverTLS(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func send(conn *rdpconn.Conn, m licensing.Message) error {
	return conn.WriteLicense(licensing.Append(nil, m, licensing.Version3))
}

// validClient ends licensing at once, activates the session, and goes on as told.
func validClient(then play) play {
	return func(conn *rdpconn.Conn) error {
		if err := send(conn, licensing.ValidClient()); err != nil {
			return err
		}
		if err := conn.Activate(rdp.Desktop{Width: 640, Height: 480, Bpp: 16}); err != nil {
			return err
		}
		return then(conn)
	}
}

// logOn lets the user in and waits until it leaves.
func logOn(conn *rdpconn.Conn) error {
	if err := conn.WriteLogon(); err != nil {
		return err
	}
	return untilLeft(conn)
}

func untilLeft(conn *rdpconn.Conn) error {
	for {
		if _, err := conn.ReadInput(); err != nil {
			return nil
		}
	}
}

func draw(conn *rdpconn.Conn) error {
	rect := rdp.BitmapRect{Width: 4, Height: 1, Bpp: 16, Pixels: make([]byte, 8)}
	if err := conn.WriteBitmap([]rdp.BitmapRect{rect}); err != nil {
		return err
	}
	return untilLeft(conn)
}

// device is a device that connects to the server; its events go into the buffer.
func device(t *testing.T, server string) (*client.Config, *bytes.Buffer) {
	t.Helper()
	persona, err := client.FindPersona("9x")
	if err != nil {
		t.Fatal(err)
	}
	store, err := client.OpenStore(persona, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var events bytes.Buffer
	return &client.Config{
		Server: server, Persona: persona, Store: store, Name: "PC1", User: "lab", Password: "lab",
		Log: eventlog.New(&events, "pc1", "tsclient", clock.Fixed(time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)), nil),
	}, &events
}

func eventNames(t *testing.T, events io.Reader) []string {
	t.Helper()
	all, err := eventlog.Read(events)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range all {
		names = append(names, e.Name)
		if strings.Contains(e.Text, "{") {
			t.Errorf("an event has an unfilled field: %s", e.Text)
		}
	}
	return names
}

func TestConnectInEveryMode(t *testing.T) {
	for name, c := range map[string]struct {
		server   rdpconn.ServerConfig
		security rdpconn.Protocols
		methods  []rdpsec.Method
		want     string
	}{
		"RDP preferred":    {rdpconn.ServerConfig{}, rdpconn.Both, nil, "128"},
		"server wants TLS": {rdpconn.ServerConfig{Protocols: rdpconn.TLSOnly}, rdpconn.Both, nil, "TLS"},
		"client wants TLS": {rdpconn.ServerConfig{}, rdpconn.TLSOnly, nil, "TLS"},
		"40 bit":           {rdpconn.ServerConfig{}, rdpconn.RDPOnly, []rdpsec.Method{rdpsec.Method40}, "40"},
		"56 bit":           {rdpconn.ServerConfig{}, rdpconn.RDPOnly, []rdpsec.Method{rdpsec.Method56}, "56"},
		"none":             {rdpconn.ServerConfig{}, rdpconn.RDPOnly, []rdpsec.Method{rdpsec.MethodNone}, "NONE"},
	} {
		t.Run(name, func(t *testing.T) {
			config, events := device(t, serve(t, &c.server, validClient(logOn)))
			config.Security, config.Encryption = c.security, c.methods
			s, err := client.Connect(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			if s.Security != c.want {
				t.Errorf("security %s, want %s", s.Security, c.want)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			want := []string{"client.connected", "client.accepted", "client.logged-on", "client.disconnected"}
			if diff := cmp.Diff(want, eventNames(t, events)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if id, ok := config.Store.HardwareID(); !ok || id != s.HardwareID || id.Platform() != uint32(config.Persona.Platform) {
				t.Errorf("hardware id %v, stored %v", s.HardwareID, id)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	abort := func(conn *rdpconn.Conn) error { return send(conn, licensing.Abort(licensing.NoLicenseServer)) }
	hangUp := func(conn *rdpconn.Conn) error { return conn.Abort() }
	info := validClient(func(conn *rdpconn.Conn) error { return conn.SetErrorInfo(0x102) })
	for name, c := range map[string]struct {
		play      play
		alert     licensing.Code
		errorInfo uint32
		reason    string
	}{
		"alert":         {abort, licensing.NoLicenseServer, 0, "no license server to give this device a license (ERR_NO_LICENSE_SERVER, ST_TOTAL_ABORT)"},
		"without alert": {hangUp, 0, 0, "licensing"},
		"error info":    {info, 0, 0x102, "no license is available for this computer"},
	} {
		t.Run(name, func(t *testing.T) {
			config, events := device(t, serve(t, nil, c.play))
			_, err := client.Connect(t.Context(), config)
			var refused *client.RefusedError
			if !errors.As(err, &refused) || refused.ErrorInfo != c.errorInfo || !strings.Contains(refused.Reason, c.reason) {
				t.Fatalf("%v, want refused: %s", err, c.reason)
			}
			if (refused.Alert != nil) != (c.alert != 0) || refused.Alert != nil && refused.Alert.Code != c.alert {
				t.Errorf("alert %v", refused.Alert)
			}
			if names := eventNames(t, events); names[len(names)-1] != "client.refused" {
				t.Errorf("events %v", names)
			}
		})
	}
}

func TestLogonFails(t *testing.T) {
	for name, c := range map[string]struct {
		play   play
		reason string
	}{
		"logon screen": {validClient(draw), "logon screen"},
		"thrown out":   {validClient(func(conn *rdpconn.Conn) error { return conn.SetErrorInfo(0x0C) }), "ended the connection"},
		"silence":      {validClient(untilLeft), "in time"},
	} {
		t.Run(name, func(t *testing.T) {
			config, events := device(t, serve(t, nil, c.play))
			config.LogonTimeout = 2 * time.Second
			if name == "silence" {
				config.LogonTimeout = 50 * time.Millisecond
			}
			_, err := client.Connect(t.Context(), config)
			var logon *client.LogonError
			if !errors.As(err, &logon) || !strings.Contains(err.Error(), c.reason) {
				t.Fatalf("%v, want the logon to fail: %s", err, c.reason)
			}
			if names := eventNames(t, events); names[len(names)-1] != "client.logon-failed" {
				t.Errorf("events %v", names)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	rdpOnly := serve(t, nil, validClient(logOn))
	for name, edit := range map[string]func(c *client.Config){
		"closed port":         func(c *client.Config) { c.Server = closed.Addr().String() },
		"server says nothing": func(c *client.Config) { c.Server, c.DialTimeout = silent.Addr().String(), 50*time.Millisecond },
		"no common security":  func(c *client.Config) { c.Server, c.Security = rdpOnly, rdpconn.TLSOnly },
		"no such host":        func(c *client.Config) { c.Server = "no.such.host.invalid" },
	} {
		t.Run(name, func(t *testing.T) {
			config, events := device(t, "")
			edit(config)
			_, err := client.Connect(t.Context(), config)
			var unreachable *client.UnreachableError
			if !errors.As(err, &unreachable) || !strings.Contains(unreachable.Server, ":") {
				t.Fatalf("%v, want it unreachable", err)
			}
			if diff := cmp.Diff([]string{"client.unreachable"}, eventNames(t, events)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestStay(t *testing.T) {
	for name, c := range map[string]struct {
		play  play
		leave bool
	}{
		"until the device leaves":   {validClient(logOn), true},
		"until the server ends it":  {validClient(func(conn *rdpconn.Conn) error { return errors.Join(conn.WriteLogon(), conn.SetErrorInfo(0x0C)) }), false},
		"until the server hangs up": {validClient(func(conn *rdpconn.Conn) error { return errors.Join(conn.WriteLogon(), conn.Close()) }), false},
	} {
		t.Run(name, func(t *testing.T) {
			config, events := device(t, serve(t, nil, c.play))
			s, err := client.Connect(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			if c.leave {
				leave()
			}
			if err := s.Stay(ctx); err != nil {
				t.Error(err)
			}
			if names := eventNames(t, events); names[len(names)-1] != "client.disconnected" {
				t.Errorf("events %v", names)
			}
		})
	}
}

func TestCanceled(t *testing.T) {
	waiting := make(chan struct{})
	config, _ := device(t, serve(t, nil, func(conn *rdpconn.Conn) error {
		close(waiting)
		_, err := conn.ReadLicense() // never comes
		if err == nil {
			t.Error("a licensing message out of nothing")
		}
		return nil
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-waiting
		cancel()
	}()
	if _, err := client.Connect(ctx, config); err == nil {
		t.Error("connected all the same")
	}
}

// TestHardwareID holds the rule that a device without an id makes a new one and
// shows none of its old licenses, and that an id that is given wins.
func TestHardwareID(t *testing.T) {
	config, _ := device(t, serve(t, nil, validClient(logOn)))
	connect := func() *client.Session {
		s, err := client.Connect(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		return s
	}
	first := connect().HardwareID
	if err := config.Store.Put(license("a", "P", "one")); err != nil {
		t.Fatal(err)
	}
	if again := connect().HardwareID; again != first || len(config.Store.Licenses()) != 1 {
		t.Errorf("the id changed from %v to %v, or the license went", first, again)
	}
	if err := config.Store.Wipe(false, true); err != nil {
		t.Fatal(err)
	}
	second := connect().HardwareID
	if second == first || len(config.Store.Licenses()) != 0 {
		t.Errorf("the id is %v after %v, and %d licenses are left", second, first, len(config.Store.Licenses()))
	}
	if err := config.Store.Put(license("a", "P", "one")); err != nil {
		t.Fatal(err)
	}
	config.HardwareID = id
	if got := connect().HardwareID; got != id || len(config.Store.Licenses()) != 1 {
		t.Errorf("id %v, want %v, and the license kept", got, id)
	}
}
