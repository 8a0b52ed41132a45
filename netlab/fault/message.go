package fault

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/locate"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/tsls"
)

// Families of messages beside the licensing messages, which have bare names.
const (
	tslsFamily   = "tsls."
	locateFamily = "locate."
	dnsFamily    = "dns."
)

// MessageNames are the names of the messages that a fault can name: licensing messages
// as in MS-RDPELE without its prefix, messages to and from license servers as in
// wire/tsls, the discovery datagrams, and DNS messages by the type that is asked for.
func MessageNames() []string {
	var names []string
	for t := range 256 {
		if name := licensing.Type(t).String(); !strings.Contains(name, " ") {
			names = append(names, name)
		}
	}
	for t := range 256 {
		if name := tsls.Type(t).String(); !strings.Contains(name, " ") {
			names = append(names, tslsFamily+name)
		}
	}
	for _, name := range locateNames {
		names = append(names, locateFamily+name)
	}
	for _, t := range dnsTypes {
		names = append(names, dnsFamily+t.name)
	}
	return names
}

// KnownMessage says whether there is a message of that name.
func KnownMessage(name string) bool { return slices.Contains(MessageNames(), name) }

// datagram says whether the message travels by UDP, where what is lost stays lost.
func datagram(name string) bool {
	return strings.HasPrefix(name, locateFamily) || strings.HasPrefix(name, dnsFamily)
}

// inTLS says whether the message is always inside TLS, where no wire can see it.
func inTLS(name string) bool { return strings.HasPrefix(name, tslsFamily) }

func messageAdvice() string {
	return "want one such as " + strings.Join([]string{
		licensing.TypePlatformChallengeResponse.String(), tslsFamily + tsls.TypeAllocate.String(), locateFamily + locateNames[0], "dns.SRV",
	}, ", ") + "; `tslab fault messages` lists them"
}

// Carried are the names of the messages that begin in the frame b that f was read
// from, in their order. What is encrypted has no name.
func (f Frame) Carried(b []byte) []string {
	p := f.Payload(b)
	switch {
	case len(p) == 0:
		return nil
	case f.Protocol == ProtocolTCP:
		return licensingIn(p)
	case f.From.Port() == locatePort || f.To.Port() == locatePort:
		return locateIn(p)
	case f.From.Port() == dnsPort || f.To.Port() == dnsPort:
		return dnsIn(p)
	}
	return nil
}

// licensingIn finds licensing messages in a segment that begins with a TPKT, as the
// segments of every RDP program do.
func licensingIn(p []byte) (names []string) {
	for len(p) > 0 {
		n, fast, err := rdp.PacketLen(p)
		if err != nil || n == 0 {
			return names
		}
		packet := p[:min(n, len(p))]
		if !fast {
			if name, ok := licensingOf(packet); ok {
				names = append(names, name)
			}
		}
		p = p[len(packet):]
	}
	return names
}

// licensingOf reads as far as the preamble; the packet may go on in the next segment.
// The header is that of MS-RDPBCGR 2.2.8.1.1.1.1: TPKT, X.224 Data, MCS SendData.
func licensingOf(packet []byte) (string, bool) {
	const (
		x224     = 4 /* TPKT */
		mcs      = x224 + 3
		length   = mcs + 1 + 2 + 2 + 1 /* choice, initiator, channel, priority */
		security = 4                   /* flags, flagsHi */
	)
	if len(packet) <= length || packet[x224] != 2 || packet[x224+1] != 0xf0 {
		return "", false
	}
	if k := rdp.MCSKind(packet[mcs] >> 2); k != rdp.MCSSendRequest && k != rdp.MCSSendIndication {
		return "", false
	}
	at := length + 1
	if packet[length]&0x80 != 0 { // X.691 10.9: two bytes of length
		at++
	}
	if len(packet) < at+security {
		return "", false
	}
	flags := binary.LittleEndian.Uint16(packet[at:])
	if flags&rdp.SecLicense == 0 || flags&rdp.SecEncrypt != 0 {
		return "", false
	}
	preamble, err := licensing.ParsePreamble(packet[at+security:])
	if err != nil {
		return "", false
	}
	name := preamble.Type.String()
	return name, !strings.Contains(name, " ")
}

// locateNames are the discovery datagrams of wire/locate, by the number of their kind.
var locateNames = [...]string{"Query", "Reply"}

const locatePort = locate.Port

func locateIn(p []byte) []string {
	const kind = 5 // behind the magic and the version
	if len(p) <= kind || int(p[kind]) < 1 || int(p[kind]) > len(locateNames) {
		return nil
	}
	return []string{locateFamily + locateNames[p[kind]-1]}
}

const dnsPort = 53

// dnsTypes are the types of DNS records that have a name here.
var dnsTypes = [...]struct {
	name   string
	number uint16
}{{"A", 1}, {"NS", 2}, {"SOA", 6}, {"PTR", 12}, {"TXT", 16}, {"AAAA", 28}, {"SRV", 33}, {"TSIG", 250}, {"ANY", 255}}

// dnsIn reads the first question (RFC 1035 4.1.2); an answer repeats it. The question
// of an update is its zone, of type SOA (RFC 2136 2.3).
func dnsIn(p []byte) []string {
	const header, maxName = 12, 255
	if len(p) < header || binary.BigEndian.Uint16(p[4:]) == 0 {
		return nil
	}
	at := header
	for at < len(p) && p[at] != 0 && at < header+maxName {
		at += 1 + int(p[at])
	}
	if len(p) < at+3 {
		return nil
	}
	asked := binary.BigEndian.Uint16(p[at+1:])
	for _, t := range dnsTypes {
		if t.number == asked {
			return []string{dnsFamily + t.name}
		}
	}
	return []string{fmt.Sprintf("%stype%d", dnsFamily, asked)}
}
