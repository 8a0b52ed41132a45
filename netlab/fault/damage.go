package fault

import (
	"bytes"
	"encoding/binary"
)

// Damage is a copy of the frame b with another byte in it: one of the content of TCP
// or UDP where there is any, else of what lies behind the Ethernet header. throw says
// which byte and how. With Renewed the checksums of TCP, UDP and ICMP are made right
// again.
func Damage(f Frame, b []byte, throw uint64, checksum Checksum) []byte {
	b = bytes.Clone(b)
	from, to := f.payload, f.end
	if from == 0 || from == to {
		from, to = min(etherHeader, len(b)), len(b)
		checksum = Kept // a header that is damaged has no checksum to be made right for
	}
	if from >= to {
		return b
	}
	at := from + int(throw>>8%uint64(to-from))
	b[at] ^= max(byte(throw), 1)
	if checksum == Renewed {
		f.renew(b)
	}
	return b
}

// renew writes the checksum of TCP or UDP.
func (f Frame) renew(b []byte) {
	at := f.transport + 16 // RFC 9293 3.1
	if f.Protocol == ProtocolUDP {
		at = f.transport + 6 // RFC 768
		if binary.BigEndian.Uint16(b[at:]) == 0 && f.EtherType == EtherIPv4 {
			return // it is sent without one
		}
	}
	binary.BigEndian.PutUint16(b[at:], 0)
	sum := f.transportSum(b)
	if f.Protocol == ProtocolUDP && sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(b[at:], sum)
}

// transportSum is the checksum over the pseudo header and what follows it.
func (f Frame) transportSum(b []byte) uint16 {
	length := f.end - f.transport
	from, to := f.From.Addr().AsSlice(), f.To.Addr().AsSlice()
	pseudo := make([]byte, 0, 2*16+8)
	pseudo = append(append(pseudo, from...), to...)
	pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(length))
	pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(f.Protocol))
	return ^fold(add(add(0, pseudo), b[f.transport:f.end]))
}

// add sums 16-bit words (RFC 1071); an odd byte counts as the high half of one.
func add(sum uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum
}

func fold(sum uint32) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// Flags of TCP, RFC 9293 3.1.
const (
	tcpFIN = 0x01
	tcpSYN = 0x02
	tcpRST = 0x04
	tcpACK = 0x10
)

// Resets are the two segments that end the connection of the segment b: onward to
// where it was going, and back to where it came from. A segment that is a reset itself
// has none, and to a SYN there is only the answer: nobody else knows of it yet.
func Resets(f Frame, b []byte) (onward, back []byte) {
	if f.Protocol != ProtocolTCP || f.transport == 0 || b[f.transport+13]&tcpRST != 0 {
		return nil, nil
	}
	t := b[f.transport:]
	flags := t[13]
	seq, ack := binary.BigEndian.Uint32(t[4:]), binary.BigEndian.Uint32(t[8:])
	length := uint32(len(f.Payload(b)))
	if flags&(tcpSYN|tcpFIN) != 0 {
		length++
	}
	switch {
	case flags&(tcpSYN|tcpACK) == tcpSYN|tcpACK: // who dialed knows no number yet, and goes by the acknowledgment (RFC 9293 3.10.7.3)
		onward = f.segment(b, false, seq, ack, tcpRST|tcpACK)
	case flags&tcpSYN == 0:
		onward = f.segment(b, false, seq, 0, tcpRST)
	}
	if flags&tcpACK != 0 { // RFC 9293 3.10.7.1
		return onward, f.segment(b, true, ack, 0, tcpRST)
	}
	return onward, f.segment(b, true, 0, seq+length, tcpRST|tcpACK)
}

// segment makes a segment without content of the connection, in the direction of b or
// against it.
func (f Frame) segment(b []byte, back bool, seq, ack uint32, flags byte) []byte {
	out := bytes.Clone(b[:f.transport+tcpHeader])
	g := f
	g.end, g.payload = len(out), len(out)
	if back {
		copy(out, b[6:12])
		copy(out[6:], b[:6])
		from, to := out[f.ip+12:], b[f.ip+12:]
		size := 4
		if f.EtherType == EtherIPv6 {
			from, to, size = out[f.ip+8:], b[f.ip+8:], 16
		}
		copy(from, to[size:2*size])
		copy(from[size:], to[:size])
		copy(out[f.transport:], b[f.transport+2:f.transport+4])
		copy(out[f.transport+2:], b[f.transport:f.transport+2])
		g.From, g.To = f.To, f.From
	}
	t := out[f.transport:]
	binary.BigEndian.PutUint32(t[4:], seq)
	binary.BigEndian.PutUint32(t[8:], ack)
	t[12], t[13] = tcpHeader/4<<4, flags
	clear(t[14:tcpHeader]) // window, checksum, urgent pointer
	h := out[f.ip:]
	if f.EtherType == EtherIPv6 {
		binary.BigEndian.PutUint16(h[4:], tcpHeader)
	} else {
		binary.BigEndian.PutUint16(h[2:], uint16(len(h)))
		binary.BigEndian.PutUint16(h[10:], 0)
		binary.BigEndian.PutUint16(h[10:], ^fold(add(0, h[:f.transport-f.ip])))
	}
	g.renew(out)
	return out
}
