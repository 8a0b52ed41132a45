package discovery

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/wire/tsls"
)

// Step is a place where license servers are sought.
type Step string

// The steps. The knob discovery_order names all but the broadcast, which stands for
// the domain controllers where there is no domain.
const (
	StepOverride  Step = "override"  // DefaultLicenseServer: that one and no other (rule V1)
	StepKeys      Step = "keys"      // the keys below LicenseServers (rule V5)
	StepDCs       Step = "dcs"       // SRV records name the domain controllers, each is probed (rule V2)
	StepSite      Step = "site"      // the site's entry for an enterprise license server (rule V3)
	StepBroadcast Step = "broadcast" // every license server of the workgroup replies (rule V4)
)

// Setup is what a Finder seeks, and how often: the part that an administrator may
// change while it runs.
type Setup struct {
	Override  string   // host:port; with it nothing else is sought
	List      []string // host:port each, in their order
	Workgroup string   // whose license servers a broadcast means; empty: everybody, of any scope
	Domain    string   // DNS name; empty in a workgroup

	Order      []Step
	Retry      time.Duration // between passes that find none
	RetrySite  time.Duration // the same for the site's entry
	Verify     time.Duration // between probes of the one in use
	VerifySite time.Duration // the same for an enterprise license server
	Failback   bool          // go back to the first one when that answers again
	All        bool          // for tools: every step is taken, not only up to the first that finds one, and the enterprise license servers of all sites count
}

// FromProfile is the knobs of an edition as a Setup.
func FromProfile(p *edition.Profile) Setup {
	s := Setup{
		Retry: time.Duration(p.RetryMin) * time.Minute, RetrySite: time.Duration(p.RetrySite) * time.Minute,
		Verify: time.Duration(p.VerifyMin) * time.Minute, VerifySite: time.Duration(p.VerifySite) * time.Minute,
		Failback: p.Failback,
	}
	for _, name := range p.DiscoveryOrder {
		s.Order = append(s.Order, Step(name))
	}
	return s
}

// Site is what the site map says of where a program stands.
type Site struct {
	Name              string // empty: the address is in no site
	Enterprise        string // host:port of the site's enterprise license server; empty for none
	DistinguishedName string // of the entry that was read
}

// SiteLookup asks the site map for the site of the asking program.
type SiteLookup func(context.Context) (Site, error)

// Resolver is DNS; a [net.Resolver] is one.
type Resolver interface {
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Network carries broadcasts; a [UDP] is one.
type Network interface {
	// Broadcast sends the query on every attached network and hands over what comes
	// back from the network that was asked, until ctx ends. It hands over one
	// datagram at a time. The error says that nobody could be asked.
	Broadcast(ctx context.Context, query []byte, heard func(from netip.AddrPort, datagram []byte)) error
}

// Limits are spans of elapsed time.
type Limits struct {
	Answers time.Duration // that a broadcast is waited for; 0: 50 ms
	Probe   time.Duration // that a license server has to answer a probe; 0: 1 s
	Resolve time.Duration // that DNS and the site map have; 0: 1 s
}

// Config is what a Finder is made of.
type Config struct {
	Setup    func() Setup // as it stands now
	Resolver Resolver     // nil: the machine's
	Network  Network      // nil: nothing is broadcast
	Site     SiteLookup   // nil: there is no site map

	// Probe asks the license server at an address, host:port, what it is. An error
	// says that there is none, or none that serves here.
	Probe func(ctx context.Context, addr string) (tsls.ServerInfo, error)
	// Accept refuses license servers that answered (rules V12, V13); nil: none.
	Accept func(tsls.ServerInfo) error

	// Chosen is called when another license server is used than before, Lost when the
	// one in use is dropped, None when a pass has found none (rule V6). They may be nil.
	Chosen func(Server)
	Lost   func(Server, error)
	None   func()

	Rand   *rand.Rand  // draws among those that answer; nil: the system's chance
	Clock  clock.Clock // nil: the machine's
	Log    *eventlog.Log
	Limits Limits
}

func (c Config) withDefaults() (Config, error) {
	if c.Setup == nil || c.Probe == nil {
		return c, errors.New("discovery: no setup, or no way to probe a license server")
	}
	if c.Resolver == nil {
		c.Resolver = &net.Resolver{PreferGo: true}
	}
	if c.Rand == nil {
		c.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Log == nil {
		c.Log = eventlog.New(nil, "", "discovery", c.Clock, nil)
	}
	if c.Limits.Answers == 0 {
		c.Limits.Answers = 50 * time.Millisecond
	}
	if c.Limits.Probe == 0 {
		c.Limits.Probe = time.Second
	}
	if c.Limits.Resolve == 0 {
		c.Limits.Resolve = time.Second
	}
	return c, nil
}

// ResolverAt asks the DNS server at an address, host:port, instead of the machine's.
func ResolverAt(addr string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}}
}
