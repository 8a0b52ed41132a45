//go:build linux

package tcx

import (
	"github.com/cilium/ebpf/asm"

	"github.com/tslab/tslab/netlab/fault"
)

const (
	etherHeader = 14
	ipv4Header  = 20
	ipv6Header  = 40
	arpLength   = 28
	tcpHeader   = 20
	udpHeader   = 8

	checksumTCP, checksumUDP, checksumICMP = 16, 6, 2 // places in their headers
)

// ether goes to a label when the frame is of the type.
func (b *builder) ether(kind uint16, label string) {
	b.add(
		asm.LoadMem(asm.R1, frame, skbProtocol, asm.Word), asm.HostTo(asm.BE, asm.R1, asm.Half),
		asm.JEq.Imm(asm.R1, int32(kind), label),
	)
}

// ipv4 reads the header of RFC 791 3.1 into its place and the registers. A fragment
// behind the first has no transport header: its register is 0.
func (b *builder) ipv4(short string) {
	whole := b.unique()
	b.load(asm.R10, etherHeader, ipv4Header, network, short)
	b.add(
		asm.LoadMem(transport, asm.R10, network, asm.Byte), asm.And.Imm(transport, 0x0f), asm.LSh.Imm(transport, 2),
		asm.Add.Imm(transport, etherHeader),
		asm.LoadMem(asm.R1, asm.R10, network+9, asm.Byte), asm.StoreMem(asm.R10, protocol, asm.R1, asm.DWord),
	)
	b.big16(end, network+2)
	b.add(asm.Add.Imm(end, etherHeader))
	b.big16(asm.R1, network+6)
	b.add(asm.And.Imm(asm.R1, 0x1fff), asm.JEq.Imm(asm.R1, 0, whole), asm.Mov.Imm(transport, 0))
	b.label(whole)
}

// ipv6 reads the header of RFC 8200 3. A lab sends no extension headers.
func (b *builder) ipv6(short string) {
	b.load(asm.R10, etherHeader, ipv6Header, network, short)
	b.add(
		asm.Mov.Imm(transport, etherHeader+ipv6Header),
		asm.LoadMem(asm.R1, asm.R10, network+6, asm.Byte), asm.StoreMem(asm.R10, protocol, asm.R1, asm.DWord),
	)
	b.big16(end, network+4)
	b.add(asm.Add.Imm(end, etherHeader+ipv6Header))
}

// carries goes to a label when the packet carries none of the protocols.
func (b *builder) carries(other string, protocols ...int32) {
	found := b.unique()
	b.add(asm.LoadMem(asm.R1, asm.R10, protocol, asm.DWord))
	for _, p := range protocols {
		b.add(asm.JEq.Imm(asm.R1, p, found))
	}
	b.add(asm.Ja.Label(other))
	b.label(found)
}

// ports reads the ports of TCP and UDP into their place.
func (b *builder) ports(none string) {
	b.carries(none, fault.ProtocolTCP, fault.ProtocolUDP)
	b.add(asm.JEq.Imm(transport, 0, none))
	b.load(transport, 0, 4, ports, none)
}

// port goes to a label when neither port is the number.
func (b *builder) port(n uint16, other string) {
	found := b.unique()
	for _, place := range []int16{ports, ports + 2} {
		b.big16(asm.R1, place)
		b.add(asm.JEq.Imm(asm.R1, int32(n), found))
	}
	b.add(asm.Ja.Label(other))
	b.label(found)
}

// content finds where the content of TCP or UDP begins; packets that have none go to a
// label.
func (b *builder) content(none string) {
	udp, found := b.unique(), b.unique()
	b.ports(none)
	b.add(asm.LoadMem(asm.R1, asm.R10, protocol, asm.DWord), asm.JEq.Imm(asm.R1, fault.ProtocolUDP, udp))
	b.load(transport, 0, tcpHeader, ports, none)
	b.add(
		asm.LoadMem(payload, asm.R10, ports+12, asm.Byte), asm.RSh.Imm(payload, 4), asm.LSh.Imm(payload, 2), // RFC 9293 3.1
		asm.Add.Reg(payload, transport),
		asm.Ja.Label(found),
	)
	b.label(udp)
	b.add(asm.Mov.Reg(payload, transport), asm.Add.Imm(payload, udpHeader))
	b.label(found)
	b.add(asm.JGE.Reg(payload, end, none))
}
