package fault

import (
	"encoding/binary"
	"net/netip"
)

// EtherTypes and protocol numbers that faults tell apart.
const (
	EtherIPv4 = 0x0800
	EtherARP  = 0x0806
	EtherIPv6 = 0x86dd

	ProtocolICMP   = 1
	ProtocolTCP    = 6
	ProtocolUDP    = 17
	ProtocolICMPv6 = 58
)

const (
	etherHeader = 14
	ipv4Header  = 20
	ipv6Header  = 40
	tcpHeader   = 20
	udpHeader   = 8
	arpLength   = 28 // of IPv4 over Ethernet
)

// Frame is what a fault needs to know of an Ethernet frame. What could not be read
// is zero: a frame that is cut short, a fragment, a protocol that is none of these.
type Frame struct {
	EtherType uint16
	Protocol  uint8          // of IP
	From, To  netip.AddrPort // ports of TCP and UDP; addresses of ARP are those it speaks of

	ip        int // where the IP header begins in the frame
	transport int // where TCP or UDP begins; 0 without
	payload   int // where their payload begins; 0 without
	end       int // where the IP packet ends: behind it there may be padding
}

// ParseFrame reads the headers.
func ParseFrame(b []byte) Frame {
	if len(b) < etherHeader {
		return Frame{}
	}
	f := Frame{EtherType: binary.BigEndian.Uint16(b[12:]), ip: etherHeader}
	switch f.EtherType {
	case EtherIPv4:
		f.ipv4(b)
	case EtherIPv6:
		f.ipv6(b)
	case EtherARP:
		if a := b[etherHeader:]; len(a) >= arpLength {
			f.From = netip.AddrPortFrom(netip.AddrFrom4([4]byte(a[14:18])), 0)
			f.To = netip.AddrPortFrom(netip.AddrFrom4([4]byte(a[24:28])), 0)
		}
	}
	return f
}

func (f *Frame) ipv4(b []byte) {
	h := b[etherHeader:]
	if len(h) < ipv4Header || h[0]>>4 != 4 {
		return
	}
	n, total := int(h[0]&15)*4, int(binary.BigEndian.Uint16(h[2:]))
	if n < ipv4Header || total < n || total > len(h) {
		return
	}
	f.Protocol, f.end = h[9], etherHeader+total
	from, to := netip.AddrFrom4([4]byte(h[12:16])), netip.AddrFrom4([4]byte(h[16:20]))
	const offsetMask = 0x1fff
	if binary.BigEndian.Uint16(h[6:])&offsetMask != 0 { // a later fragment has no ports
		f.From, f.To = netip.AddrPortFrom(from, 0), netip.AddrPortFrom(to, 0)
		return
	}
	f.ports(b, etherHeader+n, from, to)
}

// ipv6 reads a header without extensions, which nothing in the lab sends.
func (f *Frame) ipv6(b []byte) {
	h := b[etherHeader:]
	if len(h) < ipv6Header || h[0]>>4 != 6 {
		return
	}
	total := ipv6Header + int(binary.BigEndian.Uint16(h[4:]))
	if total > len(h) {
		return
	}
	f.Protocol, f.end = h[6], etherHeader+total
	f.ports(b, etherHeader+ipv6Header, netip.AddrFrom16([16]byte(h[8:24])), netip.AddrFrom16([16]byte(h[24:40])))
}

func (f *Frame) ports(b []byte, at int, from, to netip.Addr) {
	var source, target uint16
	if t := b[at:f.end]; f.Protocol == ProtocolTCP && len(t) >= tcpHeader || f.Protocol == ProtocolUDP && len(t) >= udpHeader {
		source, target = binary.BigEndian.Uint16(t), binary.BigEndian.Uint16(t[2:])
		f.transport = at
		header := udpHeader
		if f.Protocol == ProtocolTCP {
			header = int(t[12]>>4) * 4
		}
		if header >= udpHeader && header <= len(t) {
			f.payload = at + header
		}
	}
	f.From, f.To = netip.AddrPortFrom(from, source), netip.AddrPortFrom(to, target)
}

// Payload is what TCP or UDP carry in the frame b that f was read from.
func (f Frame) Payload(b []byte) []byte {
	if f.payload == 0 {
		return nil
	}
	return b[f.payload:f.end]
}
