// Package domain is the host's side of a domain: a program enters it when it is
// started, by joining or by making its membership anew, has the host's names entered
// into the DNS, and asks the domain controllers about sites afterwards.
//
// A domain controller that cannot be reached holds no member up: the membership of
// the last time counts on.
package domain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tslab/tslab/discovery"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/hostport"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/wire/enroll"
)

// DNSPort is where domain controllers answer about names.
const DNSPort = "53"

const lookupWait = 2 * time.Second // for the domain controllers' names

// Config is how a host enters a domain.
type Config struct {
	Domain     string
	Controller string // host or host:port of a domain controller; empty: DNS names them
	DNS        string // host:port that updates go to; empty: port 53 of the domain controller
	Role       string // one of the roles of wire/enroll
	Secret     []byte // of joining; a member needs none
	Resolver   discovery.Resolver
	Log        *eventlog.Log
	KeyLog     io.Writer // may be nil
}

// Domain is a domain that this host is a member of.
type Domain struct {
	config Config
	id     *identity.Identity

	mu   sync.Mutex
	last string // address of the domain controller that answered last
}

// Enter makes the host a member of the domain, or its membership anew. When no domain
// controller answers, the stored membership counts. The host's names are registered as
// far as that can be done; an event says when it cannot.
func Enter(ctx context.Context, id *identity.Identity, c Config) (*Domain, error) {
	if c.Resolver == nil {
		c.Resolver = &net.Resolver{PreferGo: true}
	}
	if err := enroll.CheckDomain(c.Domain); err != nil {
		return nil, err
	}
	d := &Domain{config: c, id: id}
	stored, err := id.LoadMembership()
	switch {
	case err == nil && (stored.Domain != c.Domain || stored.Role != c.Role || stored.Host != identity.HostLabel(id.Name)):
		if err := id.Leave(); err != nil { // this host has moved
			return nil, err
		}
		stored = nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	var m *identity.Membership
	used, err := d.try(ctx, func(dc identity.Controller) error {
		var err error
		m, err = id.Join(ctx, dc, identity.JoinOptions{Domain: c.Domain, Role: c.Role, Secret: c.Secret})
		return err
	})
	if refusal, ok := errors.AsType[*enroll.Refusal](err); err != nil && (stored == nil || ok) {
		if ok && stored != nil {
			return nil, fmt.Errorf("domain %s: %w", c.Domain, refusal)
		}
		return nil, err
	}
	if err != nil {
		c.Log.Event(eventlog.MembershipKept, eventlog.F("domain", c.Domain), eventlog.F("reason", err))
		return d, nil
	}
	c.Log.Event(eventlog.DomainEntered, eventlog.F("domain", c.Domain), eventlog.F("server", used.Addr), eventlog.F("site", orNone(m.Site)),
		eventlog.F("groups", strings.Join(m.Groups, ", ")))
	if err := d.register(ctx, used); err != nil {
		c.Log.Event(eventlog.NameNotRegistered, eventlog.F("name", m.FQDN()), eventlog.F("reason", err))
	}
	return d, nil
}

func orNone(site string) string {
	if site == "" {
		return "no site"
	}
	return site
}

// Membership is the host's.
func (d *Domain) Membership() *identity.Membership { return d.id.Membership() }

// Site asks in which site the host is now and which license server its entry names
// (decision table, V3). It is a [discovery.SiteLookup].
func (d *Domain) Site(ctx context.Context) (discovery.Site, error) {
	var a enroll.SiteAnswer
	_, err := d.try(ctx, func(dc identity.Controller) (err error) {
		a, err = d.id.QuerySite(ctx, dc)
		return err
	})
	return discovery.Site{Name: a.Site, Enterprise: a.Address, DistinguishedName: a.DistinguishedName}, err
}

// EnterSite has this license server entered as the enterprise license server of its
// site; port is where it listens.
func (d *Domain) EnterSite(ctx context.Context, port string) (enroll.SiteAnswer, error) {
	return d.entry(ctx, net.JoinHostPort("", port))
}

// LeaveSite takes the entry back.
func (d *Domain) LeaveSite(ctx context.Context) error {
	_, err := d.entry(ctx, "")
	return err
}

func (d *Domain) entry(ctx context.Context, address string) (a enroll.SiteAnswer, err error) {
	_, err = d.try(ctx, func(dc identity.Controller) (err error) {
		a, err = d.id.EnterSite(ctx, dc, address)
		return err
	})
	return a, err
}

// try asks the domain controllers, one after the other, until one answers: first the
// one that did last time. A refusal is an answer.
func (d *Domain) try(ctx context.Context, ask func(identity.Controller) error) (identity.Controller, error) {
	addrs, err := d.controllers(ctx)
	if err != nil {
		return identity.Controller{}, err
	}
	d.mu.Lock()
	last := d.last
	d.last = ""
	d.mu.Unlock()
	slices.SortStableFunc(addrs, func(a, b string) int {
		switch {
		case a != b && a == last:
			return -1
		case a != b && b == last:
			return 1
		}
		return 0
	})
	var errs []error
	for _, addr := range addrs {
		dc := identity.Controller{Addr: addr, KeyLog: d.config.KeyLog}
		err := ask(dc)
		if _, refused := errors.AsType[*enroll.Refusal](err); err == nil || refused {
			d.mu.Lock()
			d.last = addr
			d.mu.Unlock()
			return dc, err
		}
		if errs = append(errs, err); ctx.Err() != nil {
			break
		}
	}
	return identity.Controller{}, errors.Join(errs...)
}

// controllers are the addresses of the domain controllers: the one that was named, or
// those that DNS names, in the order of RFC 2782.
func (d *Domain) controllers(ctx context.Context) ([]string, error) {
	if d.config.Controller != "" {
		addr, err := hostport.Parse(d.config.Controller, identity.EnrollPort)
		return []string{addr}, err
	}
	named, err := d.named(ctx)
	var all []string
	for _, a := range named {
		all = append(all, net.JoinHostPort(a.String(), identity.EnrollPort))
	}
	return all, err
}

// named are the addresses of the domain controllers that DNS names.
func (d *Domain) named(ctx context.Context) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupWait)
	defer cancel()
	_, records, err := d.config.Resolver.LookupSRV(ctx, "ldap", "tcp", "dc._msdcs."+d.config.Domain)
	if err != nil {
		return nil, fmt.Errorf("domain controllers of %s: %w; name one with --dc", d.config.Domain, err)
	}
	var all []netip.Addr
	for _, r := range records {
		addrs, err := d.config.Resolver.LookupNetIP(ctx, "ip", strings.TrimSuffix(r.Target, "."))
		if err != nil {
			continue // a record that has outlived its host
		}
		for _, a := range addrs {
			all = append(all, a.Unmap())
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("domain %s: DNS names no domain controller that has an address; name one with --dc", d.config.Domain)
	}
	return all, nil
}

// OnController reports whether this host is one of the domain controllers that DNS
// names. The error says that DNS names none.
func (d *Domain) OnController(ctx context.Context) (bool, error) {
	named, err := d.named(ctx)
	if err != nil {
		return false, err
	}
	own, err := net.InterfaceAddrs()
	return slices.ContainsFunc(named, func(a netip.Addr) bool {
		return a.IsLoopback() || slices.ContainsFunc(own, func(o net.Addr) bool {
			prefix, err := netip.ParsePrefix(o.String())
			return err == nil && prefix.Addr().Unmap() == a
		})
	}), err
}

// ownAddresses are this host's addresses that others can reach; on a machine that the
// domain controller shares, its loopback addresses.
func ownAddresses(controller netip.Addr) ([]netip.Addr, error) {
	if controller.IsLoopback() {
		return []netip.Addr{controller}, nil
	}
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var own []netip.Addr
	for _, a := range list {
		prefix, err := netip.ParsePrefix(a.String())
		if err == nil && prefix.Addr().Unmap().IsGlobalUnicast() {
			own = append(own, prefix.Addr().Unmap())
		}
	}
	if len(own) == 0 {
		return nil, errors.New("this host has no address")
	}
	return own, nil
}
