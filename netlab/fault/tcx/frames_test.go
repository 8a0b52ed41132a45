//go:build linux

package tcx

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/tslab/tslab/netlab/fault"
	"github.com/tslab/tslab/wire/licensing"
)

// The ends of every sample.
func host4() netip.Addr { return netip.MustParseAddr("10.0.0.1") }
func peer4() netip.Addr { return netip.MustParseAddr("10.0.0.2") }
func host6() netip.Addr { return netip.MustParseAddr("fd00::1") }
func peer6() netip.Addr { return netip.MustParseAddr("fd00::2") }

// ether is a frame.
func ether(kind uint16, body []byte) []byte {
	b := append([]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}, byte(kind>>8), byte(kind))
	return append(b, body...)
}

// packet is an IP packet in a frame; offset is that of a fragment, options are words of
// IPv4's header beyond the first five.
func packet(from, to netip.Addr, protocol byte, offset, options int, body []byte) []byte {
	if from.Is4() {
		h := make([]byte, ipv4Header+4*options)
		h[0], h[8], h[9] = 0x40|byte(len(h)/4), 64, protocol
		binary.BigEndian.PutUint16(h[2:], uint16(len(h)+len(body)))
		binary.BigEndian.PutUint16(h[6:], uint16(offset))
		copy(h[12:], from.AsSlice())
		copy(h[16:], to.AsSlice())
		binary.BigEndian.PutUint16(h[10:], ^sum(0, h))
		return ether(fault.EtherIPv4, append(h, body...))
	}
	h := make([]byte, ipv6Header)
	h[0], h[6], h[7] = 0x60, protocol, 64
	binary.BigEndian.PutUint16(h[4:], uint16(len(body)))
	copy(h[8:], from.AsSlice())
	copy(h[24:], to.AsSlice())
	return ether(fault.EtherIPv6, append(h, body...))
}

// sum is the Internet checksum, not yet inverted.
func sum(start uint32, b []byte) uint16 {
	for i := 0; i < len(b); i += 2 {
		word := uint32(b[i]) << 8
		if i+1 < len(b) {
			word |= uint32(b[i+1])
		}
		start += word
	}
	for start > 0xffff {
		start = start>>16 + start&0xffff
	}
	return uint16(start)
}

// sealSum writes the checksum of a segment.
func sealSum(from, to netip.Addr, protocol byte, at int, segment []byte) []byte {
	pseudo := append(from.AsSlice(), to.AsSlice()...)
	pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(len(segment)))
	pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(protocol))
	binary.BigEndian.PutUint16(segment[at:], ^sum(uint32(sum(0, pseudo)), segment))
	return segment
}

func udp(from, to netip.Addr, source, target uint16, body string) []byte {
	b := binary.BigEndian.AppendUint16(nil, source)
	b = binary.BigEndian.AppendUint16(b, target)
	b = binary.BigEndian.AppendUint16(b, uint16(udpHeader+len(body)))
	b = append(append(b, 0, 0), body...)
	return packet(from, to, fault.ProtocolUDP, 0, 0, sealSum(from, to, fault.ProtocolUDP, checksumUDP, b))
}

// tcp has words of options.
func tcp(from, to netip.Addr, source, target uint16, options int, body string) []byte {
	b := make([]byte, tcpHeader+4*options)
	binary.BigEndian.PutUint16(b, source)
	binary.BigEndian.PutUint16(b[2:], target)
	b[12], b[13] = byte(len(b)/4)<<4, 0x18
	b = append(b, body...)
	return packet(from, to, fault.ProtocolTCP, 0, 0, sealSum(from, to, fault.ProtocolTCP, checksumTCP, b))
}

func arpFrame(from, to netip.Addr) []byte {
	b := []byte{0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1}
	b = append(append(b, from.AsSlice()...), 0, 0, 0, 0, 0, 0)
	return ether(fault.EtherARP, append(b, to.AsSlice()...))
}

// licensingPDU is a licensing message of n bytes behind its headers.
func licensingPDU(choice byte, t licensing.Type, flags uint16, n int) string {
	body := binary.LittleEndian.AppendUint16(nil, flags)
	body = append(body, 0, 0, byte(t), 3, byte(n+4), byte((n+4)>>8))
	body = append(body, make([]byte, n)...)
	mcs := []byte{2, 0xf0, 0x80, choice, 0, 7, 3, 0xeb, 0x70}
	if len(body) < 0x80 {
		mcs = append(mcs, byte(len(body)))
	} else {
		mcs = append(mcs, 0x80|byte(len(body)>>8), byte(len(body)))
	}
	all := append(mcs, body...)
	return string(append([]byte{3, 0, byte((len(all) + 4) >> 8), byte(len(all) + 4)}, all...))
}

// query is a DNS message that asks one question.
func query(kind uint16, labels ...string) string {
	b := "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
	for _, l := range labels {
		b += string(rune(len(l))) + l
	}
	return b + "\x00" + string([]byte{byte(kind >> 8), byte(kind), 0, 1})
}

// sample is a frame with a name.
type sample struct {
	name  string
	frame []byte
}

// samples are frames of every shape, from the host and to it.
func samples() []sample {
	var all []sample
	for _, to := range []bool{false, true} {
		for _, v6 := range []bool{false, true} {
			a, b := host4(), peer4()
			if v6 {
				a, b = host6(), peer6()
			}
			if to {
				a, b = b, a
			}
			all = append(all, shapes(a, b)...)
		}
	}
	stranger := netip.MustParseAddr("10.0.0.9")
	return append(all,
		sample{"ARP, asking", arpFrame(host4(), peer4())}, sample{"ARP, asked", arpFrame(peer4(), host4())},
		sample{"ARP of a stranger", arpFrame(stranger, host4())}, sample{"UDP of a stranger", udp(stranger, host4(), 1000, 3345, "x")},
		sample{"unknown type", ether(0x88b6, make([]byte, 40))},
		sample{"options", packet(host4(), peer4(), fault.ProtocolUDP, 0, 3, udp(host4(), peer4(), 7, 53, "content")[etherHeader+ipv4Header:])},
		sample{"first fragment", packet(host4(), peer4(), fault.ProtocolUDP, 0x2000, 0, udp(host4(), peer4(), 7, 53, "content")[etherHeader+ipv4Header:])},
		sample{"later fragment", packet(host4(), peer4(), fault.ProtocolUDP, 185, 0, []byte{0, 53, 0, 53, 0, 8, 0, 0, 1, 2, 3, 4, 5})},
	)
}

func shapes(a, b netip.Addr) []sample {
	request, response := licensing.TypeLicenseRequest, licensing.TypePlatformChallengeResponse
	all := []sample{
		{"UDP", udp(a, b, 1000, 2000, "content")}, {"UDP of no content", udp(a, b, 1000, 53, "")},
		{"TCP", tcp(a, b, 1000, 3389, 3, "content")}, {"TCP of no content", tcp(a, b, 3389, 1000, 0, "")},
		{"ICMP", packet(a, b, map[bool]byte{true: fault.ProtocolICMP, false: fault.ProtocolICMPv6}[a.Is4()], 0, 0, []byte{8, 0, 1, 2, 3, 4, 5, 6, 7, 8})},
		{"request", tcp(a, b, 3389, 1000, 3, licensingPDU(0x68, request, 0x80, 300))},
		{"response", tcp(a, b, 1000, 3389, 0, licensingPDU(0x64, response, 0x280, 20))},
		{"response, sealed", tcp(a, b, 1000, 3389, 0, licensingPDU(0x64, response, 0x88, 30))},
		{"no licensing", tcp(a, b, 1000, 3389, 0, licensingPDU(0x64, response, 0x40, 30))},
		{"channel join", tcp(a, b, 1000, 3389, 0, licensingPDU(0x38, response, 0x80, 30))},
		{"broken off", tcp(a, b, 1000, 3389, 0, licensingPDU(0x64, response, 0x80, 30)[:15])},
		{"locate query", udp(a, b, 1000, 3345, "TSLD\x01\x01rest")}, {"locate reply", udp(a, b, 3345, 1000, "TSLD\x01\x02rest")},
		{"locate of no kind", udp(a, b, 3345, 1000, "TSLD\x01\x07")}, {"short locate", udp(a, b, 3345, 1000, "TSLD")},
		{"SRV", udp(a, b, 1000, 53, query(33, "_ldap", "_tcp", "dc", "_msdcs", "lab", "example"))},
		{"A", udp(a, b, 53, 1000, query(1, "ls1"))}, {"root", udp(a, b, 53, 1000, query(2))},
		{"no question", udp(a, b, 53, 1000, strings.Repeat("\x00", 20))}, {"name broken off", udp(a, b, 53, 1000, query(33, "_ldap")[:15])},
	}
	for i := range all {
		if !a.Is4() {
			all[i].name += " over IPv6"
		}
	}
	return all
}
