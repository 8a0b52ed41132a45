package domain_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"github.com/tslab/tslab/discovery"
	"github.com/tslab/tslab/discovery/dc"
	"github.com/tslab/tslab/discovery/domain"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/wire/enroll"
)

var secret = []byte("correct horse battery")

// controller is a domain controller that serves on loopback.
type controller struct {
	*dc.Controller
	dns, enroll string
	stop        func()
}

func serve(t *testing.T, name, file string) controller {
	t.Helper()
	forest, err := dc.OpenForest(file, name)
	if err != nil {
		t.Fatal(err)
	}
	server, err := dc.New(dc.Config{
		Host: "dc1", Domain: name, Dir: t.TempDir(), Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Forest: forest, Secret: secret,
		Subnets: []dc.Subnet{{Prefix: netip.MustParsePrefix("127.0.0.0/8"), Site: "Oslo"}},
		Log:     eventlog.New(&bytes.Buffer{}, "dc1", dc.Program, clock.System{}, nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := sockets(t)
	c := controller{Controller: server, dns: s.UDP.LocalAddr().String(), enroll: s.Enroll.Addr().String()}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, s) }()
	c.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(c.stop)
	return c
}

// sockets are DNS by UDP and TCP on one port, and one for the rest.
func sockets(t *testing.T) (s dc.Sockets) {
	t.Helper()
	var err error
	for range 20 {
		if s.TCP, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if s.UDP, err = net.ListenPacket("udp", s.TCP.Addr().String()); err == nil {
			break
		}
		s.TCP.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if s.Enroll, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return s
}

// journal is an event log; enter adds to it.
type journal struct{ bytes.Buffer }

func (j *journal) log() *eventlog.Log { return eventlog.New(j, "ts1", "termsrv", clock.System{}, nil) }

func (j *journal) last(t *testing.T) eventlog.Event {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(j.String()), "\n")
	var e eventlog.Event
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func load(t *testing.T, dir, name string) *identity.Identity {
	t.Helper()
	id, err := identity.LoadOrCreate(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestEnter(t *testing.T) {
	c := serve(t, "corp.example", filepath.Join(t.TempDir(), "forest.pem"))
	var j journal
	dir := t.TempDir()
	config := domain.Config{Domain: "corp.example", Controller: c.enroll, DNS: c.dns, Role: enroll.RoleLicenseServer, Secret: secret, Log: j.log()}
	d, err := domain.Enter(t.Context(), load(t, dir, "ls1"), config)
	if err != nil {
		t.Fatal(err)
	}
	if e := j.last(t); e.Text != "member of corp.example: site Oslo, groups Domain Computers, Terminal Server License Servers" {
		t.Errorf("event %q", e.Text)
	}
	addrs, err := discovery.ResolverAt(c.dns).LookupNetIP(t.Context(), "ip4", "ls1.corp.example.")
	if err != nil || len(addrs) != 1 || addrs[0].Unmap().String() != "127.0.0.1" {
		t.Errorf("the name is %v (%v)", addrs, err)
	}
	pointers, err := dns.Exchange(new(dns.Msg).SetQuestion("1.0.0.127.in-addr.arpa.", dns.TypePTR), c.dns)
	if err != nil || !strings.Contains(pointers.String(), "PTR\tls1.corp.example.") {
		t.Errorf("the address is %v (%v)", pointers, err)
	}
	if _, err := d.EnterSite(t.Context(), "3343"); err != nil {
		t.Error(err)
	}
	want := discovery.Site{Name: "Oslo", Enterprise: "127.0.0.1:3343", DistinguishedName: enroll.DistinguishedName("Oslo", "corp.example")}
	if site, err := d.Site(t.Context()); err != nil || site != want {
		t.Errorf("%+v, %v; want %+v", site, err, want)
	}
	if err := d.LeaveSite(t.Context()); err != nil {
		t.Error(err)
	}
	if site, err := d.Site(t.Context()); err != nil || site.Enterprise != "" {
		t.Errorf("after leaving: %+v, %v", site, err)
	}

	c.stop() // and the next start finds no domain controller
	config.Secret = nil
	d, err = domain.Enter(t.Context(), load(t, dir, "ls1"), config)
	if err != nil || d.Membership().FQDN() != "ls1.corp.example" {
		t.Fatalf("without a domain controller: %v", err)
	}
	if e := j.last(t); e.Name != eventlog.MembershipKept.Name {
		t.Errorf("event %q", e.Text)
	}
	if _, err := d.Site(t.Context()); err == nil {
		t.Error("a dead domain controller answers")
	}
	if _, err := domain.Enter(t.Context(), load(t, t.TempDir(), "ls2"), config); err == nil {
		t.Error("who never was a member enters without a domain controller")
	}
}

// TestEnterByName: the domain controllers come from DNS, and one that is gone is passed
// over.
func TestEnterByName(t *testing.T) {
	c := serve(t, "corp.example", filepath.Join(t.TempDir(), "forest.pem"))
	for _, record := range []string{"dc9 A 127.0.0.1", "gone AAAA ::1", "_ldap._tcp.dc._msdcs SRV 0 50 389 nowhere"} {
		if err := c.AddRecord(record); err != nil {
			t.Fatal(err)
		}
	}
	var j journal
	_, err := domain.Enter(t.Context(), load(t, t.TempDir(), "ts1"), domain.Config{
		Domain: "corp.example", Role: enroll.RoleTerminalServer, Secret: secret, Log: j.log(), Resolver: discovery.ResolverAt(c.dns),
	})
	// Port 3346 of this machine is nobody's: what counts is whom it asked.
	if err == nil || !strings.Contains(err.Error(), "domain controller 127.0.0.1:3346") {
		t.Errorf("%v", err)
	}
	_, err = domain.Enter(t.Context(), load(t, t.TempDir(), "ts1"), domain.Config{
		Domain: "other.example", Role: enroll.RoleTerminalServer, Secret: secret, Log: j.log(), Resolver: discovery.ResolverAt(c.dns),
	})
	if err == nil || !strings.Contains(err.Error(), "domain controllers of other.example") || !strings.Contains(err.Error(), "name one with --dc") {
		t.Errorf("a domain that nobody knows: %v", err)
	}
}

// TestMove: a membership counts for its domain, its role and its name.
func TestMove(t *testing.T) {
	corp := serve(t, "corp.example", filepath.Join(t.TempDir(), "forest.pem"))
	other := serve(t, "other.example", filepath.Join(t.TempDir(), "forest.pem"))
	var j journal
	dir := t.TempDir()
	enter := func(name, in string, at controller, role string, secret []byte) (*domain.Domain, error) {
		return domain.Enter(t.Context(), load(t, dir, name), domain.Config{Domain: in, Controller: at.enroll, DNS: at.dns, Role: role, Secret: secret, Log: j.log()})
	}
	if _, err := enter("ts1", "corp.example", corp, enroll.RoleTerminalServer, secret); err != nil {
		t.Fatal(err)
	}
	if _, err := enter("ts1", "corp.example", corp, enroll.RoleTerminalServer, []byte("the wrong secret")); err == nil {
		t.Error("a domain controller that refuses is no silent one")
	}
	if _, err := enter("ts1", "corp.example", corp, enroll.RoleLicenseServer, nil); err == nil || !strings.Contains(err.Error(), "no join secret") {
		t.Errorf("another role without the secret: %v", err)
	}
	d, err := enter("ts1", "other.example", other, enroll.RoleTerminalServer, secret)
	if err != nil || d.Membership().Domain != "other.example" {
		t.Fatalf("the next domain: %v", err)
	}
	d, err = enter("ts2", "other.example", other, enroll.RoleTerminalServer, secret)
	if err != nil || d.Membership().Host != "ts2" {
		t.Errorf("another name: %v", err)
	}
	if _, err := enter("ts2", "Other", other, enroll.RoleTerminalServer, secret); err == nil {
		t.Error("a domain that is no name")
	}
}

// TestNotRegistered: a name that cannot be registered holds nobody up.
func TestNotRegistered(t *testing.T) {
	c := serve(t, "corp.example", filepath.Join(t.TempDir(), "forest.pem"))
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	var j journal
	_, err = domain.Enter(t.Context(), load(t, t.TempDir(), "ts1"), domain.Config{
		Domain: "corp.example", Controller: c.enroll, DNS: closed.Addr().String(), Role: enroll.RoleHost, Secret: secret, Log: j.log(),
	})
	if e := j.last(t); err != nil || e.Name != eventlog.NameNotRegistered.Name || !strings.HasPrefix(e.Text, "ts1.corp.example is not in the DNS: name server 127.0.0.1:") {
		t.Errorf("%v, event %q", err, e.Text)
	}
}

// elsewhere is a DNS that names one domain controller.
type elsewhere struct {
	discovery.Resolver
	addr string
}

func (e elsewhere) LookupSRV(context.Context, string, string, string) (string, []*net.SRV, error) {
	return "", []*net.SRV{{Target: "dc1.corp.example."}}, nil
}

func (e elsewhere) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	a, err := netip.ParseAddr(e.addr)
	return []netip.Addr{a}, err
}

// TestOnController: whether DNS names this host as a domain controller.
func TestOnController(t *testing.T) {
	c := serve(t, "corp.example", filepath.Join(t.TempDir(), "forest.pem"))
	var j journal
	for i, tt := range []struct {
		resolver discovery.Resolver
		on, told bool
	}{
		{discovery.ResolverAt(c.dns), true, true},
		{elsewhere{addr: "192.0.2.1"}, false, true},
		{elsewhere{addr: "::ffff:127.0.0.1"}, true, true},
		{elsewhere{addr: "gone"}, false, false},
	} {
		d, err := domain.Enter(t.Context(), load(t, t.TempDir(), "ls1"), domain.Config{
			Domain: "corp.example", Controller: c.enroll, DNS: c.dns, Role: enroll.RoleLicenseServer, Secret: secret, Log: j.log(), Resolver: tt.resolver,
		})
		if err != nil {
			t.Fatal(err)
		}
		if on, err := d.OnController(t.Context()); on != tt.on || (err == nil) != tt.told {
			t.Errorf("%d: %v, %v", i, on, err)
		}
	}
}
