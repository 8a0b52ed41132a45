//go:build linux

package capture

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// Message is a message of one of the lab's protocols, read out of what a lab's cables
// carried, also where it was encrypted.
type Message struct {
	Time     time.Time
	Link     string // the sender's
	From, To netip.AddrPort
	Protocol string // "rdpele", "tsls", "locate", "dns"
	Name     string // "NEW_LICENSE", "Allocate", "Query", "SRV answer"
	Security string // of the connection: "NONE", "40", "56", "128", "TLS"
	Text     string // the message in plain words
	Frame    int    // the number of the frame that completes it in the assembled file

	at   place
	body any // as it was parsed; nil where it could not be read
}

// keyEvent is the event by which a licensing key stands in the file, as a row.
const keyEvent = "license.key"

// analysis is what the streams of a lab hold.
type analysis struct {
	secrets  *secrets
	names    []string // of the recordings
	messages []Message
	rows     []Row
	twins    *twins

	conversations map[[2]netip.AddrPort]*conversation
}

// Messages reads the licensing messages and those of the license server protocol out
// of recordings, with the key logs of the programs, in the order in which they were
// completed on the wire.
func Messages(recordings []Recording, keyLogs []byte) ([]Message, error) {
	a := newAnalysis(recordings, parseSecrets(keyLogs), nil)
	err := a.run(recordings)
	return a.messages, err
}

func newAnalysis(recordings []Recording, s *secrets, t *twins) *analysis {
	a := &analysis{secrets: s, twins: t, conversations: map[[2]netip.AddrPort]*conversation{}}
	for _, r := range recordings {
		a.names = append(a.names, r.Name)
	}
	return a
}

// run reads all recordings in the order of time.
func (a *analysis) run(recordings []Recording) error {
	var eth layers.Ethernet
	var ip4 layers.IPv4
	var ip6 layers.IPv6
	var tcp layers.TCP
	var udp layers.UDP
	parser := gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &eth, &ip4, &ip6, &tcp, &udp)
	parser.IgnoreUnsupported = true
	var decoded []gopacket.LayerType
	return eachFrame(recordings, func(f *Frame, at place) error {
		// What is no whole segment or datagram is nobody's message.
		if parser.DecodeLayers(f.Data, &decoded) != nil {
			return nil
		}
		isUDP := slices.Contains(decoded, layers.LayerTypeUDP)
		if !isUDP && !slices.Contains(decoded, layers.LayerTypeTCP) {
			return nil
		}
		var src, dst netip.Addr
		if slices.Contains(decoded, layers.LayerTypeIPv4) {
			src, _ = netip.AddrFromSlice(ip4.SrcIP.To4())
			dst, _ = netip.AddrFromSlice(ip4.DstIP.To4())
		} else {
			src, _ = netip.AddrFromSlice(ip6.SrcIP)
			dst, _ = netip.AddrFromSlice(ip6.DstIP)
		}
		if isUDP && src.Is4() && src.As4() != [4]byte(eth.SrcMAC[2:]) {
			return nil // a router has sent it on, and it was read before that
		}
		o := origin{place: at, time: f.Time, src: [6]byte(eth.SrcMAC), dst: [6]byte(eth.DstMAC)}
		if isUDP {
			a.datagram(netip.AddrPortFrom(src, uint16(udp.SrcPort)), netip.AddrPortFrom(dst, uint16(udp.DstPort)), udp.Payload, o)
			return nil
		}
		a.segment(netip.AddrPortFrom(src, uint16(tcp.SrcPort)), netip.AddrPortFrom(dst, uint16(tcp.DstPort)), &tcp, o)
		return nil
	})
}

// segment gives a segment to its conversation; one begins with its first SYN.
func (a *analysis) segment(from, to netip.AddrPort, tcp *layers.TCP, at origin) {
	direction := fromClient
	c := a.conversations[[2]netip.AddrPort{from, to}]
	switch {
	case tcp.SYN && !tcp.ACK && (c == nil || c.flows[fromClient].next != tcp.Seq+1):
		c = &conversation{client: from, server: to}
		c.to = &guess{analysis: a, conversation: c}
		a.conversations[[2]netip.AddrPort{from, to}] = c
	case c == nil:
		direction = fromServer
		if c = a.conversations[[2]netip.AddrPort{to, from}]; c == nil {
			return
		}
	}
	c.frame(direction, tcp, at)
}

// guess finds out what a conversation speaks.
type guess struct {
	analysis     *analysis
	conversation *conversation
}

func (g *guess) data(direction int, b []byte, at origin) {
	c := g.conversation
	switch {
	case direction == fromClient && b[0] == tpktVersion:
		c.to = newRDP(g.analysis, c)
	case direction == fromClient && b[0] == recordHandshake:
		t := &tlsReader{secrets: g.analysis.secrets, clear: ignored{}}
		t.alpn = func(hello []byte) {
			if bytes.Contains(hello, []byte("\x04tsls")) {
				t.clear = &tslsReader{analysis: g.analysis, conversation: c}
			}
		}
		c.to = t
	default:
		c.to = ignored{}
	}
	c.to.data(direction, b, at)
}

// ignored is a conversation that is not read.
type ignored struct{}

func (ignored) data(int, []byte, origin) {}

// found notes a message.
func (a *analysis) found(c *conversation, direction int, at origin, m Message) {
	m.Time, m.Link, m.at = at.time, a.names[at.recording], at.place
	m.From, m.To = c.client, c.server
	if direction == fromServer {
		m.From, m.To = m.To, m.From
	}
	a.messages = append(a.messages, m)
}

// comments are the messages in plain words, by frame.
func (a *analysis) comments() map[place][]string {
	all := map[place][]string{}
	for _, m := range a.messages {
		all[m.at] = append(all[m.at], m.Text)
	}
	return all
}

// eachFrame passes the frames of all recordings to f in the order of time.
func eachFrame(recordings []Recording, f func(*Frame, place) error) (err error) {
	sources := make([]*source, 0, len(recordings))
	defer func() {
		for _, s := range sources {
			err = errors.Join(err, s.file.Close())
		}
	}()
	for _, r := range recordings {
		s, err := openSource(r.Path)
		if err != nil {
			return err
		}
		sources = append(sources, s)
	}
	for {
		i := earliest(sources)
		if i < 0 {
			return nil
		}
		s := sources[i]
		if err := f(s.frame, place{i, s.count}); err != nil {
			return err
		}
		if err := s.advance(); err != nil {
			return err
		}
	}
}
