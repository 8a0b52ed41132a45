package discovery

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/wire/locate"
	"github.com/tslab/tslab/wire/tsls"
)

// LicenseServerPort is where license servers listen that DNS names (wire/tsls).
const LicenseServerPort = 3343

// ask is one step: the addresses where it says that license servers are.
func (f *Finder) ask(ctx context.Context, setup Setup, step Step) []candidate {
	var found []candidate
	var err error
	what := ""
	switch step {
	case StepOverride: // nothing is sought
		return []candidate{{addr: setup.Override, how: step}}
	case StepKeys:
		what = strings.Join(setup.List, ", ")
		for _, addr := range setup.List {
			found = append(found, candidate{addr: addr, how: step})
		}
	case StepDCs:
		what = "domain " + setup.Domain
		found, err = f.askDCs(ctx, setup.Domain)
	case StepSite:
		site := f.Site()
		what = "site " + site.Name
		if site.DistinguishedName != "" {
			what += ", " + site.DistinguishedName
		}
		if site.Enterprise != "" {
			found = []candidate{{addr: site.Enterprise, how: step}}
		}
	case StepBroadcast:
		q := locate.Query{Scope: locate.Workgroup, Group: setup.Workgroup}
		if what = "workgroup " + setup.Workgroup; setup.Workgroup == "" {
			q, what = locate.Query{}, "everybody"
		}
		found, err = f.broadcast(ctx, q)
	}
	result := fmt.Sprintf("%d to look at", len(found))
	if err != nil {
		result = err.Error()
	}
	f.config.Log.Event(eventlog.DiscoveryAsked, eventlog.F("how", step), eventlog.F("what", what), eventlog.F("result", result))
	return found
}

// locateSelf asks the site map where this program stands: it may have moved.
func (f *Finder) locateSelf(ctx context.Context) {
	if f.config.Site == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, f.config.Limits.Resolve)
	defer cancel()
	site, err := f.config.Site(ctx)
	if err != nil {
		f.config.Log.Event(eventlog.DiscoveryAsked, eventlog.F("how", StepSite), eventlog.F("what", "the site map"), eventlog.F("result", err))
		site = Site{}
	}
	f.mu.Lock()
	f.site = site
	f.mu.Unlock()
}

// askDCs is the domain controllers that DNS names, at the port of license servers.
func (f *Finder) askDCs(ctx context.Context, domain string) ([]candidate, error) {
	ctx, cancel := context.WithTimeout(ctx, f.config.Limits.Resolve)
	defer cancel()
	_, records, err := f.config.Resolver.LookupSRV(ctx, "ldap", "tcp", "dc._msdcs."+domain)
	if err != nil {
		return nil, err
	}
	var found []candidate
	seen := map[netip.Addr]bool{}
	for _, r := range records {
		addrs, err := f.config.Resolver.LookupNetIP(ctx, "ip", strings.TrimSuffix(r.Target, "."))
		if err != nil {
			f.config.Log.Event(eventlog.DiscoveryIgnored, eventlog.F("address", r.Target), eventlog.F("how", StepDCs), eventlog.F("reason", err))
			continue
		}
		for _, a := range addrs {
			if a = a.Unmap(); !seen[a] {
				seen[a] = true
				found = append(found, candidate{addr: netip.AddrPortFrom(a, LicenseServerPort).String(), how: StepDCs})
			}
		}
	}
	return found, nil
}

// broadcast asks everybody, and takes what comes in as long as answers are waited for.
// A license server stands in the catalog from its reply on.
func (f *Finder) broadcast(ctx context.Context, q locate.Query) ([]candidate, error) {
	if f.config.Network == nil {
		return nil, fmt.Errorf("there is no network to ask on")
	}
	rand.Read(q.Nonce[:])
	query, err := q.Append(nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, f.config.Limits.Answers)
	defer cancel()
	var found []candidate
	seen := map[string]bool{}
	replies := map[string]locate.Reply{}
	err = f.config.Network.Broadcast(ctx, query, func(from netip.AddrPort, datagram []byte) {
		r, err := locate.ParseReply(datagram)
		if err != nil || r.Nonce != q.Nonce || len(found) == maxServers {
			return // not for us, or more than anybody has
		}
		c := candidate{addr: netip.AddrPortFrom(from.Addr(), r.Port).String(), how: StepBroadcast, info: tsls.ServerInfo{
			Name: r.Name, ServerID: r.ServerID, Edition: r.Edition, Scope: r.Scope.String(), Activated: r.Activated, Features: tsls.Features(r.Features),
		}}
		if seen[c.addr] {
			return
		}
		seen[c.addr], replies[c.addr] = true, r
		if !f.Knows(c.addr) {
			f.enter(c, false)
		}
		f.config.Log.Event(eventlog.DiscoveryAnswered, eventlog.F("server", r.Name), eventlog.F("address", c.addr))
		found = append(found, c)
	})
	return f.once(found, replies), err
}

// once drops what a license server replied over IPv6 when it said the same over IPv4.
func (f *Finder) once(found []candidate, replies map[string]locate.Reply) []candidate {
	over4 := map[locate.Reply]bool{}
	is4 := func(c candidate) bool { return !strings.HasPrefix(c.addr, "[") }
	for _, c := range found {
		if is4(c) {
			over4[replies[c.addr]] = true
		}
	}
	return slices.DeleteFunc(found, func(c candidate) bool {
		again := !is4(c) && over4[replies[c.addr]]
		if again {
			f.remove(c.addr)
		}
		return again
	})
}

// Resolve makes an address of host:port whose host may be a name: of DNS, with or
// without the domain, or a NetBIOS name, for which the network is asked. What cannot
// be resolved is an error.
func (f *Finder) Resolve(ctx context.Context, addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return addr, nil
	}
	lookup := func(name string) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, f.config.Limits.Resolve)
		defer cancel()
		addrs, err := f.config.Resolver.LookupNetIP(ctx, "ip", name)
		if err == nil && len(addrs) == 0 {
			err = fmt.Errorf("%s has no address", name)
		}
		if err != nil {
			return "", err
		}
		return net.JoinHostPort(addrs[0].Unmap().String(), port), nil
	}
	resolved, err := lookup(host)
	if err == nil || strings.Contains(host, ".") {
		return resolved, err
	}
	if domain := f.config.Setup().Domain; domain != "" {
		if resolved, err := lookup(host + "." + domain); err == nil {
			return resolved, nil
		}
	}
	return f.netBIOS(ctx, host, port, err)
}

// netBIOS asks the network for the license server of that name.
func (f *Finder) netBIOS(ctx context.Context, name, port string, why error) (string, error) {
	if f.config.Network == nil {
		return "", why
	}
	q := locate.Query{Name: name}
	rand.Read(q.Nonce[:])
	query, err := q.Append(nil)
	if err != nil {
		return "", why
	}
	ctx, cancel := context.WithTimeout(ctx, f.config.Limits.Answers)
	defer cancel()
	resolved := ""
	err = f.config.Network.Broadcast(ctx, query, func(from netip.AddrPort, datagram []byte) {
		r, err := locate.ParseReply(datagram)
		if err != nil || r.Nonce != q.Nonce || !strings.EqualFold(r.Name, name) || resolved != "" {
			return
		}
		if port == strconv.Itoa(LicenseServerPort) {
			port = strconv.Itoa(int(r.Port))
		}
		resolved = net.JoinHostPort(from.Addr().String(), port)
		cancel()
	})
	if resolved == "" {
		if err != nil {
			return "", fmt.Errorf("%w; and the network: %w", why, err)
		}
		return "", fmt.Errorf("%w; and no license server of the network has the name %s", why, name)
	}
	return resolved, nil
}
