//go:build linux

package export

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tslab/tslab/netlab"
)

// boot is what every host begins with: its network, its names, its calendar, its
// program.
func (l *lab) boot() string {
	return text("#!/bin/sh",
		"# boot NAME [PROGRAM ARG...]: what every host of this lab begins with.",
		"set -eu",
		`host=$1`, `shift`,
		"",
		"# cable INTERFACE ADDRESS...: waits for the cable and gives it addresses.",
		"cable() {",
		`	dev=$1; shift`,
		`	until ip link show dev "$dev" >/dev/null 2>&1; do sleep 1; done`,
		`	for address; do`,
		`		case $address in *:*) ip addr add "$address" dev "$dev" nodad ;; *) ip addr add "$address" brd + dev "$dev" ;; esac`,
		`	done`,
		`	ip link set "$dev" up`,
		"}",
		"# route PREFIX ROUTER",
		`route() { case $1 in *:*) ip -6 route replace "$1" via "$2" ;; *) ip route replace "$1" via "$2" ;; esac; }`,
		"# forward: this host is a router.",
		`forward() { echo 1 >/proc/sys/net/ipv4/ip_forward; [ ! -e /proc/sys/net/ipv6/conf/all/forwarding ] || echo 1 >/proc/sys/net/ipv6/conf/all/forwarding; }`,
		"# switch INTERFACE...: this host is a net.",
		"switch() {",
		"	ip link add br0 type bridge",
		"	ip link set br0 up",
		`	for dev; do`,
		`		until ip link show dev "$dev" >/dev/null 2>&1; do sleep 1; done`,
		`		ip link set "$dev" master br0 up`,
		`	done`,
		"}",
		"# resolver DOMAIN ADDRESS...: whom this host asks about names.",
		"resolver() {",
		`	{ echo "search $1"; echo "options timeout:1 attempts:1"; shift; for a; do echo "nameserver $a"; done; } >/etc/resolv.conf`,
		"}",
		"# name ADDRESS NAME...",
		`name() { echo "$@" >>/etc/hosts; }`,
		"# served ADDRESS PORT: waits until somebody listens there.",
		`served() { until nc -z -w 1 "$1" "$2" 2>/dev/null; do sleep 1; done; }`,
		"# document FILE: waits until setup.sh has brought it.",
		`document() { until [ -s "$1" ]; do sleep 1; done; }`,
		"",
		"mkdir -p "+netlab.PlanDocuments,
		"for program in "+strings.Join(shipped(), " ")+"; do mkdir -p "+netlab.PlanState("$program")+"; done",
		fmt.Sprintf("tslab clock --state %s/calendar --begin %s >/dev/null", netlab.PlanRoot, l.Start.UTC().Format(time.RFC3339)),
		fmt.Sprintf(`. "%s/hosts/$host.sh"`, netlab.PlanRoot),
		`[ $# -gt 0 ] || set -- tail -f /dev/null`,
		`exec "$@"`)
}

// hostScript is what is particular to a host.
func (l *lab) hostScript(h netlab.Host) string {
	lines := []string{fmt.Sprintf("# %s, for boot.", h.Name)}
	if l.to == Containerlab {
		for i, c := range h.Cables {
			n, _ := l.Spec.Net(c.Net)
			line := "cable " + cableName(i)
			for i, a := range c.Addresses() {
				line += fmt.Sprintf(" %v/%d", a, n.Prefixes()[i].Bits())
			}
			lines = append(lines, line+" # "+c.Net)
		}
		if h.Router {
			lines = append(lines, "forward")
		}
	}
	for _, r := range l.Spec.Routes(h.Name) {
		lines = append(lines, fmt.Sprintf("route %v %v # %s", r.To, r.Via, r.Net))
	}
	lines = append(append(lines, l.names(h)...), l.waits(h)...)
	return text(lines...)
}

// names are whom a host knows by name: all others, or in a domain those who know.
func (l *lab) names(h netlab.Host) []string {
	var lines []string
	if h.Domain == "" {
		for _, other := range l.Spec.Hosts {
			for _, a := range l.Spec.AddressesOf(other.Name, h.Name) {
				lines = append(lines, fmt.Sprintf("name %v %s", a, other.Name))
			}
		}
		return lines
	}
	controllers := l.Spec.Controllers(h.Domain)
	if h.Controller {
		controllers = []netlab.Host{h}
	}
	line := "resolver " + h.Domain
	for _, c := range controllers {
		line += " " + c.Address().String()
	}
	for _, c := range h.Cables {
		lines = append(lines, fmt.Sprintf("name %v %s.%s %s", c.Addresses()[0], h.Name, h.Domain, h.Name))
	}
	return append(lines, line)
}

// waits are what the programs of a host need before they start.
func (l *lab) waits(h netlab.Host) []string {
	var lines []string
	if h.Domain != "" && !h.Controller && len(l.runs(h.Name)) > 0 && l.isController(h.Domain) {
		address, port := l.PlanEnroll(h.Domain)
		lines = append(lines, fmt.Sprintf("served %s %s", address, port))
	}
	if first, ok := l.Spec.Host(l.firstController()); ok && h.Controller && h.Name != first.Name {
		lines = append(lines, fmt.Sprintf("served %v %s", first.Address(), l.enrollPort()))
	}
	for _, p := range l.runs(h.Name) {
		for _, arg := range p.argv {
			if wait := "document " + quote(arg); strings.HasPrefix(arg, netlab.PlanDocuments+"/") && !slices.Contains(lines, wait) {
				lines = append(lines, wait)
			}
		}
	}
	return lines
}

// switchScript makes a node a net.
func (l *lab) switchScript(n netlab.Net) string {
	line := "switch"
	for i := range l.members(n.Name) {
		line += " " + cableName(i)
	}
	return text(fmt.Sprintf("# The net %s, %v, for boot.", n.Name, n.Prefixes()[0]), line)
}
