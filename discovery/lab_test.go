package discovery_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tslab/tslab/discovery"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/wire/locate"
	"github.com/tslab/tslab/wire/tsls"
)

// world is an in-memory network: license servers by address, DNS, a site map.
type world struct {
	mu      sync.Mutex
	servers map[string]*host // by host:port
	dcs     []string         // names that the SRV records show
	names   map[string]netip.Addr
	site    discovery.Site
	siteErr error
	probed  []string // in their order
	asked   int      // broadcasts

	chosen []string
	none   int
}

// host is a machine that may run a license server.
type host struct {
	info    tsls.ServerInfo
	group   string
	dead    bool         // nothing answers at all
	silent  bool         // accepts, and never answers
	enquire func() error // what it says to who asks, nil for the usual
}

func newWorld() *world {
	return &world{servers: map[string]*host{}, names: map[string]netip.Addr{}}
}

// add puts a license server into the world; name is "ls1", addr its IP.
func (w *world) add(name, addr, scope string) *host {
	h := &host{info: tsls.ServerInfo{
		Name: name, Edition: "w2k-sp3", Scope: scope, Activated: true, ServerID: "LAB-" + name, Certificates: [][]byte{[]byte(name)},
	}, group: "WORKGROUP"}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.servers[addr+":3343"] = h
	w.names[name] = netip.MustParseAddr(addr)
	return h
}

// Broadcast has every license server of the world reply.
func (w *world) Broadcast(ctx context.Context, query []byte, heard func(netip.AddrPort, []byte)) error {
	q, err := locate.ParseQuery(query)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.asked++
	addrs := make([]string, 0, len(w.servers))
	for addr := range w.servers {
		addrs = append(addrs, addr)
	}
	slices.Sort(addrs)
	var replies []func()
	for _, addr := range addrs {
		h := w.servers[addr]
		scope, err := locate.ParseScope(h.info.Scope)
		if err != nil || h.dead || h.silent || !q.Means(scope, h.group, h.info.Name) {
			continue
		}
		b, err := locate.Reply{
			Nonce: q.Nonce, Name: h.info.Name, Port: 3343, Edition: h.info.Edition, Scope: scope, Group: h.group,
		}.Append(nil)
		if err != nil {
			w.mu.Unlock()
			return err
		}
		from := netip.AddrPortFrom(netip.MustParseAddrPort(addr).Addr(), locate.Port)
		replies = append(replies, func() { heard(from, b) })
	}
	w.mu.Unlock()
	for _, reply := range replies {
		if ctx.Err() == nil {
			reply()
		}
	}
	<-ctx.Done()
	return nil
}

func (w *world) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if service != "ldap" || proto != "tcp" || name != "dc._msdcs.lab.example" {
		return "", nil, errors.New("no such record: _" + service + "._" + proto + "." + name)
	}
	var records []*net.SRV
	for _, dc := range w.dcs {
		records = append(records, &net.SRV{Target: dc + ".", Port: 389})
	}
	return "", records, nil
}

func (w *world) LookupNetIP(_ context.Context, _, name string) ([]netip.Addr, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a, ok := w.names[name]; ok {
		return []netip.Addr{a}, nil
	}
	return nil, errors.New("no such host: " + name)
}

func (w *world) lookupSite(context.Context) (discovery.Site, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.site, w.siteErr
}

var errRefused = errors.New("connection refused")

func (w *world) probe(ctx context.Context, addr string) (tsls.ServerInfo, error) {
	if name, port, err := net.SplitHostPort(addr); err == nil {
		w.mu.Lock()
		if a, ok := w.names[name]; ok {
			addr = net.JoinHostPort(a.String(), port)
		}
		w.mu.Unlock()
	}
	w.mu.Lock()
	w.probed = append(w.probed, addr)
	h := w.servers[addr]
	w.mu.Unlock()
	switch {
	case h == nil || h.dead:
		return tsls.ServerInfo{}, errRefused
	case h.silent:
		<-ctx.Done()
		return tsls.ServerInfo{}, context.Cause(ctx)
	case h.enquire != nil:
		return h.info, h.enquire()
	}
	return h.info, nil
}

// seeker is a Finder in a world, in the bubble's calendar.
type seeker struct {
	*discovery.Finder
	*world
	setup  discovery.Setup
	events bytes.Buffer
}

// newSeeker makes one of an edition in the workgroup; change alters its configuration.
func newSeeker(t *testing.T, w *world, e edition.Edition, change func(*discovery.Setup, *discovery.Config)) *seeker {
	t.Helper()
	p := edition.Of(e)
	s := &seeker{world: w, setup: discovery.FromProfile(&p)}
	s.setup.Workgroup = "WORKGROUP"
	c := discovery.Config{
		Setup: func() discovery.Setup { return s.setup }, Resolver: w, Network: w, Site: w.lookupSite, Probe: w.probe,
		Clock: clock.System{}, Rand: rand.New(rand.NewPCG(1, 1)),
		Chosen: func(s discovery.Server) { w.chosen = append(w.chosen, s.Info.Name) },
		None:   func() { w.none++ },
	}
	c.Log = eventlog.New(&s.events, "ts1", "termsrv", c.Clock, nil)
	if change != nil {
		change(&s.setup, &c)
	}
	var err error
	if s.Finder, err = discovery.New(c); err != nil {
		t.Fatal(err)
	}
	return s
}

// inUse is the name of the license server in use, "" for none.
func (s *seeker) inUse() string {
	c, _ := s.Current()
	return c.Info.Name
}

// known are the names of the catalog, silent ones with a minus before.
func (s *seeker) known() string {
	var names []string
	for _, c := range s.Catalog() {
		name := c.Info.Name
		if !c.Live {
			name = "-" + name
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// until lets calendar time pass in which the Finder does what is due.
func (s *seeker) until(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := s.Run(ctx, "termsrv"); err != nil {
		t.Fatal(err)
	}
}

func (s *seeker) count(event string) int { return strings.Count(s.events.String(), `"`+event+`"`) }
