//go:build linux

package capture_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/netlab/capture"
	"github.com/tslab/tslab/netlab/netns"
)

// TestMain runs the tests in namespaces of their own.
func TestMain(m *testing.M) {
	// Fuzzing needs no namespaces, and its workers the descriptors that they are given.
	if slices.ContainsFunc(os.Args, func(a string) bool { return strings.HasPrefix(a, "-test.fuzz") }) {
		os.Exit(m.Run())
	}
	os.Exit(netns.UserGround.Main(m.Run))
}

// wire is two hosts, 10.1.0.1 and 10.1.0.2, whose cables are recorded.
type wire struct {
	hosts [2]*netns.Host
	links [2]*capture.Link
}

func newWire(t *testing.T, bridge string) *wire {
	t.Helper()
	s, err := netns.NewSwitch()
	check(t, err)
	t.Cleanup(func() { s.Close() })
	check(t, s.AddBridge(bridge))
	w, dir := &wire{}, t.TempDir()
	for i := range w.hosts {
		name := fmt.Sprintf("h%d", i+1)
		h, err := netns.NewHost(name, netns.Etc{Hosts: os.DevNull, ResolvConf: os.DevNull})
		check(t, err)
		t.Cleanup(func() { h.Close() })
		port := bridge + name
		check(t, s.Connect(h, netns.Cable{
			Bridge: bridge, Port: port, Interface: "eth0", MAC: net.HardwareAddr{2, 0, 10, 1, 0, byte(i + 1)},
			Address: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, 0, byte(i + 1)}), 24),
		}))
		w.links[i], err = capture.Open(name+":eth0", port, filepath.Join(dir, name+".pcap"), 1<<20, capture.NewBacklog(1<<20),
			func(frame []byte) error { return h.SendFrame("eth0", frame) })
		check(t, err)
		w.hosts[i] = h
		check(t, s.AwaitPorts(t.Context(), []string{port}))
	}
	for _, h := range w.hosts {
		check(t, h.AwaitInterfaces(t.Context(), []string{"eth0"}))
	}
	return w
}

// talk sends n datagrams from the first host to the second, which answers each.
func (w *wire) talk(t *testing.T, n int) {
	t.Helper()
	to := &net.UDPAddr{IP: net.IPv4(10, 1, 0, 2), Port: 3343}
	var in, out *net.UDPConn
	check(t, w.hosts[1].Do(func() (err error) { in, err = net.ListenUDP("udp4", to); return err }))
	defer in.Close()
	check(t, w.hosts[0].Do(func() (err error) { out, err = net.DialUDP("udp4", nil, to); return err }))
	defer out.Close()
	buf := make([]byte, 64)
	for i := range n {
		_, err := fmt.Fprintf(out, "question %04d", i)
		check(t, err)
		got, from, err := in.ReadFromUDP(buf)
		check(t, err)
		_, err = in.WriteToUDP(buf[:got-5], from)
		check(t, err)
		_, err = out.Read(buf)
		check(t, err)
	}
}

func (w *wire) sync(t *testing.T) {
	t.Helper()
	for _, l := range w.links {
		check(t, l.Sync(t.Context()))
	}
}

func udpPackets(t *testing.T, l *capture.Link) []capture.Packet {
	t.Helper()
	var packets []capture.Packet
	d := capture.NewDecoder()
	check(t, capture.Frames(l.Path, func(f *capture.Frame) error {
		if p := d.Decode(l.Name, f); p.Protocol == "udp" {
			packets = append(packets, p)
		}
		return nil
	}))
	return packets
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestEachFrameStandsOnceOnItsSendersCable(t *testing.T) {
	w := newWire(t, "brc")
	for round := 1; round <= 3; round++ { // what was sent before Sync is in the file after it
		w.talk(t, 200)
		w.sync(t)
		for i, l := range w.links {
			packets := udpPackets(t, l)
			if len(packets) != 200*round {
				t.Fatalf("round %d: %s holds %d datagrams, want %d", round, l.Name, len(packets), 200*round)
			}
			host := netip.AddrFrom4([4]byte{10, 1, 0, byte(i + 1)})
			for _, p := range packets {
				if p.From.Addr() != host {
					t.Fatalf("%s holds a datagram of %v", l.Name, p.From)
				}
			}
		}
	}
	p := udpPackets(t, w.links[0])[0]
	p.Time, p.From = time.Time{}, netip.AddrPortFrom(p.From.Addr(), 0)
	want := capture.Packet{Link: "h1:eth0", Protocol: "udp", From: netip.MustParseAddrPort("10.1.0.1:0"),
		To: netip.MustParseAddrPort("10.1.0.2:3343"), Payload: len("question 0000"),
		Length: 14 /* Ethernet */ + 20 /* IPv4 */ + 8 /* UDP */ + len("question 0000")}
	if diff := cmp.Diff(want, p, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, l := range w.links {
		stats, err := l.End(t.Context())
		check(t, errors.Join(err, l.Close()))
		if stats.Packets < 600 || stats.Drops != 0 { // ARP besides
			t.Errorf("%s: %+v", l.Name, stats)
		}
	}
}

func TestSyncWithoutTheHostFails(t *testing.T) {
	w := newWire(t, "brg")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	check(t, w.hosts[0].Close())
	if _, err := w.links[0].End(ctx); err == nil {
		t.Error("End reached a host that is gone")
	}
	_, err := w.links[1].End(t.Context())
	check(t, errors.Join(err, w.links[0].Close(), w.links[1].Close()))
}

// A file of two cables with secrets, names and a row, as tshark shows it.
func TestAssembledFileOpensInTshark(t *testing.T) {
	w := newWire(t, "brt")
	w.talk(t, 1)
	between := time.Now().UTC()
	w.talk(t, 1)
	a := capture.Assembly{
		Comment: "two hosts",
		Secrets: []byte("CLIENT_RANDOM " + strings.Repeat("ab", 32) + " " + strings.Repeat("cd", 48) + "\n"),
		Names:   map[netip.Addr]string{netip.MustParseAddr("10.1.0.1"): "h1", netip.MustParseAddr("10.1.0.2"): "h2"},
		Rows:    []capture.Row{{Time: between, Text: "the calendar moved to 2003-03-04", Fields: map[string]string{"TSLAB_HOST": "lab"}}},
	}
	for _, l := range w.links {
		stats, err := l.End(t.Context())
		check(t, errors.Join(err, l.Close()))
		a.Recordings = append(a.Recordings, capture.Recording{Name: l.Name, Description: "net lan", Path: l.Path, Stats: stats})
	}
	var file bytes.Buffer
	told, err := a.Write(&file, t.TempDir())
	check(t, err)
	if len(told) > 0 {
		t.Errorf("messages in what is none: %v", told)
	}
	path := filepath.Join(t.TempDir(), "lab.pcapng")
	check(t, os.WriteFile(path, file.Bytes(), 0o644))

	got := tshark(t, path, "-Y", "udp || systemd_journal", "-N", "n", "-T", "fields",
		"-e", "frame.interface_name", "-e", "ip.src_host", "-e", "udp.length", "-e", "systemd_journal.message")
	want := "h1:eth0\th1\t21\t\nh2:eth0\th2\t16\t\n\t\t\tthe calendar moved to 2003-03-04\nh1:eth0\th1\t21\t\nh2:eth0\th2\t16\t\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := tshark(t, path, "-Y", "udp.checksum.status == \"Bad\"", "-o", "udp.check_checksum:TRUE"); got != "" {
		t.Errorf("frames that a wire would not carry:\n%s", got)
	}
}

func tshark(t *testing.T, path string, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("tshark")
	if err != nil {
		t.Fatal("tshark is not installed; `make deps` installs it")
	}
	cmd := exec.Command(program, append([]string{"-r", path}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, stderr.String())
	}
	return string(out)
}
