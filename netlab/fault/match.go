package fault

import "slices"

// Takes says whether the fault is about frames that go this way: to the host that it
// is laid on, or from it.
func (f Fault) Takes(toHost bool) bool {
	return f.Direction == Both || (f.Direction == To) == toHost
}

// Match says whether the frame b, which was read into f, is the fault's business: way,
// peers, protocol, port and message, and for damage that is to reach a program, content.
// Number, chance and schedule are not asked here.
func (p *Placed) Match(f Frame, b []byte, toHost bool) bool {
	if !p.Takes(toHost) || !p.matchProtocol(f) {
		return false
	}
	if p.Kind == Corrupt && p.Checksum == Renewed && len(f.Payload(b)) == 0 {
		return false
	}
	if p.Port != 0 && f.From.Port() != p.Port && f.To.Port() != p.Port {
		return false
	}
	if len(p.Peers) > 0 {
		other := f.To.Addr()
		if toHost {
			other = f.From.Addr()
		}
		if !slices.Contains(p.Peers, other) {
			return false
		}
	}
	return p.Message == "" || slices.Contains(f.Carried(b), p.Message)
}

func (p *Placed) matchProtocol(f Frame) bool {
	switch p.Protocol {
	case "tcp":
		return f.Protocol == ProtocolTCP
	case "udp":
		return f.Protocol == ProtocolUDP
	case "icmp":
		return f.Protocol == ProtocolICMP || f.Protocol == ProtocolICMPv6
	case "arp":
		return f.EtherType == EtherARP
	case "ipv4":
		return f.EtherType == EtherIPv4
	case "ipv6":
		return f.EtherType == EtherIPv6
	}
	return p.Kind != Reset || f.Protocol == ProtocolTCP
}

// Chosen says whether the n-th frame that matched is among those that the fault
// names by number, n counted from 1 for each cable and direction.
func (f Fault) Chosen(n uint64) bool {
	first, times := uint64(max(f.Nth, 1)), uint64(f.Times)
	if f.Nth > 0 && times == 0 {
		times = 1
	}
	return n >= first && (times == 0 || n < first+times)
}
