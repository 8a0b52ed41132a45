package admin

import (
	"context"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/tslab/tslab/discovery"
	"github.com/tslab/tslab/internal/hostport"
	"github.com/tslab/tslab/wire/tsls"
)

// Search says where license servers are looked for.
type Search struct {
	Servers    []string      // host or host:port: these and no others
	Workgroup  string        // by broadcast: those of the workgroup; empty: of any
	Domain     string        // DNS name: those on its domain controllers, by DNS; empty: by broadcast
	Controller string        // host or host:port that knows the domain's names; empty: the machine's DNS
	Wait       time.Duration // for answers to a broadcast; 0: a second
}

// Finder is a finder of all license servers that a tool can see.
func (d *Desk) Finder(s Search) (*discovery.Finder, error) {
	setup := discovery.Setup{Workgroup: s.Workgroup, Domain: s.Domain, Order: []discovery.Step{discovery.StepDCs}, All: true}
	for _, arg := range s.Servers {
		addr, err := hostport.Parse(arg, DefaultPort)
		if err != nil {
			return nil, err
		}
		setup.List, setup.Order = append(setup.List, addr), []discovery.Step{discovery.StepKeys}
	}
	config := discovery.Config{
		Setup: func() discovery.Setup { return setup }, Network: d.network,
		Limits: discovery.Limits{Answers: s.Wait, Probe: 2 * time.Second},
		Probe: func(ctx context.Context, addr string) (tsls.ServerInfo, error) {
			conn, err := d.Dial(ctx, addr)
			if err != nil {
				return tsls.ServerInfo{}, err
			}
			defer conn.Close()
			return conn.Server(), nil
		},
	}
	if s.Wait == 0 {
		config.Limits.Answers = time.Second
	}
	if d.resolver != nil {
		config.Resolver = d.resolver
	}
	if s.Controller != "" {
		host, _, err := net.SplitHostPort(s.Controller)
		if err != nil {
			host = s.Controller
		}
		config.Resolver = discovery.ResolverAt(net.JoinHostPort(host, "53"))
	}
	return discovery.New(config)
}

// Look makes a pass and returns those that answer, by name and address.
func Look(ctx context.Context, f *discovery.Finder) []discovery.Server {
	var live []discovery.Server
	for _, s := range f.Pass(ctx) {
		if s.Live {
			live = append(live, s)
		}
	}
	slices.SortFunc(live, func(a, b discovery.Server) int {
		if n := strings.Compare(a.Info.Name, b.Info.Name); n != 0 {
			return n
		}
		return strings.Compare(a.Address, b.Address)
	})
	return live
}

// Servers is where a tool asks: the license servers that are named, or else those that
// can be found. A server is found once, however many addresses it has.
func (d *Desk) Servers(ctx context.Context, s Search) ([]string, error) {
	if len(s.Servers) > 0 {
		return s.Servers, nil
	}
	f, err := d.Finder(s)
	if err != nil {
		return nil, err
	}
	var addresses []string
	seen := map[string]bool{}
	for _, found := range Look(ctx, f) {
		key := found.Info.Name + "\x00" + found.Info.ServerID
		if found.Info.ServerID != "" && seen[key] {
			continue
		}
		seen[key] = true
		addresses = append(addresses, found.Address)
	}
	return addresses, ctx.Err()
}
