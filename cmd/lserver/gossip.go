package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/hostport"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/program"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/ls/gossip"
	"github.com/tslab/tslab/ls/inventory"
	"github.com/tslab/tslab/wire/tsls"
)

// gossipOptions are what the command line says of other license servers.
type gossipOptions struct {
	peers     []string // host:port
	bind      string
	advertise netip.Addr
	workgroup string

	seek  bool // for others than peers
	asked bool // somebody asked for it: it must work
}

func gossipFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringSliceFlag{Name: "peers", Usage: "share the inventory with the license servers at `ADDR` too", DefaultText: "those that discovery finds"},
		&ucli.StringFlag{Name: "gossip", Usage: "share it at `ADDR`, UDP and TCP; off: with nobody", DefaultText: fmt.Sprintf("port %d of --listen, unless only this machine can reach that", gossip.Port)},
		&ucli.StringFlag{Name: "advertise", Usage: "terminal servers and license servers reach this one at `IP`", DefaultText: "the first address of this host"},
	}
}

func gossipOptionsFrom(c *ucli.Command, listen string) (o gossipOptions, err error) {
	o.workgroup = c.String("workgroup")
	for _, peer := range c.StringSlice("peers") {
		addr, err := hostport.Parse(peer, strconv.Itoa(gossip.Port))
		if err != nil {
			return o, cli.Usage("--peers %v", err)
		}
		o.peers = append(o.peers, addr)
	}
	if text := c.String("advertise"); text != "" {
		if o.advertise, err = netip.ParseAddr(text); err != nil {
			return o, cli.Usage("--advertise %v", err)
		}
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return o, cli.Usage("--listen %v", err)
	}
	local := cli.LocalOnly(net.TCPAddrFromAddrPort(netip.AddrPortFrom(addrOr(host), 0)))
	switch o.bind = c.String("gossip"); o.bind {
	case "off":
		if o.bind = ""; len(o.peers) > 0 {
			return o, cli.Usage("--gossip off: there are --peers")
		}
	case "":
		if o.asked = len(o.peers) > 0; o.asked || !local {
			o.bind = net.JoinHostPort(host, strconv.Itoa(gossip.Port))
		}
	default:
		o.asked = true
	}
	o.seek = !local
	return o, nil
}

// addrOr is a host that is written as an address, else the unspecified address.
func addrOr(host string) netip.Addr {
	if a, err := netip.ParseAddr(host); err == nil {
		return a
	}
	return netip.IPv4Unspecified()
}

// wanted reports whether the inventory is shared.
func (o gossipOptions) wanted() bool { return o.bind != "" }

// neighbors are the other license servers, as the license server meets them. There are
// none until gossip has started; ask is set before the license server runs.
type neighbors struct {
	gossip atomic.Pointer[gossip.Gossip]
	ask    func(context.Context, string, tsls.Message) (tsls.Message, error)
}

// Announce is as ls.Peers has it, like the methods that follow.
func (n *neighbors) Announce(e inventory.Entry, again bool) {
	if g := n.gossip.Load(); g != nil {
		g.Announce(e, again)
	}
}

// Beliefs are what the others have.
func (n *neighbors) Beliefs() []inventory.Belief {
	if g := n.gossip.Load(); g != nil {
		return g.Beliefs()
	}
	return nil
}

// Doubt notes who was found without stock.
func (n *neighbors) Doubt(names ...string) {
	if g := n.gossip.Load(); g != nil {
		g.Doubt(names...)
	}
}

// Group is the scope, empty when the inventory is shared with nobody.
func (n *neighbors) Group() string {
	if g := n.gossip.Load(); g != nil {
		return g.Group()
	}
	return ""
}

// Ask puts a question to the license server at an address.
func (n *neighbors) Ask(ctx context.Context, addr string, m tsls.Message) (tsls.Message, error) {
	return n.ask(ctx, addr, m)
}

// scopeOf is whom the license server shares its inventory with: those of its
// workgroup, of its domain, or, in the enterprise scope, the enterprise license servers
// of its site, whatever their domains. Those and the ones of domain scope do not share
// with each other, though they be of one domain: they serve other terminal servers.
// Where the site map has no site for it, an enterprise license server is one of its
// domain.
func scopeOf(workgroup string, enterprise bool, m *identity.Membership) (scope gossip.Scope, site string) {
	switch {
	case m == nil:
		return gossip.Workgroup(workgroup), ""
	case enterprise && m.Site != "":
		return gossip.Site(m.Site, m.SiteKey), m.Site
	}
	return gossip.Domain(m.Domain, m.GossipKey), m.Site
}

// newGossip makes the gossip of the license server that listens at l, whose host key
// is id's.
func newGossip(o gossipOptions, enterprise bool, p *program.Program, id *identity.Identity, l net.Addr) (*gossip.Gossip, error) {
	bind, err := resolve(context.Background(), o.bind)
	if err != nil {
		return nil, fmt.Errorf("--gossip: %w", err)
	}
	ip := o.advertise
	if !ip.IsValid() {
		if ip, err = ownAddress(bind.Addr(), l); err != nil {
			return nil, err
		}
	}
	t, advertise, err := gossip.Listen(bind, ip)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(l.String())
	if err != nil {
		return nil, err
	}
	key := sha256.Sum256(id.Certificate.RawSubjectPublicKeyInfo)
	scope, site := scopeOf(o.workgroup, enterprise, id.Membership())
	g, err := gossip.New(gossip.Config{
		Owner: hex.EncodeToString(key[:8]), Address: net.JoinHostPort(ip.String(), port), Site: site, Scope: scope,
		Advertise: advertise, Transport: t, Clock: p.Clock, Log: p.Log,
		Peers: newSeeker(o, id, ip).peers,
	})
	if err != nil {
		t.Shutdown()
		return nil, err
	}
	p.Log.Event(eventlog.GossipStarted, eventlog.F("group", g.Group()), eventlog.F("address", advertise))
	return g, nil
}

// resolve finds the address of host:port; no host is every one of this host's.
func resolve(ctx context.Context, hostPort string) (netip.AddrPort, error) {
	if addr, err := netip.ParseAddrPort(hostPort); err == nil {
		return addr, nil
	}
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return netip.AddrPort{}, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("port %q is no number", port)
	}
	if host == "" {
		return netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(n)), nil
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(addrs) == 0 {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(addrs[0].Unmap(), uint16(n)), nil
}

// ownAddress is where others reach this host: the address that it is bound to, else
// that of its first network, else the loopback.
func ownAddress(bind netip.Addr, l net.Addr) (netip.Addr, error) {
	for _, a := range []netip.Addr{bind, addrOf(l)} {
		if a.IsValid() && !a.IsUnspecified() {
			return a, nil
		}
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("addresses of this host: %w: name one with --advertise", err)
	}
	own := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	for _, a := range addrs {
		prefix, err := netip.ParsePrefix(a.String())
		ip := prefix.Addr().Unmap()
		if err == nil && ip.IsGlobalUnicast() && (own.IsLoopback() || own.Is6() && ip.Is4()) {
			own = ip
		}
	}
	return own, nil
}

func addrOf(a net.Addr) netip.Addr {
	addr, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return addr.Addr().Unmap()
}

// asker puts questions to other license servers, on a connection each: there are few.
func asker(p *program.Program, id *identity.Identity) func(context.Context, string, tsls.Message) (tsls.Message, error) {
	pins := identity.OpenPins(p.State)
	return func(ctx context.Context, addr string, m tsls.Message) (tsls.Message, error) {
		conn, err := transport.Dial(ctx, addr, id.ClientTLS(addr, pins, p.KeyLog), tsls.Hello{Program: ls.Program, Name: p.Host})
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		return conn.Call(ctx, m)
	}
}
