//go:build linux

package export

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/tslab/tslab/netlab"
)

// The Compose Specification, https://github.com/compose-spec/compose-spec.

// compose is the lab as a file for Docker Compose.
func (l *lab) compose() string {
	var b strings.Builder
	l.heading(&b)
	fmt.Fprintf(&b, "name: %s\n\nservices:\n", scalar(l.Name))
	for _, h := range l.Spec.Hosts {
		l.service(&b, h)
	}
	b.WriteString("\nnetworks:\n")
	for _, n := range l.Spec.Nets {
		l.network(&b, n)
	}
	return b.String()
}

// heading is the comment at the beginning of a topology.
func (l *lab) heading(b *strings.Builder) {
	fmt.Fprintf(b, "# %s: %s\n# %s README.md says how to run it, and what it is not.\n\n", l.Name, l.Title, Mark)
}

func (l *lab) service(b *strings.Builder, h netlab.Host) {
	fmt.Fprintf(b, "  %s:\n    image: %s\n    hostname: %s\n", scalar(h.Name), scalar(l.image()), scalar(h.Name))
	fmt.Fprintf(b, "    command: %s\n", list(l.command(h.Name), "$", "$$"))
	b.WriteString("    cap_add: [NET_ADMIN]\n")
	if h.Router {
		b.WriteString("    sysctls:\n      net.ipv4.ip_forward: \"1\"\n")
		if slices.ContainsFunc(h.Cables, func(c netlab.Cable) bool { return c.Address6.IsValid() }) {
			b.WriteString("      net.ipv6.conf.all.forwarding: \"1\"\n")
		}
	}
	if h.Domain != "" {
		fmt.Fprintf(b, "    volumes:\n      - %s\n", scalar("./domain:"+netlab.PlanDomain))
	}
	b.WriteString("    networks:\n")
	for _, c := range h.Cables {
		fmt.Fprintf(b, "      %s:\n", scalar(c.Net))
		if c.Address.IsValid() {
			fmt.Fprintf(b, "        ipv4_address: %s\n", scalar(c.Address.String()))
		}
		if c.Address6.IsValid() {
			fmt.Fprintf(b, "        ipv6_address: %s\n", scalar(c.Address6.String()))
		}
	}
}

func (l *lab) network(b *strings.Builder, n netlab.Net) {
	fmt.Fprintf(b, "  %s:\n    driver: bridge\n", scalar(n.Name))
	if !l.routers() { // Docker's rules for internal networks stop what routers forward
		b.WriteString("    internal: true\n")
	}
	if n.Prefix6.IsValid() {
		b.WriteString("    enable_ipv6: true\n")
	}
	if !n.Prefix.IsValid() { // else Docker gives it a prefix of its own, and the hosts a second way to each other
		b.WriteString("    enable_ipv4: false\n")
	}
	b.WriteString("    ipam:\n      config:\n")
	for _, p := range n.Prefixes() { // the first addresses are the lab's hosts'; the bridge has the last
		fmt.Fprintf(b, "        - subnet: %s\n          gateway: %s\n", scalar(p.String()), scalar(lastAddress(p).String()))
	}
}

// lastAddress is the last address of a prefix that a host may have.
func lastAddress(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8-1; bit++ { // all ones but the last
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// scalar is a string in YAML, which has JSON's strings among its own (YAML 1.2, 7.3.1).
func scalar(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always can be
	return strings.TrimSuffix(b.String(), "\n")
}

// list is a list of strings in a line of YAML, with old replaced by new in each.
func list(items []string, old, new string) string {
	quoted := make([]string, len(items))
	for i, item := range items {
		quoted[i] = scalar(strings.ReplaceAll(item, old, new))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
