//go:build linux

package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tslab/tslab/netlab"
)

// containerlab is the lab as a topology file, https://containerlab.dev/manual/topo-def-file/.
// A net is a node of its own, a switch: containerlab's links have two ends, and its
// bridges would have to be there before.
func (l *lab) containerlab() string {
	var b strings.Builder
	l.heading(&b)
	fmt.Fprintf(&b, "name: %s\n\ntopology:\n  nodes:\n", scalar(l.Name))
	for _, n := range l.Spec.Nets {
		l.node(&b, switchName(n.Name), false)
	}
	for _, h := range l.Spec.Hosts {
		l.node(&b, h.Name, h.Domain != "")
	}
	b.WriteString("\n  links:\n")
	for _, h := range l.Spec.Hosts {
		for i, c := range h.Cables {
			ends := []string{h.Name + ":" + cableName(i), switchName(c.Net) + ":" + cableName(l.port(c.Net, h.Name))}
			fmt.Fprintf(&b, "    - endpoints: %s\n", list(ends, "", ""))
		}
	}
	return b.String()
}

// node is one node. It is on no management network: over that, hosts would find each
// other past every cut, and license servers past every router.
func (l *lab) node(b *strings.Builder, name string, domain bool) {
	fmt.Fprintf(b, "    %s:\n      kind: linux\n      image: %s\n      network-mode: none\n", scalar(name), scalar(l.image()))
	fmt.Fprintf(b, "      cmd: %s\n", scalar(shell(l.command(name))))
	if domain {
		fmt.Fprintf(b, "      binds:\n        - %s\n", scalar("domain:"+netlab.PlanDomain))
	}
}

// switchName is the node that a net is.
func switchName(net string) string { return "net-" + net }

// cableName is a node's interface, counted from 0; eth0 is containerlab's own.
func cableName(i int) string { return fmt.Sprintf("eth%d", i+1) }

// port is a host's place at the switch of a net, counted from 0.
func (l *lab) port(net, host string) int { return slices.Index(l.members(net), host) }

// members are the hosts on a net, in order.
func (l *lab) members(net string) []string {
	var names []string
	for _, h := range l.Spec.Hosts {
		if slices.ContainsFunc(h.Cables, func(c netlab.Cable) bool { return c.Net == net }) {
			names = append(names, h.Name)
		}
	}
	return names
}
