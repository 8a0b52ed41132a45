package ts

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/tslab/tslab/discovery"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/tsls"
)

// Discovery is how a terminal server finds license servers that nobody names to it.
type Discovery struct {
	Workgroup string // whose license servers are meant; empty: all
	Domain    string // DNS name; empty in a workgroup

	Resolver discovery.Resolver   // nil: the machine's
	Network  discovery.Network    // nil: nothing is broadcast
	Site     discovery.SiteLookup // nil: there is no site map
	Seed     uint64               // of the choice among those that answer; 0: the system's chance
	Limits   discovery.Limits
}

func (c *catalog) newFinder() (*discovery.Finder, error) {
	s := c.server
	config := discovery.Config{
		Setup: s.sought, Probe: c.probe, Chosen: c.chosen, Lost: c.lost, None: c.none,
		Clock: s.config.Clock, Log: s.config.Events,
	}
	if d := s.config.Discovery; d != nil {
		config.Resolver, config.Network, config.Site, config.Limits = d.Resolver, d.Network, d.Site, d.Limits
		if d.Seed != 0 {
			config.Rand = rand.New(rand.NewPCG(d.Seed, 0))
		}
	}
	if config.Limits.Probe == 0 {
		config.Limits.Probe = s.config.Limits.Call
	}
	return discovery.New(config)
}

// sought is what discovery seeks as the server is set up now: where the registry names
// one license server, in Windows 2000, that and nothing else; where it has keys for
// several, in Windows Server 2003, those as discovery_order says.
func (s *Server) sought() discovery.Setup {
	now := s.setup()
	sought := discovery.FromProfile(now.profile)
	d := s.config.Discovery
	if d != nil {
		sought.Workgroup, sought.Domain = d.Workgroup, d.Domain
	}
	switch named := now.licenseServers; {
	case d == nil && len(named) < 2, now.profile.Override != edition.OverrideSeveral:
		if len(named) > 0 {
			sought.Override = named[0]
		}
	default:
		sought.List = named
	}
	if d == nil {
		sought.Order = []discovery.Step{discovery.StepKeys}
	}
	return sought
}

// inUse is the address of the license server that is asked first: the override, also
// while it is silent, or the one that discovery has chosen, or else the first that is
// named, for a client may come before the next pass. Empty for none.
func (c *catalog) inUse() string {
	sought := c.server.sought()
	if sought.Override != "" {
		return sought.Override
	}
	if s, ok := c.finder.Current(); ok || len(sought.List) == 0 {
		return s.Address
	}
	return sought.List[0]
}

// after is the next license server of the catalog. An override has none after it.
func (c *catalog) after(addr string) (next string, ok bool) {
	if c.server.sought().Override != "" {
		return "", false
	}
	return c.finder.After(addr)
}

// probe is a question of discovery's: what is at this address?
func (c *catalog) probe(ctx context.Context, addr string) (tsls.ServerInfo, error) {
	_, info, err := c.talk(ctx, addr, tsls.Ping{})
	if err != nil && ctx.Err() == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if e := c.entries[addr]; e != nil {
			e.live = false
		}
		c.why = err
	}
	return info, err
}

// chosen is told of the license server that is used from now on.
func (c *catalog) chosen(s discovery.Server) {
	c.mu.Lock()
	c.tried = true
	c.mu.Unlock()
	err := c.meet(s.Info)
	c.server.config.Events.Event(eventlog.ServerFound, eventlog.F("server", s.Info.Name), eventlog.F("address", s.Address),
		eventlog.F("server_id", s.Info.ServerID), eventlog.F("features", c.both()), eventlog.F("how", s.How))
	if err != nil {
		c.server.config.Events.Event(eventlog.GraceNotStored, eventlog.F("reason", err))
	}
}

// lost is told that the license server in use has been dropped.
func (c *catalog) lost(s discovery.Server, why error) {
	c.server.config.Events.Event(eventlog.ServerLost, eventlog.F("server", s.Info.Name), eventlog.F("reason", why))
}

// none is told of a pass that has found no license server: event 1010 (rule V6).
func (c *catalog) none() {
	if override := c.server.sought().Override; override != "" {
		c.mu.Lock()
		why := c.why
		c.mu.Unlock()
		if why == nil {
			why = errors.New("it does not answer")
		}
		c.unheard(override, why)
	}
	c.server.config.Events.Event(systemKind(policy.EventNoLicenseServer, c.server.profile()))
}

// strict: only license servers that the clearinghouse vouches for count, and no
// license server says which clearinghouse that is.
func (c *catalog) strict() bool {
	return c.server.profile().RequireClearinghouseRoot && len(c.server.config.Roots) > 0
}

// vouched is an error, with the knob require_clearinghouse_chain, for a license server
// that is not activated, or not by a clearinghouse that is trusted here (rule V13).
// Where no root was configured, any clearinghouse is.
func (c *catalog) vouched(info tsls.ServerInfo) error {
	if !c.server.profile().RequireClearinghouseRoot {
		return nil
	}
	if !info.Activated || len(info.Certificates) == 0 {
		return fmt.Errorf("license server %s is not activated, and only certified ones count here", info.Name)
	}
	if !c.strict() {
		return nil
	}
	certificate, err := x509.ParseCertificate(info.Certificates[0])
	if err != nil {
		return fmt.Errorf("certificate of license server %s: %w", info.Name, err)
	}
	for _, root := range c.server.config.Roots {
		if certificate.CheckSignatureFrom(root) == nil {
			return nil
		}
	}
	return fmt.Errorf("license server %s is certified by no clearinghouse that is trusted here", info.Name)
}

// proved is an error, with the knob require_clearinghouse_chain, for a license server
// that does not have the key of the certificate that it shows.
func (c *catalog) proved(conn *transport.Conn) error {
	info := conn.Server()
	if !c.server.profile().RequireClearinghouseRoot {
		return nil
	}
	if err := c.vouched(info); err != nil {
		return err
	}
	certificate, err := x509.ParseCertificate(info.Certificates[0])
	if err != nil {
		return fmt.Errorf("certificate of license server %s: %w", info.Name, err)
	}
	binding, err := conn.Binding()
	if err != nil {
		return err
	}
	digest := tsls.ProofOf(binding)
	key, ok := certificate.PublicKey.(*ecdsa.PublicKey)
	if !ok || !ecdsa.VerifyASN1(key, digest[:], info.Proof) {
		return fmt.Errorf("license server %s shows a certificate that is not its own", info.Name)
	}
	return nil
}

// Discover makes a discovery pass now and returns the catalog.
func (s *Server) Discover(ctx context.Context) []CatalogEntry {
	if s.setup().mode != policy.ModeAdmin {
		s.catalog.finder.Pass(ctx)
		s.wake()
	}
	return s.Catalog()
}
