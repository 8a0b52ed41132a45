//go:build linux

package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/fault"
)

// laid is a fault, or a partition, that the engine can do.
type laid struct {
	name, text   string
	lay, healing []string // lines of the script
}

// lay takes a fault of the drill, or a partition, into the script, or says why not.
func (l *lab) lay(s netlab.Planned) {
	if slices.ContainsFunc(l.faulted, func(f laid) bool { return f.name == s.Name }) {
		return // the drill lays it again
	}
	number := len(l.faulted) + 1
	out := laid{name: s.Name, text: s.Text}
	if s.Word == "partition" {
		var groups []string
		for _, g := range s.Groups {
			groups = append(groups, strings.Join(g, ", "))
		}
		out.text = "nothing between " + strings.Join(groups, " and ")
		for _, f := range partition(s) {
			l.drop(&out, f, number)
		}
		l.faulted = append(l.faulted, out)
		return
	}
	f := s.Fault
	out.text = f.String()
	why := unable(f)
	if why == "" {
		switch f.Kind {
		case fault.Cut, fault.Drop:
			l.drop(&out, f, number)
		default:
			why = l.impair(&out, f)
		}
	}
	if why != "" {
		l.unlaid = append(l.unlaid, fmt.Sprintf("%s: fault %s (%s): %s.", s.Place, s.Name, f, why))
	}
	if len(out.lay) > 0 {
		l.faulted = append(l.faulted, out)
	}
}

// unable is why no engine can do a fault; "" when one may.
func unable(f fault.Fault) string {
	selective := len(f.Peers) > 0 || f.Protocol != "" || f.Port != 0
	switch {
	case f.Message != "":
		return "the kernel knows no messages"
	case f.Nth > 0 || f.Times > 0:
		return "the kernel does not count frames for tc"
	case f.Schedule != (fault.Schedule{}) || f.Kind == fault.Flap:
		return "it has a schedule; lay and heal it by hand"
	case f.Kind == fault.Reset:
		return "tc resets no connection"
	case selective && f.Kind != fault.Cut && f.Kind != fault.Drop:
		return "netem works on a whole cable, not for a peer, a protocol or a port"
	}
	return ""
}

// partition is the cuts that make one: at every group but the first.
func partition(s netlab.Planned) (cuts []fault.Fault) {
	for i, g := range s.Groups[min(1, len(s.Groups)):] {
		others := slices.Concat(slices.Delete(slices.Clone(s.Groups), i+1, i+2)...)
		for _, host := range g {
			cuts = append(cuts, fault.Fault{Name: s.Name, Kind: fault.Cut, Host: host, Peers: others})
		}
	}
	return cuts
}

// cables are those of a fault, with their number.
func (l *lab) cables(f fault.Fault) (cables []netlab.Cable, numbers []int) {
	h, _ := l.Spec.Host(f.Host)
	for i, c := range h.Cables {
		if f.Interface == "" || f.Interface == c.Interface {
			cables, numbers = append(cables, c), append(numbers, i)
		}
	}
	return cables, numbers
}

// device is how the script names a cable's interface on its host. Compose chooses the
// names itself.
func (l *lab) device(host string, c netlab.Cable, number int) string {
	if l.to == Containerlab {
		return cableName(number)
	}
	return fmt.Sprintf(`"$(dev %s %v)"`, host, c.Addresses()[0])
}

// impair does by netem what is done to frames by chance or by time.
func (l *lab) impair(out *laid, f fault.Fault) (why string) {
	options, why := netem(f)
	if why != "" {
		return why
	}
	cables, numbers := l.cables(f)
	for i, c := range cables {
		if f.Direction != fault.To {
			dev := l.device(f.Host, c, numbers[i])
			out.lay = append(out.lay, fmt.Sprintf("on %s tc qdisc replace dev %s root netem %s", f.Host, dev, options))
			out.healing = append(out.healing, fmt.Sprintf("on %s tc qdisc del dev %s root", f.Host, dev))
		}
		if f.Direction != fault.From && l.to == Containerlab { // what the host receives is what the switch sends
			node, dev := switchName(c.Net), cableName(l.port(c.Net, f.Host))
			out.lay = append(out.lay, fmt.Sprintf("on %s tc qdisc replace dev %s root netem %s", node, dev, options))
			out.healing = append(out.healing, fmt.Sprintf("on %s tc qdisc del dev %s root", node, dev))
		}
	}
	if f.Direction != fault.From && l.to == Compose {
		return "netem works on what a container sends; what " + f.Host + " receives is not impaired"
	}
	return ""
}

// netem is a fault in the words of tc-netem(8).
func netem(f fault.Fault) (options, why string) {
	percent := f.Percent
	if percent == 0 {
		percent = 100
	}
	switch f.Kind {
	case fault.Loss:
		return fmt.Sprintf("loss %g%%", percent), ""
	case fault.Duplicate:
		if f.Copies > 1 {
			return "", "netem duplicates once"
		}
		return fmt.Sprintf("duplicate %g%%", percent), ""
	case fault.Corrupt:
		if f.Checksum != fault.Kept {
			return "", "netem leaves checksums as they are, so that the receiver's kernel drops what is damaged"
		}
		return fmt.Sprintf("corrupt %g%%", percent), ""
	case fault.Delay:
		if f.Percent > 0 && f.Percent < 100 {
			return "", "netem delays every frame"
		}
		s := fmt.Sprintf("delay %dus", f.Delay.Microseconds())
		if f.Jitter > 0 {
			s += fmt.Sprintf(" %dus", f.Jitter.Microseconds())
		}
		return s, ""
	case fault.Rate:
		return fmt.Sprintf("rate %dkbit", f.Kilobits), ""
	case fault.Reorder:
		hold := f.Delay
		if hold == 0 {
			hold = fault.DefaultHold
		}
		return fmt.Sprintf("delay %dus reorder %g%% gap %d", hold.Microseconds(), 100-percent, max(f.Gap, 1)), ""
	}
	return "", "netem does not know it"
}

// drop loses what passes a filter, both ways unless told otherwise. The number keeps
// the filters of one fault apart from those of others.
func (l *lab) drop(out *laid, f fault.Fault, number int) {
	cables, numbers := l.cables(f)
	for i, c := range cables {
		dev := l.device(f.Host, c, numbers[i])
		out.lay = append(out.lay, fmt.Sprintf("on %s tc qdisc add dev %s clsact 2>/dev/null || true", f.Host, dev))
		for _, way := range []struct {
			name, peer string
			skip       bool
		}{{"egress", "dst_ip", f.Direction == fault.To}, {"ingress", "src_ip", f.Direction == fault.From}} {
			if way.skip {
				continue
			}
			// Filters of different protocols have preferences of their own (tc(8)).
			for j, match := range l.matches(f, way.peer) {
				pref := number*100 + j
				out.lay = append(out.lay, fmt.Sprintf("on %s tc filter add dev %s %s pref %d %s action drop", f.Host, dev, way.name, pref, match))
				out.healing = append(out.healing, fmt.Sprintf("on %s tc filter del dev %s %s pref %d", f.Host, dev, way.name, pref))
			}
		}
	}
}

// matches are the filters for what a fault is about, as tc-flower(8) has them.
func (l *lab) matches(f fault.Fault, peer string) (filters []string) {
	protocols := []string{"ip", "ipv6"}
	switch f.Protocol {
	case "arp":
		return []string{"protocol arp matchall"}
	case "ipv4":
		protocols = []string{"ip"}
	case "ipv6":
		protocols = []string{"ipv6"}
	case "":
		if len(f.Peers) == 0 && f.Port == 0 {
			return []string{"protocol all matchall"}
		}
	}
	for _, protocol := range protocols {
		for _, address := range l.addresses(f.Peers, protocol == "ipv6") {
			for _, transport := range transports(f, protocol) {
				s := "protocol " + protocol + " flower"
				if transport != "" {
					s += " ip_proto " + transport
				}
				if address != "" {
					s += " " + peer + " " + address
				}
				if f.Port == 0 {
					filters = append(filters, s)
					continue
				}
				filters = append(filters, fmt.Sprintf("%s dst_port %d", s, f.Port), fmt.Sprintf("%s src_port %d", s, f.Port))
			}
		}
	}
	return filters
}

func transports(f fault.Fault, protocol string) []string {
	switch {
	case f.Protocol == "icmp" && protocol == "ipv6":
		return []string{"icmpv6"}
	case f.Protocol == "tcp" || f.Protocol == "udp" || f.Protocol == "icmp":
		return []string{f.Protocol}
	case f.Port != 0:
		return []string{"tcp", "udp"}
	}
	return []string{""}
}

// addresses are those of hosts in one of the two families; "" for everybody's.
func (l *lab) addresses(hosts []string, six bool) (addresses []string) {
	if len(hosts) == 0 {
		return []string{""}
	}
	for _, name := range hosts {
		h, _ := l.Spec.Host(name)
		for _, c := range h.Cables {
			for _, a := range c.Addresses() {
				if a.Is6() == six {
					addresses = append(addresses, a.String())
				}
			}
		}
	}
	return addresses
}

// faults is the script that lays and heals.
func (l *lab) faults() string {
	lines := []string{
		"#!/bin/sh",
		"# faults.sh lay NAME | heal NAME: the faults of the drill. A cable has one netem at a time.",
	}
	for _, f := range l.faulted {
		lines = append(lines, fmt.Sprintf("#   %s: %s", f.name, f.text))
	}
	if len(l.faulted) == 0 {
		lines = append(lines, "#   The drill has none that "+string(l.to)+" can do.")
	}
	lines = append(lines, "set -eu", `cd "$(dirname "$0")"`, ". ./engine.sh")
	if l.to == Compose {
		lines = append(lines, "# dev HOST ADDRESS: the interface that has the address.",
			`dev() { on "$1" sh -c "ip -o addr show to $2 | awk '{print \$2; exit}'" </dev/null; }`)
	}
	lines = append(lines, `case "${1:-} ${2:-}" in`)
	for _, f := range l.faulted {
		lines = append(append(lines, quote("lay "+f.name)+")"), indent(f.lay)...)
		lines = append(lines, "	;;")
		lines = append(append(lines, quote("heal "+f.name)+")"), indent(f.healing)...)
		lines = append(lines, "	;;")
	}
	return text(append(lines, "*)", `	sed -n '2,/^set/s/^#//p' "$0" >&2`, "	exit 2", "	;;", "esac")...)
}

func indent(lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = "	" + line
		if !strings.Contains(line, "2>/dev/null") {
			out[i] += " </dev/null"
		}
	}
	return out
}
