//go:build unix

package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/codes"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/tsls"
)

// asServer in the environment makes the test binary the license server.
const asServer = "TSLAB_TEST_AS_LSERVER"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		main()
	}
	os.Exit(m.Run())
}

// process is a running license server.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	addr  string
	ended chan error
}

// command prepares a license server process.
func lserver(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), asServer+"=1")
	return cmd
}

// start starts a license server on the state folder dir and waits until it is ready:
// its event log is a pipe.
func start(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	events := filepath.Join(t.TempDir(), "events")
	if err := syscall.Mkfifo(events, 0o600); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, ended: make(chan error, 1)}
	p.cmd = lserver(t, append([]string{"--state", dir, "--host", "ls1", "--listen", "127.0.0.1:0", "--seed", "7", "--events", events}, args...)...)
	p.cmd.Stderr = t.Output()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill() })
	ready := make(chan string, 1)
	go func() {
		follow(t, events, ready)
		p.ended <- p.cmd.Wait()
	}()
	select {
	case p.addr = <-ready:
	case <-time.After(30 * time.Second):
		t.Fatal("lserver is not ready after 30 s")
	}
	return p
}

// follow reads the pipe to its end and reports the address of program.ready.
func follow(t *testing.T, events string, ready chan<- string) {
	f, err := os.Open(events)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		e, err := eventlog.Decode(lines.Bytes())
		if err == nil && e.Name == eventlog.ProgramReady.Name {
			ready <- e.Fields["address"]
		}
	}
}

// kill ends the process as a power cut would.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	<-p.ended
}

// stop ends the process as an administrator does.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	if err := <-p.ended; err != nil {
		p.t.Errorf("lserver after SIGTERM: %v", err)
	}
}

// license activates the server and installs n CALs, as licmgr and the clearinghouse
// do together.
func license(t *testing.T, addr string, n uint32) {
	t.Helper()
	me, err := identity.LoadOrCreate(t.TempDir(), "tool")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, err := transport.Dial(ctx, addr, me.ClientTLS(addr, identity.OpenPins(t.TempDir()), nil), tsls.Hello{Program: "licmgr"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answer, err := conn.Call(ctx, tsls.GetActivationRequest{Company: "Test"})
	if err != nil {
		t.Fatal(err)
	}
	activation, pack := clearinghouse(t, answer.(tsls.ActivationRequest).Document, n)
	for _, m := range []tsls.Message{tsls.Activate{Document: activation}, tsls.InstallKeyPack{Document: pack}} {
		if _, err := conn.Call(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
}

// clearinghouse answers an activation request, with a key pack besides.
func clearinghouse(t *testing.T, request []byte, n uint32) (activation, pack []byte) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	root, err := enroll.CreateRoot("Test Clearinghouse", key)
	check(err)
	r, err := enroll.ParseActivationRequest(request)
	check(err)
	public, err := x509.ParsePKIXPublicKey(r.PublicKey)
	check(err)
	cert, err := enroll.CreateServerCertificate(public, root, key)
	check(err)
	id := codes.ServerID(cert)
	activation, err = enroll.Activation{Server: r.Server, Company: r.Company, ServerID: id, Issued: r.Issued,
		Certificate: cert.Raw, Root: root.Raw}.Sign(key)
	check(err)
	packID, err := codes.PackID(nil, id, codes.Pack{Count: n})
	check(err)
	pack, err = enroll.KeyPack{PackID: packID, ServerID: id, Kind: "CAL", Product: "Windows 2000",
		Program: "License Code", Major: 5, Count: n, Issued: r.Issued}.Sign(key)
	check(err)
	return activation, pack
}
