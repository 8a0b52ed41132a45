//go:build linux

package tcx

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"github.com/tslab/tslab/netlab/fault"
)

// Traffic is what one cable carried one way of one kind of message.
type Traffic struct {
	Link   string `json:"link"`
	ToHost bool   `json:"to_host"` // what the host receives, else what it sends
	Kind   string `json:"kind"`    // one of Kinds
	Frames uint64 `json:"frames"`
	Bytes  uint64 `json:"bytes"` // of whole frames
}

// Kinds of frames that carry no message the kernel can tell: "tcp" is also a segment
// without content.
const (
	kindOther = "other"
	kindARP   = "arp"
	kindICMP  = "icmp"
	kindUDP   = "udp"
	kindTCP   = "tcp"
	kindDNS   = "dns"
)

// service is a kind that is told by its port at either end.
type service struct {
	port uint16
	kind string
}

func datagramServices() []service { return []service{{dnsPort, kindDNS}, {3344, "gossip"}} }

func streamServices() []service {
	return []service{{3389, "rdp"}, {3343, "tsls"}, {3344, "gossip over tcp"}, {3346, "enroll"}, {443, "https"}, {dnsPort, "dns over tcp"}}
}

// Kinds are all kinds of traffic that are told apart: licensing messages that are not
// encrypted and discovery datagrams by their first bytes, the rest by protocol and port.
func Kinds() []string {
	all := []string{kindOther, kindARP, kindICMP, kindUDP, kindTCP}
	for _, name := range fault.MessageNames() {
		if port, _, datagram := fault.Datagram(name); datagram && port != dnsPort || licensingType(name) != 0 {
			all = append(all, name)
		}
	}
	for _, s := range append(datagramServices(), streamServices()...) {
		all = append(all, s.kind)
	}
	return all
}

// Counter counts the traffic of cables in the kernel. Frames count as they are sent and
// as they arrive, before and after any fault of this engine: what a host sends counts
// before what the faults laid later do to it, what it receives likewise.
type Counter struct {
	spots []spot
	links []link.Link
	sums  *ebpf.Map
}

// amount is what is counted of one kind at one spot.
type amount struct{ Frames, Bytes uint64 }

const amountSize = 16

// Count begins to count the traffic of cables. It must be called in the switch's
// network namespace.
func Count(links []fault.Link) (*Counter, error) {
	c := &Counter{}
	for _, l := range links {
		c.spots = append(c.spots, spot{l, false}, spot{l, true})
	}
	var err error
	c.sums, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "tslab_traffic", Type: ebpf.Array, KeySize: 4, ValueSize: uint32(max(len(c.spots), 1) * len(Kinds()) * amountSize), MaxEntries: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("traffic: map: %w", explain(err))
	}
	for i, s := range c.spots {
		if err := c.attach(i, s); err != nil {
			return nil, errors.Join(fmt.Errorf("traffic: %s: %w", s.link.Name, explain(err)), c.Close())
		}
	}
	return c, nil
}

func (c *Counter) attach(i int, s spot) error {
	p, err := load(counting(c.sums.FD(), i))
	if err != nil {
		return err
	}
	defer p.Close() // the link holds it
	l, err := attach(s, p)
	if err != nil {
		return err
	}
	c.links = append(c.links, l)
	return nil
}

// Traffic is what was counted so far, without what was not seen at all.
func (c *Counter) Traffic() ([]Traffic, error) {
	kinds := Kinds()
	sums := make([]amount, max(len(c.spots), 1)*len(kinds))
	if err := c.sums.Lookup(uint32(0), &sums); err != nil {
		return nil, fmt.Errorf("traffic: %w", err)
	}
	var all []Traffic
	for i, s := range c.spots {
		for k, name := range kinds {
			if n := sums[i*len(kinds)+k]; n.Frames > 0 {
				all = append(all, Traffic{Link: s.link.Name, ToHost: s.toHost, Kind: name, Frames: n.Frames, Bytes: n.Bytes})
			}
		}
	}
	return all, nil
}

// Close ends the counting.
func (c *Counter) Close() error {
	var errs []error
	for _, l := range c.links {
		errs = append(errs, l.Close())
	}
	return errors.Join(append(errs, c.sums.Close())...)
}

// counting is the program that counts at a spot.
func counting(sums, index int) *builder {
	const (
		v4, v6, inner, stream, byPort = "v4", "v6", "inner", "stream", "stream by port"
		count                         = "count"
	)
	b := &builder{}
	b.begin()
	b.ether(fault.EtherARP, kindARP)
	b.ether(fault.EtherIPv4, v4)
	b.ether(fault.EtherIPv6, v6)
	b.add(asm.Ja.Label(kindOther))
	b.label(v4)
	b.ipv4(kindOther)
	b.add(asm.Ja.Label(inner))
	b.label(v6)
	b.ipv6(kindOther)
	b.label(inner)
	b.add(asm.LoadMem(asm.R1, asm.R10, protocol, asm.DWord))
	for _, p := range []struct {
		number int32
		label  string
	}{{fault.ProtocolICMP, kindICMP}, {fault.ProtocolICMPv6, kindICMP}, {fault.ProtocolTCP, stream}} {
		b.add(asm.JEq.Imm(asm.R1, p.number, p.label))
	}
	b.add(asm.JNE.Imm(asm.R1, fault.ProtocolUDP, kindOther))
	b.content(kindUDP)
	b.located()
	b.services(datagramServices(), kindUDP)
	b.label(stream)
	b.content(kindTCP)
	b.licensing(byPort)
	for _, name := range fault.MessageNames() {
		if t := licensingType(name); t != 0 {
			b.add(asm.JEq.Imm(asm.R1, int32(t), name))
		}
	}
	b.label(byPort)
	b.ports(kindTCP)
	b.services(streamServices(), kindTCP)
	for i, name := range Kinds() {
		b.label(name)
		b.add(asm.Mov.Imm(transport, int32(i*amountSize)), asm.Ja.Label(count))
	}
	b.label(count)
	b.add(
		asm.LoadMapValue(asm.R1, sums, uint32(index*len(Kinds())*amountSize)), asm.Add.Reg(asm.R1, transport),
		asm.Mov.Imm(asm.R2, 1), asm.StoreXAdd(asm.R1, asm.R2, asm.DWord),
		asm.LoadMem(asm.R2, frame, skbLen, asm.Word),
		asm.Add.Imm(asm.R1, 8), asm.StoreXAdd(asm.R1, asm.R2, asm.DWord),
	)
	b.finish()
	return b
}

// located goes to the kind of a discovery datagram, if it is one.
func (b *builder) located() {
	other := b.unique()
	port := uint16(0)
	for _, name := range fault.MessageNames() {
		p, number, datagram := fault.Datagram(name)
		if !datagram || p == dnsPort {
			continue
		}
		if port == 0 {
			port = p
			b.port(port, other)
			b.load(payload, 0, 6, content, other) // magic, version, kind
			b.add(asm.LoadMem(asm.R1, asm.R10, content+5, asm.Byte))
		}
		b.add(asm.JEq.Imm(asm.R1, int32(number), name))
	}
	b.label(other)
}

// services goes to the kind of the first service whose port is at either end.
func (b *builder) services(all []service, other string) {
	for _, s := range all {
		for _, place := range []int16{ports, ports + 2} {
			b.big16(asm.R1, place)
			b.add(asm.JEq.Imm(asm.R1, int32(s.port), s.kind))
		}
	}
	b.add(asm.Ja.Label(other))
}
