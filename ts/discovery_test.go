package ts_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/discovery"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/locate"
	"github.com/tslab/tslab/wire/tsls"
)

// subnet is a network on which license servers reply to every broadcast.
type subnet struct {
	mu      sync.Mutex
	servers []string // addresses
	asked   int
}

func (n *subnet) add(addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.servers = append(n.servers, addr)
}

func (n *subnet) broadcasts() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

// Broadcast is as discovery.Network has it; it waits for nobody.
func (n *subnet) Broadcast(_ context.Context, query []byte, heard func(netip.AddrPort, []byte)) error {
	q, err := locate.ParseQuery(query)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.asked++
	servers := slices.Clone(n.servers)
	n.mu.Unlock()
	if len(servers) == 0 {
		return errors.New("nobody is there")
	}
	for _, s := range servers {
		addr := netip.MustParseAddrPort(s)
		b, err := locate.Reply{Nonce: q.Nonce, Name: "ls1", Port: addr.Port(), Edition: "w2k-sp3", Scope: locate.Workgroup}.Append(nil)
		if err != nil {
			return err
		}
		heard(netip.AddrPortFrom(addr.Addr(), locate.Port), b)
	}
	return nil
}

// newSeeker is a terminal server that finds license servers on the subnet.
func newSeeker(t *testing.T, n *subnet, change func(*ts.Config)) *lab {
	t.Helper()
	return newLab(t, func(c *ts.Config) {
		c.Discovery = &ts.Discovery{Workgroup: "WORKGROUP", Network: n, Seed: 1}
		c.Limits.Call = time.Second
		if change != nil {
			change(c)
		}
	})
}

func inUse(l *lab) (addr, how string) {
	for _, e := range l.Catalog() {
		if e.InUse {
			return e.Address, e.How
		}
	}
	return "", ""
}

// pair is a terminal server with two license servers that it has found; used is the
// one in use, spare the other.
func pair(t *testing.T) (l *lab, n *subnet, used, spare *licenseServer) {
	t.Helper()
	n = &subnet{}
	one, two := serveLicenses(t, "127.0.0.1:0", func() time.Time { return day0 }), serveLicenses(t, "127.0.0.1:0", func() time.Time { return day0 })
	n.add(one.addr)
	n.add(two.addr)
	l = newSeeker(t, n, nil)
	if addr, how := inUse(l); addr == two.addr && how == "broadcast" {
		return l, n, two, one
	} else if addr != one.addr || how != "broadcast" {
		t.Fatalf("in use is %q, found by %q", addr, how)
	}
	return l, n, one, two
}

// TestFound: without a license server that is named, one is sought and catalogued, and
// its being found ends the grace period.
//
// proves R84
func TestFound(t *testing.T) {
	l, n, used, _ := pair(t)
	if e := l.await(t, eventlog.ServerFound.Name); e.Fields["address"] != used.addr || e.Fields["how"] != "broadcast" {
		t.Errorf("%v", e.Fields)
	}
	if list := l.Catalog(); len(list) != 2 || !list[0].Live || !list[1].Live || list[1].InUse || n.broadcasts() != 1 {
		t.Errorf("%d broadcasts, %+v", n.broadcasts(), list)
	}
	s := l.Status()
	if got := s.Grace.State; got != policy.GraceEnded || !s.Found || s.LicenseServer != used.addr || s.ViaDefault {
		t.Errorf("grace period %v, %+v", got, s)
	}
	if d := s.Discovery; d.Next.Before(day0.Add(119*time.Minute)) || d.Next.After(day0.Add(121*time.Minute)) ||
		!slices.Equal(d.Steps, []discovery.Step{discovery.StepBroadcast}) || d.Workgroup != "WORKGROUP" {
		t.Errorf("%+v", d)
	}
	if licensed, err := connect(t, l.device(t, "PC-01")); err != nil || given(t, licensed) != "temporary" {
		t.Errorf("%v, %s", err, given(t, licensed))
	}
}

// TestFailover: when the license server in use is gone, the client that notices is
// served by the next of the catalog (rule V8), and that one stays in use.
func TestFailover(t *testing.T) {
	l, n, used, spare := pair(t)
	used.stop()
	licensed, err := connect(t, l.device(t, "PC-01"))
	if err != nil || given(t, licensed) != "temporary" {
		t.Fatalf("%v, %s", err, given(t, licensed))
	}
	if addr, _ := inUse(l); addr != spare.addr || n.broadcasts() != 1 {
		t.Errorf("in use is %q after %d broadcasts, want %q after one", addr, n.broadcasts(), spare.addr)
	}
	events := l.count()
	if events[eventlog.ServerLost.Name] != 1 || events[eventlog.ServerFound.Name] != 2 || events[eventlog.NoLicenseServer.Name] != 0 {
		t.Errorf("events: %v", events)
	}
	spare.stop()
	if _, err := connect(t, l.device(t, "PC-02")); !strings.Contains(refusedBy(err), "ERR_NO_LICENSE_SERVER") {
		t.Errorf("without any: %v", err)
	}
	l.await(t, eventlog.NoLicenseServer.Name) // a pass follows at once
}

// TestSilentIsGivenUp: a license server that takes requests and answers none, not even
// a ping, costs a client 1.2 seconds, not the time that an answer may take.
func TestSilentIsGivenUp(t *testing.T) {
	l, _, used, spare := pair(t)
	stall := make(chan struct{})
	t.Cleanup(func() { close(stall) })
	used.script(func(tsls.Message) tsls.Message {
		<-stall
		return tsls.Errorf(tsls.CodeBusy, "too late")
	})
	device := l.device(t, "PC-01")
	began := time.Now()
	licensed, err := connect(t, device)
	took := time.Since(began)
	if err != nil || given(t, licensed) != "temporary" {
		t.Fatalf("%v, %s", err, given(t, licensed))
	}
	if took < time.Second || took > 8*time.Second {
		t.Errorf("served after %v; a license may take ten seconds", took)
	}
	if addr, _ := inUse(l); addr != spare.addr {
		t.Errorf("in use is %q", addr)
	}
}

// TestSlowIsWaitedFor: one that answers pings may take its time.
func TestSlowIsWaitedFor(t *testing.T) {
	l, _, used, _ := pair(t)
	release := make(chan struct{})
	pinged := make(chan struct{}, 1)
	used.script(func(m tsls.Message) tsls.Message {
		switch m.(type) {
		case tsls.Allocate:
			<-release
		case tsls.Ping:
			select {
			case pinged <- struct{}{}:
				close(release)
			default:
			}
		}
		return nil
	})
	if _, err := connect(t, l.device(t, "PC-01")); err != nil {
		t.Fatal(err)
	}
	if addr, _ := inUse(l); addr != used.addr {
		t.Errorf("in use is %q, want the slow one, %q", addr, used.addr)
	}
}

// TestDiscoverNow: an administrator need not wait for the timer, and remote
// administration seeks nobody.
func TestDiscoverNow(t *testing.T) {
	n := &subnet{}
	l := newSeeker(t, n, nil)
	l.await(t, eventlog.NoLicenseServer.Name)
	ls := serveLicenses(t, "127.0.0.1:0", func() time.Time { return day0 })
	n.add(ls.addr)
	if list := l.Discover(t.Context()); len(list) != 1 || !list[0].InUse || list[0].Address != ls.addr {
		t.Errorf("%+v", list)
	}
	l.configure(t, "mode=admin")
	before := n.broadcasts()
	l.Discover(t.Context())
	if err := l.clock.AdvanceBySteps(t.Context(), day, day); err != nil {
		t.Fatal(err)
	}
	if n.broadcasts() != before || !l.Status().Discovery.Next.IsZero() {
		t.Errorf("remote administration: %d broadcasts more, next %v", n.broadcasts()-before, l.Status().Discovery.Next)
	}
}

// TestNamedEndsDiscovery: with the override nothing else is asked, and taking it back
// begins the search anew.
func TestNamedEndsDiscovery(t *testing.T) {
	l, n, used, _ := pair(t)
	l.configure(t, "DefaultLicenseServer=127.0.0.9:1")
	l.await(t, eventlog.NoLicenseServer.Name)
	if list := l.Catalog(); n.broadcasts() != 1 || len(list) != 1 || list[0].Address != "127.0.0.9:1" || list[0].Live || list[0].How != "override" {
		t.Errorf("%d broadcasts, %+v", n.broadcasts(), list)
	}
	if _, err := connect(t, l.device(t, "PC-01")); err == nil {
		t.Error("served all the same")
	}
	l.configure(t, "DefaultLicenseServer=")
	l.await(t, eventlog.ServerFound.Name)
	if s := l.Status(); !s.Found || s.ViaDefault || n.broadcasts() < 2 {
		t.Errorf("%+v; used before: %s", s, used.addr)
	}
}

// TestOneNameIn2003: with override=DefaultLicenseServer Windows Server 2003 asks the one
// that is named and nobody else, and goes by its own rules when that is silent.
func TestOneNameIn2003(t *testing.T) {
	n := &subnet{}
	l := newSeeker(t, n, func(c *ts.Config) {
		c.Profile = edition.WS2003()
		c.Profile.Override = edition.OverrideOne
		c.LicenseServer, c.DefaultLicenseServer = "127.0.0.9:1", true
	})
	if _, err := client.Connect(t.Context(), l.device(t, "PC-01")); err != nil {
		t.Error(err) // the grace period runs
	}
	if e := l.await(t, eventlog.LicenseNone.Name); e.Fields["rule"] != "M37" {
		t.Errorf("rule %s, want M37: %s", e.Fields["rule"], e.Text)
	}
	if s := l.Status(); n.broadcasts() != 0 || s.ViaDefault || s.LicenseServer != "127.0.0.9:1" {
		t.Errorf("%d broadcasts, %+v", n.broadcasts(), s)
	}
}

// TestKeysThenBroadcast: Windows Server 2003 asks those that are named, in their
// order, and seeks when none of them answers (rule V5). The knob override makes
// Windows 2000 do so.
func TestKeysThenBroadcast(t *testing.T) {
	w2k := edition.W2KSP3()
	if err := w2k.SetAll([]string{"override=LicenseServers"}); err != nil {
		t.Fatal(err)
	}
	for _, p := range []edition.Profile{edition.WS2003(), w2k} {
		t.Run(p.Edition.String(), func(t *testing.T) { keysThenBroadcast(t, p) })
	}
}

func keysThenBroadcast(t *testing.T, p edition.Profile) {
	n := &subnet{}
	named, other := serveLicenses(t, "127.0.0.1:0", func() time.Time { return day0 }), serveLicenses(t, "127.0.0.1:0", func() time.Time { return day0 })
	for _, ls := range []*licenseServer{named, other} {
		ls.script(func(m tsls.Message) tsls.Message {
			switch m.(type) {
			case tsls.Allocate, tsls.Mark:
				return nil
			}
			return tsls.ServerInfo{Name: "ls1", Edition: p.Edition.String(), Features: tsls.FeatureMark | tsls.FeatureExpiry, Certificates: ls.signer.Chain}
		})
	}
	n.add(other.addr)
	l := newSeeker(t, n, func(c *ts.Config) {
		c.Profile = p
		c.LicenseServer, c.LicenseServers, c.DefaultLicenseServer = "127.0.0.9:1", []string{named.addr}, true
	})
	if addr, how := inUse(l); addr != named.addr || how != "keys" || n.broadcasts() != 0 {
		t.Errorf("%q by %s after %d broadcasts", addr, how, n.broadcasts())
	}
	named.stop()
	_, err := client.Connect(t.Context(), l.device(t, "PC-01"))
	if runs := p.GraceEnd == edition.FirstPermanentCAL; runs != (err == nil) { // the grace period
		t.Fatal(err)
	}
	l.await(t, eventlog.ServerLost.Name)
	l.await(t, eventlog.ServerFound.Name)
	if addr, how := inUse(l); addr != other.addr || how != "broadcast" {
		t.Errorf("%q by %s, want %q by broadcast", addr, how, other.addr)
	}
}
