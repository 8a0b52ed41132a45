package dc

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/wire/enroll"
)

func TestJoin(t *testing.T) {
	l := start(t, nil)
	if err := l.SetGroup("ts1", enroll.GroupTerminalServers, true); err != nil {
		t.Fatal(err)
	}
	id := host(t, "TS1.corp.example") // as the machine may call itself
	m := l.join(t, id, enroll.RoleTerminalServer)
	if m.FQDN() != "ts1.corp.example" || !m.In(enroll.GroupTerminalServers) || m.Site != "Oslo" || m.UpdateName != "ts1.corp.example." {
		t.Errorf("%+v", m)
	}
	want := "ts1 joined corp.example as termsrv from 127.0.0.1: site Oslo, groups Domain Computers, Terminal Server Computers"
	if got := l.await(t, "host.joined"); got != want {
		t.Errorf("event %q, want %q", got, want)
	}
	other := l.join(t, host(t, "ls1"), enroll.RoleLicenseServer)
	if other.GossipKey != m.GossipKey || other.SiteKey != m.SiteKey || other.SiteKey == other.GossipKey || other.UpdateKey == m.UpdateKey {
		t.Error("gossip keys are the domain's and the site's, update keys each host's own")
	}
	if _, err := m.Check(other.Certificate); err != nil {
		t.Errorf("members do not know each other: %v", err)
	}
	if _, err := id.LoadMembership(); err != nil {
		t.Errorf("the membership is not stored: %v", err)
	}
	if err := id.Leave(); err != nil {
		t.Error(err)
	}
	if _, err := id.LoadMembership(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after leaving: %v", err)
	}
}

// TestRenew: a member needs no secret, in the role that it has.
func TestRenew(t *testing.T) {
	l := start(t, nil)
	id := host(t, "ts1")
	l.join(t, id, enroll.RoleTerminalServer)
	if err := l.SetGroup("ts1", "Terminal Server Computers", true); err != nil {
		t.Fatal(err)
	}
	m, err := id.Join(t.Context(), l.controller(), identity.JoinOptions{Domain: "corp.example", Role: enroll.RoleTerminalServer})
	if err != nil || !m.In(enroll.GroupTerminalServers) {
		t.Errorf("%+v, %v", m, err)
	}
	_, err = id.Join(t.Context(), l.controller(), identity.JoinOptions{Domain: "corp.example", Role: enroll.RoleLicenseServer})
	if err == nil || !strings.Contains(err.Error(), "ts1 is no member as lserver: show the join secret") {
		t.Errorf("another role: %v", err)
	}
	if err := l.SetGroup("ts1", enroll.GroupTerminalServers, false); err != nil {
		t.Fatal(err)
	}
	if m := l.join(t, id, enroll.RoleTerminalServer); m.In(enroll.GroupTerminalServers) {
		t.Error("still in the group")
	}
}

func TestJoinRefused(t *testing.T) {
	l := start(t, nil)
	for _, tt := range []struct {
		name string
		o    identity.JoinOptions
		want string
	}{
		{"wrong secret", identity.JoinOptions{Domain: "corp.example", Secret: []byte("not the right one")}, "the join secret is another one: give the file that the domain controller has"},
		{"wrong domain", identity.JoinOptions{Domain: "other.example", Secret: []byte(testSecret)}, "this is a domain controller of corp.example, not of other.example"},
		{"as a domain controller", identity.JoinOptions{Domain: "corp.example", Role: enroll.RoleController, Secret: []byte(testSecret)}, "a domain controller does not join"},
		{"no secret", identity.JoinOptions{Domain: "corp.example"}, "give it with --join-secret-file"},
		{"no role", identity.JoinOptions{Domain: "corp.example", Role: "king", Secret: []byte(testSecret)}, "there is no role king"},
	} {
		id := host(t, "ts1")
		_, err := id.Join(t.Context(), l.controller(), tt.o)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
		if id.Membership() != nil {
			t.Errorf("%s: a member all the same", tt.name)
		}
	}
	if got := l.log.events(t, "host.refused"); len(got) != 3 {
		t.Errorf("events %q", got)
	}
}

// TestStrangerInTheWay: a domain controller without the secret convinces nobody, and
// one of another forest convinces no member.
func TestStrangerInTheWay(t *testing.T) {
	l := start(t, nil)
	rogue := start(t, func(c *Config) { c.Secret = []byte("another secret of his") })
	id := host(t, "ts1")
	if _, err := id.Join(t.Context(), rogue.controller(), identity.JoinOptions{Domain: "corp.example", Secret: []byte(testSecret)}); err == nil {
		t.Error("joined a stranger")
	}
	l.join(t, id, enroll.RoleHost)
	if _, err := id.QuerySite(t.Context(), rogue.controller()); err == nil || !strings.Contains(err.Error(), "not of this forest") {
		t.Errorf("a member believes a stranger: %v", err)
	}
	member := start(t, nil) // plays the domain controller with a mere member's identity
	other := host(t, "ls1")
	l.join(t, other, enroll.RoleLicenseServer)
	member.stop()
	member.id = other
	sockets := listen(t)
	sockets.UDP.Close()
	sockets.TCP.Close()
	go member.serveEnroll(t.Context(), sockets.Enroll)
	_, err := id.QuerySite(t.Context(), identity.Controller{Addr: sockets.Enroll.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), `ls1.corp.example does not belong to the group "Domain Controllers"`) {
		t.Errorf("a member believes another as domain controller: %v", err)
	}
}

func TestSite(t *testing.T) {
	l := start(t, nil)
	const entry = "CN=TS-Enterprise-License-Server,CN=Oslo,CN=sites,CN=configuration,DC=corp,DC=example"
	stranger := host(t, "ts9")
	a, err := stranger.QuerySite(t.Context(), l.controller())
	if err != nil || a.Site != "Oslo" || a.DistinguishedName != entry || a.Server != "" {
		t.Errorf("%+v, %v", a, err)
	}
	if got := l.await(t, "site.asked"); got != "ts9 asked about its site: Oslo, "+entry+", license server none" {
		t.Errorf("event %q", got)
	}
	ls := host(t, "ls1")
	l.join(t, ls, enroll.RoleLicenseServer)
	if a, err = ls.EnterSite(t.Context(), l.controller(), ":3343"); err != nil || a.Address != "127.0.0.1:3343" {
		t.Errorf("%+v, %v", a, err)
	}
	if got := l.await(t, "site.entered"); got != entry+" names the license server ls1" {
		t.Errorf("event %q", got)
	}
	if a, err = stranger.QuerySiteOf(t.Context(), l.controller(), "oslo"); err != nil || a.Server != "ls1" || a.Address != "127.0.0.1:3343" || a.Site != "Oslo" {
		t.Errorf("%+v, %v", a, err)
	}
	if err := l.SetSubnet(netip.MustParsePrefix("127.0.0.0/8"), "Bergen"); err != nil {
		t.Fatal(err)
	}
	if a, err = stranger.QuerySite(t.Context(), l.controller()); err != nil || a.Site != "Bergen" || a.Server != "" {
		t.Errorf("after the subnet has moved: %+v, %v", a, err)
	}
	if err := l.SetSubnet(netip.MustParsePrefix("127.0.0.0/8"), ""); err != nil {
		t.Fatal(err)
	}
	if a, err = stranger.QuerySite(t.Context(), l.controller()); err != nil || a.Site != "" || a.DistinguishedName != "" {
		t.Errorf("in no site: %+v, %v", a, err)
	}
	if _, err = ls.EnterSite(t.Context(), l.controller(), ":3343"); err == nil || !strings.Contains(err.Error(), "127.0.0.1 is in no subnet of the site map") {
		t.Errorf("entry without a site: %v", err)
	}
	ts := host(t, "ts1")
	if _, err := ts.EnterSite(t.Context(), l.controller(), ":3343"); err == nil || !strings.Contains(err.Error(), "join with --domain") {
		t.Errorf("entry of a stranger: %v", err)
	}
	l.join(t, ts, enroll.RoleTerminalServer)
	if _, err := ts.EnterSite(t.Context(), l.controller(), ":3343"); err == nil || !strings.Contains(err.Error(), "ts1.corp.example joined as no license server") {
		t.Errorf("entry of a terminal server: %v", err)
	}
}

// TestEntryTakenBack: by its own license server only, and a later entry counts.
func TestEntryTakenBack(t *testing.T) {
	l := start(t, nil)
	ls1, ls2 := host(t, "ls1"), host(t, "ls2")
	l.join(t, ls1, enroll.RoleLicenseServer)
	l.join(t, ls2, enroll.RoleLicenseServer)
	for _, step := range []struct {
		id            *identity.Identity
		address, want string
	}{
		{ls1, "10.0.0.3:3343", "ls1"}, {ls2, "", "ls1"}, {ls2, "10.0.0.4:3343", "ls2"}, {ls1, "", "ls2"}, {ls2, "", ""},
	} {
		a, err := step.id.EnterSite(t.Context(), l.controller(), step.address)
		if err != nil || a.Server != step.want {
			t.Errorf("%s says %q: %+v, %v; want %q", step.id.Name, step.address, a, err, step.want)
		}
	}
}

// TestForest: two domains of a forest know each other's members and sites, and keep
// their gossip apart.
func TestForest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "forest.pem")
	y := start(t, func(c *Config) { c.Host, c.Domain, c.Forest = "dc2", "y.example", openForest(t, file, "corp.example") })
	x := start(t, func(c *Config) {
		c.Forest, c.Partners = openForest(t, file, "corp.example"), []string{y.enroll}
		c.Forward = map[string]string{"y.example": y.dns}
	})
	ls, ts := host(t, "ls1"), host(t, "ts1")
	mx, my := x.join(t, ls, enroll.RoleLicenseServer), y.join(t, ts, enroll.RoleTerminalServer)
	if _, err := my.Check(mx.Certificate); err != nil {
		t.Errorf("no member of the forest: %v", err)
	}
	if mx.GossipKey == my.GossipKey || mx.SiteKey != my.SiteKey {
		t.Error("gossip keys are of the domain, and of the site across domains")
	}
	if _, err := ls.EnterSite(t.Context(), x.controller(), "10.0.0.3:3343"); err != nil {
		t.Fatal(err)
	}
	y.await(t, "site.entered")
	a, err := ts.QuerySite(t.Context(), y.controller())
	if err != nil || a.Server != "ls1" || !strings.HasSuffix(a.DistinguishedName, "DC=corp,DC=example") {
		t.Errorf("the partner says %+v, %v", a, err)
	}
	if got := x.dig(t, "+short", "dc2.y.example"); got != "127.0.0.1\n" {
		t.Errorf("forwarded: %q", got)
	}
	if out := x.dig(t, "+norecurse", "dc2.y.example"); !strings.Contains(out, "status: REFUSED") {
		t.Errorf("who does not ask for it is forwarded:\n%s", out)
	}
	late := start(t, func(c *Config) {
		c.Host, c.Domain, c.Forest, c.Partners = "dc3", "z.example", openForest(t, file, "corp.example"), []string{y.enroll}
	})
	late.await(t, "site.entered") // asked its partner when it was started
}

// TestTrust: members of a forest that is trusted are members.
func TestTrust(t *testing.T) {
	other := start(t, nil)
	l := start(t, func(c *Config) { c.Trust = []*x509.Certificate{other.config.Forest.Certificate} })
	mine, theirs := l.join(t, host(t, "a"), enroll.RoleHost), other.join(t, host(t, "b"), enroll.RoleHost)
	if _, err := mine.Check(theirs.Certificate); err != nil {
		t.Error(err)
	}
	if _, err := theirs.Check(mine.Certificate); err == nil {
		t.Error("trust has one direction")
	}
}

func TestNewRefuses(t *testing.T) {
	good := Config{Host: "dc1", Domain: "corp.example", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")}, Secret: []byte(testSecret)}
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"host", func(c *Config) { c.Host = "DC1" }, `host name "DC1"`},
		{"domain", func(c *Config) { c.Domain = "corp." }, `domain "corp."`},
		{"secret", func(c *Config) { c.Secret = []byte("short") }, "the join secret has 5 bytes; give 12 or more"},
		{"address", func(c *Config) { c.Addresses = nil }, "give one with --address"},
		{"record", func(c *Config) { c.Records = []string{"ts1 A"} }, `record "ts1 A"`},
		{"record of another zone", func(c *Config) { c.Records = []string{"a.example.org. A 10.0.0.1"} }, "is in no zone of this server"},
		{"type", func(c *Config) { c.Records = []string{"ts1 TXT hello"} }, "A, AAAA, SRV and PTR records are kept here"},
		{"site", func(c *Config) { c.Subnets = []Subnet{{netip.MustParsePrefix("10.0.0.0/8"), "a,b"}} }, `site "a,b"`},
		{"forward", func(c *Config) { c.Forward = map[string]string{"corp.example": "x"} }, "is its own"},
	} {
		c := good
		c.Dir = t.TempDir()
		c.Forest = openForest(t, filepath.Join(c.Dir, "forest.pem"), "corp.example")
		tt.change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
	}
}

// TestNoise: what is no request ends the connection and harms nobody.
func TestNoise(t *testing.T) {
	l := start(t, nil)
	id := host(t, "ts1")
	config := id.ServerTLS(identity.AnyPeer, nil) // for its certificate
	dial := func() *tls.Conn {
		t.Helper()
		conn, err := tls.Dial("tcp", l.enroll, &tls.Config{MinVersion: tls.VersionTLS13, Certificates: config.Certificates,
			NextProtos: []string{identity.EnrollProtocol}, InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	for _, text := range []string{
		strings.Repeat("x", 1<<20), "GET / HTTP/1.1\r\n\r\n" + enroll.EndMark + "\n", enroll.EndMark + "\n",
	} {
		conn := dial()
		conn.Write([]byte(text))
		conn.CloseWrite()
		if n, _ := conn.Read(make([]byte, 10)); n > 0 {
			t.Errorf("%.20q is answered", text)
		}
		conn.Close()
	}
	var idle []net.Conn
	for range maxSource + 5 { // the oldest make room
		conn, err := net.Dial("tcp", l.enroll)
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, conn)
	}
	l.join(t, id, enroll.RoleHost)
	for _, conn := range idle {
		conn.Close()
	}
	if texts := l.log.events(t, "connection.refused"); !slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, "this was the oldest") }) {
		t.Errorf("events %q", texts)
	}
}

func TestRate(t *testing.T) {
	r, now := newRate(), time.Unix(0, 0)
	a := netip.MustParseAddr("10.0.0.1")
	for i := range rateBurst {
		if !r.allow(a, now) {
			t.Fatalf("refused after %d", i)
		}
	}
	if r.allow(a, now) || !r.allow(netip.MustParseAddr("10.0.0.2"), now) {
		t.Error("each address has its own answers")
	}
	if now = now.Add(time.Second / 2); !r.allow(a, now) {
		t.Error("half a second later there are none again")
	}
	for i := range 3 * rateSources {
		r.allow(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now)
	}
	if len(r.sources) > rateSources {
		t.Errorf("%d addresses are counted", len(r.sources))
	}
}
