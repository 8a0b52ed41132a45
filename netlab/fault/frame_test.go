package fault

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdp"
)

var (
	a4, b4 = netip.MustParseAddrPort("10.0.0.1:1024"), netip.MustParseAddrPort("10.0.0.2:3389")
	a6, b6 = netip.MustParseAddrPort("[fd00::1]:1024"), netip.MustParseAddrPort("[fd00::2]:3389")
)

// frame makes a frame of TCP or UDP with checksums that hold. It is written from the
// RFCs once more, not with the code that is tested.
func frame(from, to netip.AddrPort, protocol uint8, flags uint8, payload []byte) []byte {
	b := []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0}
	var t []byte
	t = binary.BigEndian.AppendUint16(t, from.Port())
	t = binary.BigEndian.AppendUint16(t, to.Port())
	if protocol == ProtocolTCP {
		t = binary.BigEndian.AppendUint32(t, 1000)
		t = binary.BigEndian.AppendUint32(t, 2000)
		t = append(t, 6<<4, flags, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1) // with four bytes of options
	} else {
		t = binary.BigEndian.AppendUint16(t, uint16(8+len(payload)))
		t = append(t, 0, 0)
	}
	t = append(t, payload...)
	if from.Addr().Is4() {
		h := []byte{0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0}
		h = append(append(h, from.Addr().AsSlice()...), to.Addr().AsSlice()...)
		binary.BigEndian.PutUint16(h[2:], uint16(len(h)+len(t)))
		binary.BigEndian.PutUint16(h[10:], checksum(h))
		b = append(b, h...)
	} else {
		b[12], b[13] = 0x86, 0xdd
		h := []byte{0x60, 0, 0, 0, 0, 0, protocol, 64}
		binary.BigEndian.PutUint16(h[4:], uint16(len(t)))
		b = append(append(append(b, h...), from.Addr().AsSlice()...), to.Addr().AsSlice()...)
	}
	at := 16
	if protocol == ProtocolUDP {
		at = 6
	}
	binary.BigEndian.PutUint16(t[at:], checksum(pseudo(from, to, protocol, t)))
	b = append(b, t...)
	for len(b) < 60 {
		b = append(b, 0xee) // padding, which is not the packet's
	}
	return b
}

func pseudo(from, to netip.AddrPort, protocol uint8, t []byte) []byte {
	p := append(from.Addr().AsSlice(), to.Addr().AsSlice()...)
	p = append(p, 0, protocol, byte(len(t)>>8), byte(len(t)))
	return append(p, t...)
}

func checksum(b []byte) uint16 {
	var sum uint64
	for i, v := range b {
		if i%2 == 0 {
			sum += uint64(v) << 8
		} else {
			sum += uint64(v)
		}
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// holds says whether the checksums of a frame hold.
func holds(b []byte) bool {
	f := ParseFrame(b)
	if f.EtherType == EtherIPv4 && checksum(b[f.ip:f.transport]) != 0 {
		return false
	}
	return checksum(pseudo(f.From, f.To, f.Protocol, b[f.transport:f.end])) == 0
}

func TestParseFrame(t *testing.T) {
	for _, ends := range [][2]netip.AddrPort{{a4, b4}, {a6, b6}} {
		for _, protocol := range []uint8{ProtocolTCP, ProtocolUDP} {
			b := frame(ends[0], ends[1], protocol, 0x18, []byte("content"))
			f := ParseFrame(b)
			if f.From != ends[0] || f.To != ends[1] || f.Protocol != protocol || string(f.Payload(b)) != "content" {
				t.Errorf("%v: %+v with %q", ends, f, f.Payload(b))
			}
			if !holds(b) {
				t.Errorf("%v: the test's own checksums do not hold", ends)
			}
			for n := range len(b) - 1 {
				if f := ParseFrame(b[:n]); n < f.end || len(f.Payload(b[:n])) > len("content") {
					t.Errorf("%v cut at %d: %+v", ends, n, f)
				}
			}
		}
	}
	arp := append(bytes.Repeat([]byte{0xff}, 12), 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2)
	if f := ParseFrame(arp); f.EtherType != EtherARP || f.From.Addr() != a4.Addr() || f.To.Addr() != b4.Addr() {
		t.Errorf("ARP: %+v", f)
	}
	later := frame(a4, b4, ProtocolUDP, 0, []byte("content"))
	later[21] = 1 // a fragment that is not the first
	if f := ParseFrame(later); f.From != netip.AddrPortFrom(a4.Addr(), 0) || f.Payload(later) != nil {
		t.Errorf("fragment: %+v", f)
	}
}

func TestDamage(t *testing.T) {
	for _, ends := range [][2]netip.AddrPort{{a4, b4}, {a6, b6}} {
		for _, protocol := range []uint8{ProtocolTCP, ProtocolUDP} {
			b := frame(ends[0], ends[1], protocol, 0x18, []byte("odd content"))
			f := ParseFrame(b)
			for n := range uint64(300) {
				throw := NewDice(1, "x", true).Throw(n)
				renewed, kept := Damage(f, b, throw, Renewed), Damage(f, b, throw, Kept)
				if !holds(renewed) || holds(kept) {
					t.Fatalf("renewed holds: %v; kept holds: %v", holds(renewed), holds(kept))
				}
				if different(f.Payload(b), f.Payload(renewed)) != 1 || different(b, kept) != 1 || different(b[:f.transport], renewed[:f.transport]) != 0 {
					t.Fatalf("throw %#x changes more or less than a byte of the content", throw)
				}
			}
		}
	}
	without := frame(a4, b4, ProtocolTCP, 0x10, nil)
	if d := Damage(ParseFrame(without), without, 12345, Renewed); different(without, d) != 1 || different(without[:etherHeader], d[:etherHeader]) != 0 {
		t.Error("a frame without content is not damaged behind its Ethernet header")
	}
}

func different(a, b []byte) (n int) {
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

// Linux takes a reset only when its number is the one that it expects (RFC 5961 3.2).
func TestResets(t *testing.T) {
	for _, tt := range []struct {
		name    string
		flags   uint8
		payload string
		onward  bool
		seq     uint32 // of the one back
		ack     uint32
	}{
		{"data", tcpACK, "news", true, 2000, 0},
		{"FIN", tcpFIN | tcpACK, "", true, 2000, 0},
		{"SYN", tcpSYN, "", false, 0, 1001},
		{"SYN and ACK", tcpSYN | tcpACK, "", true, 2000, 0},
	} {
		for _, ends := range [][2]netip.AddrPort{{a4, b4}, {a6, b6}} {
			b := frame(ends[0], ends[1], ProtocolTCP, tt.flags, []byte(tt.payload))
			onward, back := Resets(ParseFrame(b), b)
			if (onward != nil) != tt.onward || back == nil {
				t.Fatalf("%s: onward %v, back %v", tt.name, onward != nil, back != nil)
			}
			f := ParseFrame(back)
			seq, ack := binary.BigEndian.Uint32(back[f.transport+4:]), binary.BigEndian.Uint32(back[f.transport+8:])
			if f.From != ends[1] || f.To != ends[0] || seq != tt.seq || ack != tt.ack || !holds(back) || !bytes.Equal(back[:6], b[6:12]) {
				t.Errorf("%s: back %+v, sequence %d, acknowledgment %d, checksum holds: %v", tt.name, f, seq, ack, holds(back))
			}
			if onward == nil {
				continue
			}
			f = ParseFrame(onward)
			seq = binary.BigEndian.Uint32(onward[f.transport+4:])
			flags, acknowledged := onward[f.transport+13], binary.BigEndian.Uint32(onward[f.transport+8:])
			want := [2]uint32{tcpRST, 0}
			if tt.flags == tcpSYN|tcpACK {
				want = [2]uint32{tcpRST | tcpACK, 2000}
			}
			if got := [2]uint32{uint32(flags), acknowledged}; got != want {
				t.Errorf("%s: onward flags and acknowledgment %x, want %x", tt.name, got, want)
			}
			if f.From != ends[0] || f.To != ends[1] || seq != 1000 || !holds(onward) {
				t.Errorf("%s: onward %+v, sequence %d, checksum holds: %v", tt.name, f, seq, holds(onward))
			}
			if o, b := Resets(f, onward); o != nil || b != nil {
				t.Errorf("%s: a reset is reset", tt.name)
			}
		}
	}
}

// message is a licensing message as RDP carries it.
func message(m licensing.Message, flags uint16) []byte {
	data := append(rdp.SecurityHeader{Flags: flags}.Append(nil), licensing.Append(nil, m, licensing.Version3)...)
	return rdp.AppendX224Data(nil, rdp.MCS{Kind: rdp.MCSSendIndication, Initiator: 1002, Channel: 1003, Data: data}.Append(nil))
}

func TestCarried(t *testing.T) {
	alert := message(&licensing.ErrorAlert{Code: licensing.StatusValidClient}, rdp.SecLicense)
	license := message(&licensing.NewLicense{SealedLicense: licensing.SealedLicense{EncryptedLicenseInfo: make([]byte, 900)}}, rdp.SecLicense)
	sealed := message(&licensing.ErrorAlert{Code: licensing.StatusValidClient}, rdp.SecLicense|rdp.SecEncrypt)
	dns := func(name string, kind byte) []byte {
		b := []byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
		return append(append(append(b, byte(len(name))), name...), 0, 0, kind, 0, 1)
	}
	for _, tt := range []struct {
		name     string
		protocol uint8
		port     uint16
		payload  []byte
		want     []string
	}{
		{"one", ProtocolTCP, 3389, alert, []string{"ERROR_ALERT"}},
		{"two", ProtocolTCP, 3389, append(bytes.Clone(license), alert...), []string{"NEW_LICENSE", "ERROR_ALERT"}},
		{"its beginning", ProtocolTCP, 3389, license[:100], []string{"NEW_LICENSE"}},
		{"too little", ProtocolTCP, 3389, license[:15], nil},
		{"sealed", ProtocolTCP, 3389, sealed, nil},
		{"TLS", ProtocolTCP, 3389, []byte{22, 3, 1, 0, 5, 1, 2, 3, 4, 5}, nil},
		{"a question", ProtocolUDP, 53, dns("ls", 33), []string{"dns.SRV"}},
		{"a rare question", ProtocolUDP, 53, dns("ls", 99), []string{"dns.type99"}},
		{"half a question", ProtocolUDP, 53, dns("ls", 33)[:15], nil},
		{"another port", ProtocolUDP, 54, dns("ls", 33), nil},
	} {
		b := frame(a4, netip.AddrPortFrom(b4.Addr(), tt.port), tt.protocol, 0x18, tt.payload)
		if got := ParseFrame(b).Carried(b); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestMessageNames(t *testing.T) {
	names := MessageNames()
	for _, want := range []string{"PLATFORM_CHALLENGE_RESPONSE", "NEW_LICENSE", "tsls.Allocate", "tsls.Hello", "locate.Query", "dns.SRV"} {
		if !slices.Contains(names, want) {
			t.Errorf("no message %s among %v", want, names)
		}
	}
}

func TestMatch(t *testing.T) {
	b := frame(a4, b4, ProtocolTCP, 0x18, []byte("content"))
	f := ParseFrame(b)
	for _, tt := range []struct {
		p           Placed
		there, back bool // to b4's host; from it
	}{
		{Placed{Fault: Fault{Kind: Cut}}, true, true},
		{Placed{Fault: Fault{Kind: Cut, Direction: To}}, true, false},
		{Placed{Fault: Fault{Kind: Cut, Direction: From}}, false, true},
		{Placed{Fault: Fault{Kind: Cut, Protocol: "udp"}}, false, false},
		{Placed{Fault: Fault{Kind: Cut, Protocol: "ipv4", Port: 3389}}, true, true},
		{Placed{Fault: Fault{Kind: Cut, Port: 1025}}, false, false},
		{Placed{Peers: []netip.Addr{a4.Addr()}}, true, false},
		{Placed{Fault: Fault{Kind: Drop, Message: "NEW_LICENSE"}}, false, false},
	} {
		if there, back := tt.p.Match(f, b, true), tt.p.Match(f, b, false); there != tt.there || back != tt.back {
			t.Errorf("%+v: %v, %v; want %v, %v", tt.p, there, back, tt.there, tt.back)
		}
	}
	for _, tt := range []struct {
		nth, times int
		want       []bool
	}{{0, 0, []bool{true, true, true}}, {2, 0, []bool{false, true, false}}, {2, 2, []bool{false, true, true}}, {0, 2, []bool{true, true, false}}} {
		for i, want := range tt.want {
			if got := (Fault{Nth: tt.nth, Times: tt.times}).Chosen(uint64(i + 1)); got != want {
				t.Errorf("nth %d, times %d: %d is chosen: %v", tt.nth, tt.times, i+1, got)
			}
		}
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(frame(a4, b4, ProtocolTCP, 0x18, message(&licensing.ErrorAlert{}, rdp.SecLicense)))
	f.Add(frame(a6, b6, ProtocolUDP, 0, []byte("content")))
	f.Fuzz(func(t *testing.T, b []byte) {
		parsed := ParseFrame(b)
		parsed.Carried(b)
		Damage(parsed, b, 99, Renewed)
		Resets(parsed, b)
	})
}
