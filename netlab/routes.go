package netlab

import (
	"net/netip"
	"slices"
)

// Route says by which router a host reaches a net that it is not on.
type Route struct {
	Net string
	To  netip.Prefix
	Via netip.Addr
}

// Routes are the routes of a host to every net that routers lead to, over as few of
// them as can be; of several, over the one that was declared first.
func (s *Spec) Routes(hostName string) []Route {
	host, ok := s.Host(hostName)
	if !ok {
		return nil
	}
	reached := map[string]bool{}
	type hop struct {
		net string
		by  Cable // of the first router, on a net of the host's; zero on those nets
	}
	var queue []hop
	for _, c := range host.Cables {
		reached[c.Net] = true
		queue = append(queue, hop{net: c.Net})
	}
	var routes []Route
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, r := range s.Hosts {
			i := slices.IndexFunc(r.Cables, func(c Cable) bool { return c.Net == at.net })
			if !r.Router || r.Name == hostName || i < 0 {
				continue
			}
			by := at.by
			if by.Net == "" {
				by = r.Cables[i]
			}
			for _, c := range r.Cables {
				if reached[c.Net] {
					continue
				}
				reached[c.Net] = true
				queue = append(queue, hop{c.Net, by})
				routes = append(routes, s.routesTo(c.Net, by)...)
			}
		}
	}
	return routes
}

// routesTo are the routes to a net by a router: of IPv4, and of IPv6 where both ends
// have it.
func (s *Spec) routesTo(name string, by Cable) []Route {
	n, _ := s.Net(name)
	var routes []Route
	if n.Prefix.IsValid() && by.Address.IsValid() {
		routes = append(routes, Route{name, n.Prefix, by.Address})
	}
	if n.Prefix6.IsValid() && by.Address6.IsValid() {
		routes = append(routes, Route{name, n.Prefix6, by.Address6})
	}
	return routes
}
