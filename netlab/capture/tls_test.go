//go:build linux

package capture

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// said is what one end wrote to the wire.
type said struct {
	direction int
	b         []byte
}

// wiretap keeps what both ends write, in order.
type wiretap struct {
	mu  sync.Mutex
	all []said
}

// tapped is an end whose writes are kept.
type tapped struct {
	net.Conn
	tap       *wiretap
	direction int
}

func (c tapped) Write(b []byte) (int, error) {
	c.tap.keep(c.direction, b)
	return c.Conn.Write(b)
}

func (t *wiretap) keep(direction int, b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, said{direction, bytes.Clone(b)})
}

// sofar is what was written so far; an end may still be at it.
func (t *wiretap) sofar() []said {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.all)
}

// certificate is a server's, for these tests.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// loopback is a stream connection whose both ends are tapped.
func loopback(t *testing.T, tap *wiretap) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	return tapped{c, tap, fromClient}, tapped{s, tap, fromServer}
}

// exchange lets two ends of TLS say lines in turn.
func exchange(t *testing.T, tap *wiretap, lines []string) (keyLog []byte) {
	t.Helper()
	return exchangeOf(t, tap, "lines", lines)
}

// exchangeOf is exchange of a protocol that ALPN names.
func exchangeOf(t *testing.T, tap *wiretap, alpn string, lines []string) (keyLog []byte) {
	t.Helper()
	var log bytes.Buffer
	c, s := loopback(t, tap)
	server := tls.Server(s, &tls.Config{Certificates: []tls.Certificate{certificate(t)}, MinVersion: tls.VersionTLS13, NextProtos: []string{alpn}})
	client := tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{alpn}, KeyLogWriter: &log, MinVersion: tls.VersionTLS13})
	ends := [2]*tls.Conn{client, server}
	failed := make(chan error, 1)
	go func() { failed <- server.Handshake() }()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	for i, line := range lines {
		go func() {
			_, err := io.WriteString(ends[i%2], line)
			failed <- err
		}()
		if _, err := io.ReadFull(ends[1-i%2], make([]byte, len(line))); err != nil {
			t.Fatal(err)
		}
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
	return log.Bytes()
}

// heard is what a reader with these keys makes of it, given so many bytes at once.
func heard(tap *wiretap, keyLog []byte, chunk int) (l listener, t *tlsReader) {
	t = &tlsReader{secrets: parseSecrets(keyLog), clear: &l}
	for _, s := range tap.sofar() {
		for b := s.b; len(b) > 0; {
			n := min(len(b), chunk)
			t.data(s.direction, b[:n], origin{})
			b = b[n:]
		}
	}
	return l, t
}

func TestTLSIsRead(t *testing.T) {
	tap := &wiretap{}
	lines := []string{"a question", "an answer", strings.Repeat("a long one ", 4000), "\x00zeros at the end\x00\x00", "x", ""}
	keyLog := exchange(t, tap, lines[:5])
	want := [2]string{lines[0] + lines[2] + lines[4], lines[1] + lines[3]}
	for _, chunk := range []int{1, 7, 1400, 1 << 20} {
		l, _ := heard(tap, keyLog, chunk)
		if got := [2]string{l.said[0].String(), l.said[1].String()}; got != want {
			t.Errorf("%d bytes at once: %.80q, want %.80q", chunk, got, want)
		}
	}
	for name, log := range map[string][]byte{
		"no keys":            nil,
		"another's keys":     exchange(t, &wiretap{}, nil),
		"a server's missing": bytes.ReplaceAll(keyLog, []byte("SERVER_TRAFFIC_SECRET_0"), []byte("SERVER_OTHER")),
	} {
		l, reader := heard(tap, log, 1400)
		if l.said[0].Len() > 0 && name != "a server's missing" || l.said[1].Len() > 0 || !reader.blind {
			t.Errorf("%s: %.40q and %.40q were read", name, l.said[0].String(), l.said[1].String())
		}
	}
	// A record that is damaged ends the reading: what follows would be guesswork.
	last := tap.all[len(tap.all)-1].b
	last[len(last)-1] ^= 1
	if l, reader := heard(tap, keyLog, 1400); strings.HasSuffix(l.said[0].String(), "x") || !reader.blind {
		t.Errorf("a damaged record was read: %.40q", l.said[0].String())
	}
}

// Another implementation, the other cipher suite, and keys that change on the way.
func TestTLSOfOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("openssl is needed: run make deps")
	}
	for _, suite := range []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"} {
		t.Run(suite, func(t *testing.T) {
			tap := &wiretap{}
			keyLog := openSSL(t, tap, openssl, suite)
			l, reader := heard(tap, keyLog, 100)
			if got, want := l.said[fromClient].String(), "before\nafter one\nafter both\n"; got != want || reader.blind {
				t.Errorf("the client said %q, want %q; blind: %v", got, want, reader.blind)
			}
			if got, want := l.said[fromServer].String(), "BEFORE\nAFTER ONE\nAFTER BOTH\n"; got != want {
				t.Errorf("the server said %q, want %q", got, want)
			}
		})
	}
	t.Run("a suite that is not read", func(t *testing.T) {
		tap := &wiretap{}
		keyLog := openSSL(t, tap, openssl, "TLS_CHACHA20_POLY1305_SHA256")
		if l, reader := heard(tap, keyLog, 1400); !reader.blind || l.said[0].Len()+l.said[1].Len() > 0 {
			t.Errorf("%q and %q were read", l.said[0].String(), l.said[1].String())
		}
	})
}

// serverEnd is the server's end of a connection whose client is another program.
type serverEnd struct {
	net.Conn
	tap *wiretap
}

func (c serverEnd) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.tap.keep(fromClient, b[:n])
	return n, err
}

func (c serverEnd) Write(b []byte) (int, error) {
	c.tap.keep(fromServer, b)
	return c.Conn.Write(b)
}

// openSSL lets openssl talk to a server that repeats every line in capitals. Between
// the lines it changes its keys, then asks for both to be changed.
func openSSL(t *testing.T, tap *wiretap, openssl, suite string) (keyLog []byte) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const patience = 20 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client := exec.CommandContext(ctx, openssl, "s_client", "-unix", l.Addr().String(), "-tls1_3", "-ciphersuites", suite)
	in, err := client.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	told, err := client.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	defer client.Wait()
	updates := make(chan struct{})
	go func() {
		defer close(updates)
		for words := bufio.NewScanner(told); words.Scan(); {
			if words.Text() == "KEYUPDATE" {
				updates <- struct{}{}
			}
		}
	}()
	defer in.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	server := tls.Server(serverEnd{conn, tap}, &tls.Config{Certificates: []tls.Certificate{certificate(t)}, MinVersion: tls.VersionTLS13, KeyLogWriter: &log})
	lines := make(chan string)
	go func() {
		defer close(lines)
		for r := bufio.NewReader(server); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			lines <- line
		}
	}()
	say := func(text string) {
		if _, err := io.WriteString(in, text); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct{ command, line string }{{"", "before\n"}, {"k\n", "after one\n"}, {"K\n", "after both\n"}} {
		if step.command != "" {
			say(step.command)
			<-updates // a line would be taken for a part of the command
		}
		say(step.line)
		if line := <-lines; line != step.line {
			t.Fatalf("the server hears %q, want %q", line, step.line)
		}
		if _, err := io.WriteString(server, strings.ToUpper(step.line)); err != nil {
			t.Fatal(err)
		}
	}
	return log.Bytes()
}
