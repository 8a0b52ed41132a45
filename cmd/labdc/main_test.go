package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/program"
	"github.com/tslab/tslab/wire/enroll"
)

// run runs labdc and returns its exit code and what it printed, errors last.
func labdc(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out, errs bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // one that serves is wrong
	defer cancel()
	code := cli.Run(ctx, command(), append([]string{"labdc"}, args...), &out, &errs)
	return code, out.String() + errs.String()
}

// server is a labdc that serves.
type server struct {
	state, secret string
	enroll, dns   string
}

func serveDomain(t *testing.T, flags ...string) server {
	t.Helper()
	dir := t.TempDir()
	s := server{state: filepath.Join(dir, "dc"), secret: filepath.Join(dir, "secret")}
	if err := os.WriteFile(s.secret, []byte("correct horse battery\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	var errs bytes.Buffer
	args := append([]string{"labdc", "--state", s.state, "--host", "dc1", "--domain", "corp.example", "--join-secret-file", s.secret,
		"--listen", "127.0.0.1:0", "--listen-dns", "127.0.0.1:0", "--address", "127.0.0.1", "--site", "127.0.0.0/8=Oslo"}, flags...)
	go func() { ended <- cli.Run(ctx, command(), args, &bytes.Buffer{}, &errs) }()
	t.Cleanup(func() {
		cancel()
		if code := <-ended; code != 0 && code != cli.CodeInterrupted {
			t.Errorf("labdc ended with %d: %s", code, errs.String())
		}
	})
	end := time.Now().Add(10 * time.Second)
	for s.enroll == "" && time.Now().Before(end) {
		events, _ := eventlog.ReadFile(filepath.Join(s.state, program.EventsName))
		for _, e := range events {
			if e.Name == eventlog.ProgramReady.Name {
				s.enroll = e.Fields["address"]
			}
		}
		<-time.After(5 * time.Millisecond)
	}
	if s.enroll == "" {
		t.Fatalf("labdc is not ready: %s", errs.String())
	}
	var now status
	if err := control.Call(t.Context(), s.state, "status", nil, &now); err != nil {
		t.Fatal(err)
	}
	s.dns = now.DNS
	return s
}

// TestByHand is what an administrator does, by commands.
func TestByHand(t *testing.T) {
	s := serveDomain(t, "--record", "ls9 A 10.0.0.9")
	for _, tt := range []struct {
		args []string
		code int
		want string // in what it prints
	}{
		{[]string{"record", "add", "ts1", "A", "10.0.0.2"}, 0, ""},
		{[]string{"record", "add", "_ldap._tcp.dc._msdcs 60 SRV 0 100 389 dc4"}, 0, ""},
		{[]string{"record", "list"}, 0, "ts1.corp.example. 60 IN A 10.0.0.2\n"},
		{[]string{"record", "list"}, 0, "_ldap._tcp.dc._msdcs.corp.example. 60 IN SRV 0 100 389 dc4.corp.example.\n"},
		{[]string{"record", "list", "--json"}, 0, `"ls9.corp.example.\t60\tIN\tA\t10.0.0.9"`},
		{[]string{"record", "remove", "ts1", "A", "10.0.0.3"}, 3, "ts1 has no such record"},
		{[]string{"record", "remove", "ts1", "A", "10.0.0.2"}, 0, ""},
		{[]string{"record", "remove", "ts1"}, 3, "ts1 has no such record"},
		{[]string{"record", "remove", "ls9", "TXT"}, 1, "there are no TXT records here"},
		{[]string{"record", "add", "ts1"}, 1, "want NAME TYPE DATA"},
		{[]string{"record", "add"}, 2, "an argument is missing"},
		{[]string{"stale", "ls9"}, 0, ""},
		{[]string{"hide", "dc4"}, 0, ""},
		{[]string{"show"}, 0, "NAME               FAULT\nls9.corp.example.  stale\ndc4.corp.example.  hidden\n"},
		{[]string{"stale", "--off", "ls9"}, 0, ""},
		{[]string{"hide", "a.example.org."}, 1, "is in no zone of this server"},
		{[]string{"group", "add", "ts1", "Terminal Server Computers"}, 0, ""},
		{[]string{"group", "add", "ts1", "Domain Controllers"}, 1, "comes with the role"},
		{[]string{"group", "remove", "ts1", "Terminal Server Computers"}, 0, ""},
		{[]string{"site", "set", "10.1.0.0/16", "Bergen"}, 0, ""},
		{[]string{"show"}, 0, "127.0.0.0/8  Oslo\n10.1.0.0/16  Bergen\n"},
		{[]string{"site", "remove", "10.1.0.0/16"}, 0, ""},
		{[]string{"site", "set", "10.1.0.0", "Bergen"}, 2, "no '/'"},
		{[]string{"site", "set", "10.1.0.0/16", "a,b"}, 1, `site "a,b"`},
		{[]string{"show", "--json"}, 0, `"domain":"corp.example"`},
	} {
		words := len(tt.args)
		at := 1
		if words > 1 && (tt.args[0] == "record" || tt.args[0] == "group" || tt.args[0] == "site") {
			at = 2
		}
		args := append(append(append([]string{}, tt.args[:at]...), "--state", s.state), tt.args[at:]...)
		if code, out := labdc(t, args...); code != tt.code || !strings.Contains(out, tt.want) {
			t.Errorf("labdc %v: status %d, %q; want %d and %q", tt.args, code, out, tt.code, tt.want)
		}
	}
}

// TestJoinCommand: a tool's folder gets a membership, and the host its name.
func TestJoinCommand(t *testing.T) {
	s := serveDomain(t)
	state := filepath.Join(t.TempDir(), "licmgr")
	code, out := labdc(t, "join", "--domain", "corp.example", "--dc", s.enroll, "--dns", s.dns, "--join-secret-file", s.secret, "--state", state, "--host", "Admin1")
	if code != 0 || !strings.Contains(out, "member of corp.example: site Oslo, groups Domain Computers") {
		t.Fatalf("status %d, %s", code, out)
	}
	id, err := identity.LoadOrCreate(state, "Admin1")
	if err != nil {
		t.Fatal(err)
	}
	m, err := id.LoadMembership()
	if err != nil || m.FQDN() != "admin1.corp.example" || m.In(enroll.GroupLicenseServers) {
		t.Errorf("%+v, %v", m, err)
	}
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.dns)
	}}
	addrs, err := resolver.LookupNetIP(t.Context(), "ip4", "admin1.corp.example.")
	if err != nil || len(addrs) != 1 || addrs[0].Unmap() != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("the name is %v, %v", addrs, err)
	}
	if code, out := labdc(t, "join", "--domain", "corp.example", "--dc", s.enroll, "--dns", s.dns, "--state", state, "--host", "admin1"); code != 0 {
		t.Errorf("once more, without the secret: %d, %s", code, out)
	}
	if code, out := labdc(t, "join", "--domain", "other.example", "--dc", s.enroll, "--join-secret-file", s.secret, "--state", state, "--host", "admin1"); code != 1 ||
		!strings.Contains(out, "this is a domain controller of corp.example, not of other.example") {
		t.Errorf("another domain: %d, %s", code, out)
	}
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("correct horse battery"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	base := []string{"--state", filepath.Join(dir, "dc"), "--domain", "corp.example", "--join-secret-file", secret, "--listen", "127.0.0.1:0", "--listen-dns", "127.0.0.1:0"}
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "say --state DIR"},
		{base[:2], 2, "say --domain NAME"},
		{base[:4], 2, "say --join-secret-file FILE; `openssl rand -hex 16 > FILE` makes one"},
		{append(base[:4:4], "--join-secret-file", filepath.Join(dir, "none")), 1, "join secret: open "},
		{append(base[:4:4], "--join-secret-file", file("\n")), 1, "is empty"},
		{append(base[:6:6], "--site", "10.0.0.0/16"), 2, "want a subnet and a site, as in 10.0.0.0/16 Oslo"},
		{append(base[:6:6], "--site-map", file("# map\n10.0.0.0/16 Oslo\nx Bergen\n")), 2, `site map: "x Bergen"`},
		{append(base[:6:6], "--forward", "x"), 2, "want ZONE=ADDR"},
		{append(base[:6:6], "--address", "x"), 2, "--address"},
		{append(base[:6:6], "--trust", secret), 1, "holds no certificate in PEM"},
		{append(base[:6:6], "--listen", "127.0.0.1:0", "--listen-dns", taken.Addr().String()), 1, "is in use by another name server; stop it or choose another --listen-dns"},
		{append(base[2:], "--state", t.TempDir(), "--host", "DC_1"), 1, `host name "dc_1"`},
		{append(base, "x"), 2, `unexpected argument "x"`},
		{[]string{"show", "--state", dir}, 1, "start the domain controller first"},
		{[]string{"join"}, 2, "say --domain NAME, the domain to join"},
		{[]string{"join", "--dc", "x"}, 2, "--dc and --join-secret-file need --domain"},
	} {
		if code, out := labdc(t, tt.args...); code != tt.code || !strings.Contains(out, tt.want) {
			t.Errorf("labdc %v: status %d, %q; want %d and %q", tt.args, code, out, tt.code, tt.want)
		}
	}
}

// TestSiteMapFile: comments and blank lines do not count.
func TestSiteMapFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "map")
	if err := os.WriteFile(path, []byte("# the map\n\n10.0.0.0/16\tOslo # main\n10.1.0.0/16 Bergen\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serveDomain(t, "--site-map", path)
	_, out := labdc(t, "show", "--json", "--state", s.state)
	var now status
	if err := json.Unmarshal([]byte(out), &now); err != nil || len(now.Subnets) != 3 {
		t.Errorf("%+v, %v", now.Subnets, err)
	}
}
