//go:build linux

package capture

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/tslab/tslab/wire/rdpsec"
)

// twins are the connections under RC4 once more in the clear, each server's on an
// interface of its own: Wireshark has no way to be given RC4 keys. The packets are
// those that were on the wire, at their time and from the same hosts, without their
// encryption, as a session of method NONE; only the client's port is another one, so
// that they are a connection of their own.
type twins struct {
	folder string
	taken  map[netip.AddrPort]bool // clients' addresses that are in the capture
	files  map[string]*twinFile    // by the server's interface
	order  []*twinFile
	err    error
}

type twinFile struct {
	recording Recording
	raw       *rawWriter
	comments  map[int][]string // by frame
	frames    int
}

// twin is one connection in the clear.
type twin struct {
	all      *twins
	file     *twinFile
	from     [2]netip.AddrPort
	sequence [2]uint32
	note     string // comment of the first packet
}

func newTwins(folder string) *twins {
	return &twins{folder: folder, taken: map[netip.AddrPort]bool{}, files: map[string]*twinFile{}}
}

// lowestTwin is the first port that twins' clients may have.
const lowestTwin = 10000

// begin starts the twin of a connection whose server's cable is link.
func (t *twins) begin(c *conversation, method rdpsec.Method, link string) *twin {
	file, err := t.file(link)
	if err != nil {
		t.err = errors.Join(t.err, err)
		return nil
	}
	port := c.client.Port()%lowestTwin + lowestTwin
	for t.taken[netip.AddrPortFrom(c.client.Addr(), port)] {
		port = (port+1)%lowestTwin + lowestTwin
	}
	client := netip.AddrPortFrom(c.client.Addr(), port)
	t.taken[client] = true
	return &twin{
		all: t, file: file, from: [2]netip.AddrPort{fromClient: client, fromServer: c.server}, sequence: [2]uint32{1, 1},
		note: fmt.Sprintf("the connection from %v in the clear; on the wire it is under RC4 of %v bits", c.client, method),
	}
}

func (t *twins) file(link string) (*twinFile, error) {
	if f := t.files[link]; f != nil {
		return f, nil
	}
	f := &twinFile{comments: map[int][]string{}, recording: Recording{
		Name: link + " (clear)", Description: "what " + link + " carried under RC4, decrypted",
		Path:  filepath.Join(t.folder, fmt.Sprintf("clear-%d.pcap", len(t.order))),
		Stats: Stats{Start: time.Now().UTC()},
	}}
	var err error
	if f.raw, err = newRawWriter(f.recording.Path); err != nil {
		return nil, err
	}
	t.files[link], t.order = f, append(t.order, f)
	return f, nil
}

// close ends the files.
func (t *twins) close() error {
	err := t.err
	for _, f := range t.order {
		err = errors.Join(err, f.raw.close())
		f.recording.Stats.Packets, f.recording.Stats.End = uint64(f.frames), time.Now().UTC()
	}
	return err
}

// write writes a packet in a TCP segment of its own, however long it is.
func (w *twin) write(direction int, packet []byte, at origin, comment string) {
	from, to := w.from[direction], w.from[1-direction]
	tcp := &layers.TCP{
		SrcPort: layers.TCPPort(from.Port()), DstPort: layers.TCPPort(to.Port()), PSH: true, ACK: true, Window: 65535,
		Seq: w.sequence[direction], Ack: w.sequence[1-direction],
	}
	w.sequence[direction] += uint32(len(packet))
	eth := &layers.Ethernet{SrcMAC: net.HardwareAddr(at.src[:]), DstMAC: net.HardwareAddr(at.dst[:]), EthernetType: layers.EthernetTypeIPv4}
	var ip gopacket.SerializableLayer
	if from.Addr().Is4() {
		ip4 := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: from.Addr().AsSlice(), DstIP: to.Addr().AsSlice(), Flags: layers.IPv4DontFragment}
		w.all.err = errors.Join(w.all.err, tcp.SetNetworkLayerForChecksum(ip4))
		ip = ip4
	} else {
		eth.EthernetType = layers.EthernetTypeIPv6
		ip6 := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: from.Addr().AsSlice(), DstIP: to.Addr().AsSlice()}
		w.all.err = errors.Join(w.all.err, tcp.SetNetworkLayerForChecksum(ip6))
		ip = ip6
	}
	buf := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, eth, ip, tcp, gopacket.Payload(packet))
	if err == nil {
		err = w.file.raw.write(at.time, len(buf.Bytes()), buf.Bytes())
	}
	w.all.err = errors.Join(w.all.err, err)
	for _, text := range []string{w.note, comment} {
		if text != "" {
			w.file.comments[w.file.frames] = append(w.file.comments[w.file.frames], text)
		}
	}
	w.note = ""
	w.file.frames++
}
