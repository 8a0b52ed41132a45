// Package dc is the domain controller: what license servers, terminal servers and
// their discovery need of one, and nothing more. It is three things.
//
//   - A name server for the domain and for addresses, with A, AAAA, SRV and PTR
//     records, dynamic update (RFC 2136) under TSIG (RFC 8945), and, on request, the
//     faults that a directory has: names that are answered as if they were not, and
//     names whose records outlive every update.
//   - The site map: which subnet belongs to which site, and which license server a
//     site's directory names as its enterprise license server.
//   - Membership: who shows that it has the join secret gets a certificate under the
//     forest, with its groups, the gossip keys of its domain and site, and the key by
//     which it may change its own names.
//
// Domain controllers that are given one forest file issue memberships that all of
// them accept. Site entries are handed on to partners; names are not replicated:
// what each server of a domain shall know of the others is in its configuration.
package dc

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/wire/enroll"
)

// Program is the domain controller's name in event logs.
const Program = "labdc"

// minSecret is the least length of a join secret, in bytes.
const minSecret = 12

// Config is what a domain controller is made of. It must not change while in use.
type Config struct {
	Host      string       // host name without the domain
	Domain    string       // DNS name of the domain, lower case
	Dir       string       // state folder
	Addresses []netip.Addr // of this host, for its own records
	Forest    *Forest
	Trust     []*x509.Certificate // other forests whose members are members here
	Secret    []byte              // of joining; 12 bytes at least
	Subnets   []Subnet            // the site map
	Records   []string            // zone data in presentation format (RFC 1035, section 5), names without a last dot are the domain's
	Forward   map[string]string   // zone to the address of the name server that is asked for it
	Partners  []string            // enroll addresses of other domain controllers of the forest
	Log       *eventlog.Log
	KeyLog    io.Writer // TLS secrets; may be nil
}

// Subnet is a line of the site map.
type Subnet struct {
	Prefix netip.Prefix `json:"prefix"`
	Site   string       `json:"site"`
}

// Controller is a domain controller.
type Controller struct {
	config Config
	id     *identity.Identity
	dir    *directory
	keys   keys
	zones  []string // canonical, the longest first
	rate   *rate
	handOn chan enroll.SiteEntry // to partners
}

// New reads the state folder, or begins one. Errors are one sentence that says what
// to do.
func New(c Config) (*Controller, error) {
	err := errors.Join(enroll.CheckHost(c.Host), enroll.CheckDomain(c.Domain))
	switch {
	case err != nil:
		return nil, fmt.Errorf("domain controller: %w", err)
	case c.Forest == nil:
		return nil, errors.New("domain controller: no forest")
	case len(c.Secret) < minSecret:
		return nil, fmt.Errorf("domain controller: the join secret has %d bytes; give %d or more, best drawn at random", len(c.Secret), minSecret)
	}
	for i := range c.Addresses {
		c.Addresses[i] = c.Addresses[i].Unmap()
	}
	s := &Controller{config: c, rate: newRate(), handOn: make(chan enroll.SiteEntry, 64)}
	s.keys = keys{domain: c.Domain, forest: c.Forest}
	s.zones = []string{fqdn(c.Domain), "in-addr.arpa.", "ip6.arpa."}
	for zone := range c.Forward {
		if slices.Contains(s.zones, fqdn(zone)) {
			return nil, fmt.Errorf("domain controller: zone %s is its own, and not to be forwarded", zone)
		}
	}
	if s.dir, err = openDirectory(c.Dir); err != nil {
		return nil, err
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	return s, nil
}

// begin brings the directory up to the configuration and makes this host a member of
// its own domain.
func (s *Controller) begin() error {
	records, err := s.ownRecords()
	if err != nil {
		return err
	}
	err = s.dir.change(func(d *data) error {
		for _, subnet := range s.config.Subnets {
			if err := d.setSubnet(subnet); err != nil {
				return err
			}
		}
		for _, text := range append(records, s.config.Records...) {
			rr, err := s.parse(text)
			if err != nil {
				return err
			}
			if err := d.add(rr); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("domain controller: %w", err)
	}
	if s.id, err = identity.LoadOrCreate(s.config.Dir, s.config.Host); err != nil {
		return err
	}
	request := enroll.JoinRequest{Domain: s.config.Domain, Host: s.config.Host, Role: enroll.RoleController}
	text, err := s.issue(request, s.id.Key.Public(), s.ownSite(), nil)
	if err != nil {
		return err
	}
	if _, err := s.id.Adopt(text); err != nil {
		return err
	}
	return s.keys.write(s.config.Dir)
}

// ownRecords are those by which this domain controller is found.
func (s *Controller) ownRecords() ([]string, error) {
	if len(s.config.Addresses) == 0 {
		return nil, errors.New("domain controller: no address of this host; give one with --address")
	}
	name := s.config.Host + "." + fqdn(s.config.Domain)
	var records []string
	for _, a := range s.config.Addresses {
		kind := "A"
		if a.Is6() {
			kind = "AAAA"
		}
		records = append(records, name+" "+kind+" "+a.String(), fqdn(s.config.Domain)+" "+kind+" "+a.String(), reverse(a)+" PTR "+name)
	}
	for _, at := range serviceNames(s.config.Domain, s.ownSite()) {
		records = append(records, fmt.Sprintf("%s SRV 0 100 389 %s", at, name))
	}
	return records, nil
}

// serviceNames are the names under which a domain's directory service is looked up:
// all of its domain controllers, and those of a site.
func serviceNames(domain, site string) []string {
	names := []string{"_ldap._tcp.dc._msdcs." + fqdn(domain), "_ldap._tcp." + fqdn(domain)}
	if site != "" {
		names = append(names, "_ldap._tcp."+strings.ToLower(site)+"._sites.dc._msdcs."+fqdn(domain))
	}
	return names
}

// ownSite is the site that this domain controller stands in, by the configuration.
func (s *Controller) ownSite() string {
	for _, a := range s.config.Addresses {
		if site := siteOf(s.config.Subnets, a); site != "" {
			return site
		}
	}
	return ""
}

// Sockets are what a domain controller listens on. Run closes them.
type Sockets struct {
	UDP    net.PacketConn // DNS
	TCP    net.Listener   // DNS
	Enroll net.Listener   // join requests and site queries
}

// Run serves until ctx ends.
func (s *Controller) Run(ctx context.Context, sockets Sockets) error {
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error { return s.serveDNS(inner, sockets.UDP, sockets.TCP) })
	g.Go(func() error { return s.serveEnroll(inner, sockets.Enroll) })
	g.Go(func() error { s.handOnEntries(inner); return nil })
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("domain controller: %w", err)
	}
	return nil
}
