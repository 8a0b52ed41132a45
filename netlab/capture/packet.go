//go:build linux

package capture

import (
	"errors"
	"io"
	"net/netip"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// Packet is a frame as far as its transport header.
type Packet struct {
	Time     time.Time
	Link     string
	Protocol string // "tcp", "udp", "icmp" (also of IPv6), "arp", "other"
	From, To netip.AddrPort
	Flags    string // of TCP: those of "SAFRP" that are set (SYN, ACK, FIN, RST, PSH)
	Length   int    // of the frame
	Payload  int    // bytes behind the transport header
	TLS      bool   // the payload begins with a TLS ClientHello
}

// Decoder turns frames into packets. It is not safe for concurrent use.
type Decoder struct {
	eth     layers.Ethernet
	arp     layers.ARP
	ip4     layers.IPv4
	ip6     layers.IPv6
	tcp     layers.TCP
	udp     layers.UDP
	icmp    layers.ICMPv4
	icmp6   layers.ICMPv6
	parser  *gopacket.DecodingLayerParser
	decoded []gopacket.LayerType
}

// NewDecoder makes a decoder of Ethernet frames.
func NewDecoder() *Decoder {
	d := &Decoder{}
	d.parser = gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet,
		&d.eth, &d.arp, &d.ip4, &d.ip6, &d.tcp, &d.udp, &d.icmp, &d.icmp6)
	d.parser.IgnoreUnsupported = true
	return d
}

// Decode reads the headers of frame; what it cannot read stays zero.
func (d *Decoder) Decode(link string, frame *Frame) Packet {
	p := Packet{Time: frame.Time, Link: link, Protocol: "other", Length: frame.Length}
	// A header that is broken off is not an error of the lab: the packet counts
	// with what could be read.
	_ = d.parser.DecodeLayers(frame.Data, &d.decoded)
	var from, to netip.Addr
	for _, layer := range d.decoded {
		switch layer {
		case layers.LayerTypeARP:
			p.Protocol = "arp"
			from, _ = netip.AddrFromSlice(d.arp.SourceProtAddress)
			to, _ = netip.AddrFromSlice(d.arp.DstProtAddress)
		case layers.LayerTypeIPv4:
			from, _ = netip.AddrFromSlice(d.ip4.SrcIP.To4())
			to, _ = netip.AddrFromSlice(d.ip4.DstIP.To4())
		case layers.LayerTypeIPv6:
			from, _ = netip.AddrFromSlice(d.ip6.SrcIP)
			to, _ = netip.AddrFromSlice(d.ip6.DstIP)
		case layers.LayerTypeTCP:
			p.Protocol, p.Payload, p.TLS = "tcp", len(d.tcp.Payload), isHandshake(d.tcp.Payload)
			p.Flags = tcpFlags(&d.tcp)
			p.From, p.To = netip.AddrPortFrom(from, uint16(d.tcp.SrcPort)), netip.AddrPortFrom(to, uint16(d.tcp.DstPort))
		case layers.LayerTypeUDP:
			p.Protocol, p.Payload = "udp", len(d.udp.Payload)
			p.From, p.To = netip.AddrPortFrom(from, uint16(d.udp.SrcPort)), netip.AddrPortFrom(to, uint16(d.udp.DstPort))
		case layers.LayerTypeICMPv4:
			p.Protocol, p.Payload = "icmp", len(d.icmp.Payload)
		case layers.LayerTypeICMPv6:
			p.Protocol, p.Payload = "icmp", len(d.icmp6.Payload)
		}
	}
	if !p.From.IsValid() {
		p.From, p.To = netip.AddrPortFrom(from, 0), netip.AddrPortFrom(to, 0)
	}
	return p
}

func tcpFlags(tcp *layers.TCP) string {
	var b []byte
	for _, flag := range []struct {
		set    bool
		letter byte
	}{{tcp.SYN, 'S'}, {tcp.ACK, 'A'}, {tcp.FIN, 'F'}, {tcp.RST, 'R'}, {tcp.PSH, 'P'}} {
		if flag.set {
			b = append(b, flag.letter)
		}
	}
	return string(b)
}

// isHandshake looks for a TLS record of type handshake, any version, with a ClientHello
// in it (RFC 8446 5.1 and 4).
func isHandshake(b []byte) bool { return len(b) > 5 && b[0] == 22 && b[1] == 3 && b[5] == 1 }

func endOfFile(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
