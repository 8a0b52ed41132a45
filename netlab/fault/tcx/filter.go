//go:build linux

package tcx

import (
	"encoding/binary"
	"net/netip"

	"github.com/cilium/ebpf/asm"

	"github.com/tslab/tslab/netlab/fault"
)

// Labels of the filter.
const (
	arp  = "arp"
	ipv4 = "ipv4"
	ipv6 = "ipv6"
	ip   = "ip"
	mine = "mine" // the frame is the fault's business
)

// side is where an end of a packet stands in the headers.
type side struct{ arp, ipv4, ipv6 int16 }

func source() side      { return side{14, 12, 8} }
func destination() side { return side{24, 16, 24} }

// filter lets go of frames that are none of the fault's business: what
// fault.Placed.Match says, in the kernel. It is false when no frame is: the peers have
// no address of the family.
func (b *builder) filter(f fault.Placed, toHost bool) bool {
	peer := destination()
	if toHost {
		peer = source()
	}
	deep := f.Port != 0 || f.Message != "" || f.Protocol == "tcp" || f.Protocol == "udp" || f.Protocol == "icmp"
	if !deep && len(f.Peers) == 0 && f.Protocol == "" {
		return true
	}
	peers4, peers6 := split(f.Peers)
	some4, some6 := len(f.Peers) == 0 || len(peers4) > 0, len(f.Peers) == 0 || len(peers6) > 0
	wantARP := !deep && (f.Protocol == "" || f.Protocol == "arp") && some4
	want4 := f.Protocol != "arp" && f.Protocol != "ipv6" && some4
	want6 := f.Protocol != "arp" && f.Protocol != "ipv4" && some6
	if !wantARP && !want4 && !want6 {
		return false
	}
	for _, family := range []struct {
		want  bool
		kind  uint16
		label string
	}{{wantARP, fault.EtherARP, arp}, {want4, fault.EtherIPv4, ipv4}, {want6, fault.EtherIPv6, ipv6}} {
		if family.want {
			b.ether(family.kind, family.label)
		}
	}
	b.add(asm.Ja.Label(miss))
	if wantARP {
		b.label(arp)
		// From the address on, which is not aligned to its size in the message (RFC 826).
		b.load(asm.R10, etherHeader+int32(peer.arp), arpLength-int32(peer.arp), network, miss)
		b.addresses(peers4, network)
		b.add(asm.Ja.Label(mine))
	}
	if want4 {
		b.label(ipv4)
		b.ipv4(miss)
		b.addresses(peers4, network+peer.ipv4)
		b.add(asm.Ja.Label(ip))
	}
	if want6 {
		b.label(ipv6)
		b.ipv6(miss)
		b.addresses(peers6, network+peer.ipv6)
	}
	if want4 || want6 {
		b.label(ip)
		b.transports(f)
	}
	b.label(mine)
	return true
}

// transports looks at protocol, port and message.
func (b *builder) transports(f fault.Placed) {
	switch f.Protocol {
	case "tcp":
		b.carries(miss, fault.ProtocolTCP)
	case "udp":
		b.carries(miss, fault.ProtocolUDP)
	case "icmp":
		b.carries(miss, fault.ProtocolICMP, fault.ProtocolICMPv6)
	}
	if f.Port != 0 {
		b.ports(miss)
		b.port(f.Port, miss)
	}
	if f.Message != "" {
		b.message(f.Message)
	}
}

// split sorts addresses by their family.
func split(all []netip.Addr) (v4, v6 []netip.Addr) {
	for _, a := range all {
		if a = a.Unmap(); a.Is4() {
			v4 = append(v4, a)
		} else {
			v6 = append(v6, a)
		}
	}
	return v4, v6
}

// addresses lets go of frames whose address at a place is none of the peers', which
// are of one family.
func (b *builder) addresses(peers []netip.Addr, place int16) {
	if len(peers) == 0 {
		return
	}
	found := b.unique()
	words := []asm.Register{asm.R2, asm.R3, asm.R4, asm.R5}[:peers[0].BitLen()/32]
	for i, r := range words {
		b.add(asm.LoadMem(r, asm.R10, place+int16(4*i), asm.Word), asm.HostTo(asm.BE, r, asm.Word))
	}
	for _, p := range peers {
		a, other := p.AsSlice(), b.unique()
		for i, r := range words {
			b.add(asm.JNE.Imm32(r, int32(binary.BigEndian.Uint32(a[4*i:])), other))
		}
		b.add(asm.Ja.Label(found))
		b.label(other)
	}
	b.add(asm.Ja.Label(miss))
	b.label(found)
}
