//go:build linux

package capture

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// piece is a segment of a test: its distance from the first byte, and its bytes.
type piece struct {
	at   int
	text string
}

// ordered is what a flow that begins at a sequence number makes of segments, with the
// number of the segment that each part was passed on with.
func ordered(first uint32, pieces []piece) (text string, frames []int) {
	f := flow{next: first, known: true, waiting: map[uint32]segment{}}
	for i, p := range pieces {
		at := origin{place: place{frame: i}, time: time.Unix(int64(i), 0)}
		f.take(first+uint32(p.at), []byte(p.text), at, func(b []byte, at origin) {
			text += string(b)
			frames = append(frames, at.frame)
		})
	}
	return text, frames
}

func TestFlow(t *testing.T) {
	for _, tt := range []struct {
		name   string
		pieces []piece
		text   string
		frames []int
	}{
		{"in order", []piece{{0, "ab"}, {2, "cd"}}, "abcd", []int{0, 1}},
		{"sent again", []piece{{0, "ab"}, {0, "ab"}, {2, "cd"}, {2, "cd"}}, "abcd", []int{0, 2}},
		{"the other way round", []piece{{2, "cd"}, {0, "ab"}}, "abcd", []int{1, 1}},
		{"a gap of two", []piece{{4, "ef"}, {2, "cd"}, {0, "ab"}, {6, "gh"}}, "abcdefgh", []int{2, 2, 2, 3}},
		{"a longer one again", []piece{{0, "ab"}, {0, "abcd"}}, "abcd", []int{0, 1}},
		{"overlap of what waited", []piece{{2, "cdef"}, {0, "abcd"}, {6, "gh"}}, "abcdefgh", []int{1, 1, 2}},
		{"a gap that stays", []piece{{0, "ab"}, {3, "de"}}, "ab", []int{0}},
		{"acknowledgements", []piece{{0, ""}, {0, "ab"}, {2, ""}}, "ab", []int{1}},
		{"from before", []piece{{-2, "zz"}, {-1, "zab"}}, "ab", []int{1}},
	} {
		for _, first := range []uint32{1, 1<<32 - 3, 1<<31 - 1} { // numbers wrap around
			text, frames := ordered(first, tt.pieces)
			if text != tt.text || !cmp.Equal(frames, tt.frames) {
				t.Errorf("%s from %d on: %q by frames %v, want %q by %v", tt.name, first, text, frames, tt.text, tt.frames)
			}
		}
	}
	// Nothing is passed on before the connection was seen to begin.
	var f flow
	f.take(0, []byte("x"), origin{}, func(b []byte, _ origin) { t.Errorf("%q of a connection that was not seen to begin", b) })
}

// However a stream is cut, repeated and shuffled, it comes out as it was.
func TestFlowAnyOrder(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	const length = 2000
	stream := make([]byte, length)
	for i := range stream {
		stream[i] = byte(dice.Uint32())
	}
	for round := range 200 {
		var pieces []piece
		for at := 0; at < length; {
			n := 1 + dice.IntN(60)
			pieces = append(pieces, piece{at, string(stream[at:min(at+n, length)])})
			at += n
		}
		for range dice.IntN(50) { // again, cut elsewhere
			at := dice.IntN(length)
			pieces = append(pieces, piece{at, string(stream[at:min(at+1+dice.IntN(100), length)])})
		}
		dice.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
		if text, _ := ordered(dice.Uint32(), pieces); text != string(stream) {
			t.Fatalf("round %d: %d bytes come out of %d segments, and not the stream of %d", round, len(text), len(pieces), length)
		}
	}
}

// What waits for a lost segment is bounded.
func TestFlowBounded(t *testing.T) {
	f := flow{next: 0, known: true, waiting: map[uint32]segment{}}
	for i := range 3 * maxWaiting {
		f.take(uint32(2*i+1), []byte("x"), origin{}, func([]byte, origin) { t.Error("passed on across a gap") })
	}
	if len(f.waiting) > maxWaiting {
		t.Errorf("%d segments wait, at most %d may", len(f.waiting), maxWaiting)
	}
}

// talk is a TCP connection written as a recording: frames of one cable with both
// directions.
type talk struct {
	t        *testing.T
	path     string
	raw      *rawWriter
	now      time.Time
	client   netip.AddrPort
	server   netip.AddrPort
	sequence [2]uint32
}

func newTalk(t *testing.T, path string) *talk {
	t.Helper()
	raw, err := newRawWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	return &talk{t: t, path: path, raw: raw, now: time.Unix(1e9, 0)}
}

// connect writes the beginning of a connection.
func (k *talk) connect(client, server string) {
	k.client, k.server = netip.MustParseAddrPort(client), netip.MustParseAddrPort(server)
	k.sequence = [2]uint32{0, 0}
	k.segment(fromClient, nil, func(tcp *layers.TCP) { tcp.SYN = true })
	k.segment(fromServer, nil, func(tcp *layers.TCP) { tcp.SYN, tcp.ACK = true, true })
}

// say writes bytes in segments of at most 1000 bytes.
func (k *talk) say(direction int, b []byte) {
	for len(b) > 0 {
		n := min(len(b), 1000)
		k.segment(direction, b[:n], func(tcp *layers.TCP) { tcp.ACK, tcp.PSH = true, true })
		b = b[n:]
	}
}

func (k *talk) segment(direction int, b []byte, set func(*layers.TCP)) {
	from, to := k.client, k.server
	if direction == fromServer {
		from, to = to, from
	}
	tcp := &layers.TCP{SrcPort: layers.TCPPort(from.Port()), DstPort: layers.TCPPort(to.Port()), Seq: k.sequence[direction]}
	set(tcp)
	k.sequence[direction] += uint32(len(b))
	if tcp.SYN {
		k.sequence[direction]++
	}
	eth := &layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4}
	stack := []gopacket.SerializableLayer{eth}
	if from.Addr().Is4() {
		stack = append(stack, &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: from.Addr().AsSlice(), DstIP: to.Addr().AsSlice()})
	} else {
		eth.EthernetType = layers.EthernetTypeIPv6
		stack = append(stack, &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: from.Addr().AsSlice(), DstIP: to.Addr().AsSlice()})
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true}, append(stack, tcp, gopacket.Payload(b))...); err != nil {
		k.t.Fatal(err)
	}
	k.now = k.now.Add(time.Millisecond)
	if err := k.raw.write(k.now, len(buf.Bytes()), buf.Bytes()); err != nil {
		k.t.Fatal(err)
	}
}

// recording ends the writing.
func (k *talk) recording() Recording {
	k.t.Helper()
	if err := k.raw.close(); err != nil {
		k.t.Fatal(err)
	}
	return Recording{Name: "ts1:eth0", Path: k.path}
}

// listener keeps what conversations said.
type listener struct{ said [2]bytes.Buffer }

func (l *listener) data(direction int, b []byte, _ origin) { l.said[direction].Write(b) }

// A port that is used again is another conversation; a SYN that is sent again is not.
func TestConversations(t *testing.T) {
	k := newTalk(t, t.TempDir()+"/raw.pcap")
	const client = "10.0.0.1:1000"
	k.connect(client, "10.0.0.2:3389")
	k.sequence[fromClient] = 0
	k.segment(fromClient, nil, func(tcp *layers.TCP) { tcp.SYN = true }) // again
	k.say(fromClient, bytes.Repeat([]byte("question "), 300))
	k.say(fromServer, []byte("answer"))
	k.connect("[fd00::2]:1000", "[fd00::1]:3389")
	k.say(fromServer, []byte("the server speaks first"))
	k.sequence = [2]uint32{5000, 6000}
	k.client, k.server = netip.MustParseAddrPort(client), netip.MustParseAddrPort("10.0.0.2:3389")
	k.segment(fromClient, nil, func(tcp *layers.TCP) { tcp.SYN = true }) // the port once more
	k.segment(fromServer, nil, func(tcp *layers.TCP) { tcp.SYN, tcp.ACK = true, true })
	k.say(fromClient, []byte("another"))
	k.client = netip.MustParseAddrPort("10.0.0.1:1001")
	k.say(fromClient, []byte("whose beginning was not seen"))
	r := k.recording()

	a := newAnalysis([]Recording{r}, parseSecrets(nil), nil)
	var all []*listener
	seen := map[*conversation]bool{}
	err := eachFrame([]Recording{r}, func(f *Frame, at place) error {
		p := gopacket.NewPacket(f.Data, layers.LayerTypeEthernet, gopacket.Default)
		tcp := p.TransportLayer().(*layers.TCP)
		from, _ := netip.AddrFromSlice(p.NetworkLayer().NetworkFlow().Src().Raw())
		to, _ := netip.AddrFromSlice(p.NetworkLayer().NetworkFlow().Dst().Raw())
		a.segment(netip.AddrPortFrom(from, uint16(tcp.SrcPort)), netip.AddrPortFrom(to, uint16(tcp.DstPort)), tcp, origin{place: at})
		for _, c := range a.conversations {
			if !seen[c] {
				seen[c] = true
				l := &listener{}
				c.to = l
				all = append(all, l)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range all {
		got = append(got, fmt.Sprintf("%d %.9s / %s", l.said[0].Len(), l.said[0].String(), l.said[1].String()))
	}
	want := []string{"2700 question  / answer", "0  / the server speaks first", "7 another / "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
