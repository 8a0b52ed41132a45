//go:build linux

package tcx

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tslab/tslab/netlab/fault"
	"github.com/tslab/tslab/netlab/netns"
)

// TestMain runs the tests in namespaces of their own, as root.
func TestMain(m *testing.M) {
	if err := Available(); err != nil {
		fmt.Fprintln(os.Stderr, "these tests load programs into the kernel:", err)
		os.Exit(1)
	}
	os.Exit(netns.RootGround.Main(m.Run))
}

// deadline is how long a frame may take that is not lost.
const deadline = 20 * time.Second

// net2 is two hosts on a net, with an engine.
type net2 struct {
	*Engine
	hosts [2]*netns.Host // 10.0.0.1 and 10.0.0.2
	links [2]fault.Link
}

func newNet(t *testing.T) *net2 {
	t.Helper()
	s, err := netns.NewSwitch()
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	bridge := s.Name("br")
	must(t, s.AddBridge(bridge))
	n := &net2{Engine: New()}
	dir := t.TempDir()
	etc := netns.Etc{Hosts: filepath.Join(dir, "hosts"), ResolvConf: filepath.Join(dir, "resolv.conf")}
	for _, path := range []string{etc.Hosts, etc.ResolvConf} {
		must(t, os.WriteFile(path, nil, 0o644))
	}
	var ports []string
	for i := range n.hosts {
		h, err := netns.NewHost(fmt.Sprintf("h%d", i+1), etc)
		must(t, err)
		t.Cleanup(func() { must(t, h.Close()) })
		port, address := s.Name("p", i), netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})
		must(t, s.Connect(h, netns.Cable{
			Bridge: bridge, Port: port, Interface: "eth0", MAC: net.HardwareAddr{2, 0, 0, 0, 0, byte(i + 1)}, Address: netip.PrefixFrom(address, 24),
		}))
		n.hosts[i], n.links[i] = h, fault.Link{Name: h.Name + ":eth0", Port: port, Bridge: bridge, Addresses: []netip.Addr{address}}
		ports = append(ports, port)
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	must(t, s.AwaitPorts(ctx, ports))
	for _, h := range n.hosts {
		must(t, h.AwaitInterfaces(ctx, []string{"eth0"}))
	}
	t.Cleanup(func() { must(t, n.Engine.Close()) })
	return n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lay applies a fault to the first host's cable.
func (n *net2) lay(t *testing.T, f fault.Fault) {
	t.Helper()
	f.Host = "h1"
	if f.Name == "" {
		f.Name = "f"
	}
	must(t, f.Check())
	must(t, n.Apply(fault.Placed{Fault: f, Links: n.links[:1]}))
}

// Ports of the tests: faults are laid on the first.
const (
	faultPort = 7001
	otherPort = 7002
)

// datagrams sends so many numbered datagrams from a host to the other, each of which
// must come as often as wanted. Then comes one that no fault is laid on.
func (n *net2) datagrams(t *testing.T, from int, want []int) (came []int) {
	t.Helper()
	in, out := n.sockets(t, from, faultPort)
	defer in.Close()
	endIn, endOut := n.sockets(t, from, otherPort)
	defer endIn.Close()
	for i := range want {
		_, err := out.Write(binary.BigEndian.AppendUint32(nil, uint32(i)))
		must(t, err)
	}
	_, err := endOut.Write([]byte("end"))
	must(t, err)
	_, err = endIn.Read(make([]byte, 16))
	must(t, err)
	came = make([]int, len(want))
	b := make([]byte, 1500)
	note := func(b []byte) {
		if i := binary.BigEndian.Uint32(b); len(b) != 4 || int(i) >= len(came) {
			t.Errorf("a datagram % x that nobody sent", b)
		} else {
			came[i]++
		}
	}
	for range sumOf(want) {
		length, err := in.Read(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return came
		}
		must(t, err)
		note(b[:length])
	}
	raw, err := in.SyscallConn()
	must(t, err)
	must(t, raw.Read(func(fd uintptr) bool { // and no more
		for {
			length, _, err := unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT)
			if err != nil {
				return true
			}
			note(b[:length])
		}
	}))
	return came
}

func sumOf(all []int) (sum int) {
	for _, n := range all {
		sum += n
	}
	return sum
}

// sockets are a UDP receiver at one host and a sender at the other.
func (n *net2) sockets(t *testing.T, from int, port uint16) (in, out *net.UDPConn) {
	t.Helper()
	to := 1 - from
	address := net.UDPAddrFromAddrPort(netip.AddrPortFrom(n.links[to].Addresses[0], port))
	must(t, n.hosts[to].Do(func() (err error) { in, err = net.ListenUDP("udp4", address); return err }))
	t.Cleanup(func() { in.Close() })
	must(t, in.SetReadBuffer(8<<20))
	must(t, in.SetReadDeadline(time.Now().Add(deadline)))
	must(t, n.hosts[from].Do(func() (err error) { out, err = net.DialUDP("udp4", nil, address); return err }))
	t.Cleanup(func() { out.Close() })
	return in, out
}

// total adds all counters.
func (n *net2) total() (sum tally) {
	for _, c := range n.Counters() {
		sum.Matched += c.Matched
		sum.Done += c.Done
	}
	return sum
}

// fates are the frames of so many that a fault of the first host's cable loses.
func fates(f fault.Fault, toHost bool, count int) []int {
	dice := fault.NewDice(f.Seed, "h1:eth0", toHost)
	below, all := fault.Threshold(f.Percent)
	seen := make([]int, count)
	for i := range seen {
		if throw := uint64(i + 1); !f.Chosen(throw) || !all && dice.Throw(throw) >= below {
			seen[i] = 1
		}
	}
	return seen
}

// Loss is what the seed says, within the bounds of chance, and the same again.
func TestLoss(t *testing.T) {
	const count = 4000
	lost := map[uint64][]int{}
	for _, seed := range []uint64{1, 2, 1} {
		n := newNet(t)
		f := fault.Fault{Kind: fault.Loss, Percent: 30, Seed: seed, Port: faultPort, Direction: fault.From}
		n.lay(t, f)
		want := fates(f, false, count)
		seen := n.datagrams(t, 0, want)
		if !slices.Equal(seen, want) {
			t.Errorf("seed %d: not those that its dice say", seed)
		}
		if before, ok := lost[seed]; ok && !slices.Equal(before, seen) {
			t.Errorf("seed %d: others than the first time", seed)
		}
		lost[seed] = seen
		gone := 0
		for _, times := range seen {
			gone += 1 - times
		}
		const mean, deviations = 0.30, 4.5
		bound := deviations * math.Sqrt(count*mean*(1-mean))
		if d := math.Abs(float64(gone) - count*mean); d > bound {
			t.Errorf("seed %d: %d of %d lost, %.0f away from 30 %%; at most %.0f are chance", seed, gone, count, d, bound)
		}
	}
	if slices.Equal(lost[1], lost[2]) {
		t.Error("another seed, the same losses")
	}
}

// One way is one way, and healing heals.
func TestOneWay(t *testing.T) {
	for _, tt := range []struct {
		direction fault.Direction
		lost      [2]bool // of what the first and the second host sends
	}{
		{fault.From, [2]bool{true, false}}, {fault.To, [2]bool{false, true}}, {fault.Both, [2]bool{true, true}},
	} {
		n := newNet(t)
		n.lay(t, fault.Fault{Kind: fault.Drop, Direction: tt.direction, Port: faultPort})
		for from, lost := range tt.lost {
			want := slices.Repeat([]int{1}, 20)
			if lost {
				want = make([]int, 20)
			}
			if diff := cmp.Diff(want, n.datagrams(t, from, want)); diff != "" {
				t.Errorf("direction %q, sent by host %d: -want +got\n%s", tt.direction, from+1, diff)
			}
		}
		must(t, n.Remove("f"))
		for from := range tt.lost {
			want := slices.Repeat([]int{1}, 20)
			if diff := cmp.Diff(want, n.datagrams(t, from, want)); diff != "" {
				t.Errorf("direction %q, healed, sent by host %d: -want +got\n%s", tt.direction, from+1, diff)
			}
		}
	}
}

// The frames that are named by number are lost, and no others.
func TestDropByNumber(t *testing.T) {
	for _, f := range []fault.Fault{{Nth: 1}, {Nth: 7, Times: 3}, {Times: 5}, {Nth: 2, Times: 30, Percent: 50, Seed: 4}} {
		n := newNet(t)
		f.Kind, f.Port, f.Direction = fault.Drop, faultPort, fault.From
		if f.Percent > 0 {
			f.Kind = fault.Loss
		}
		n.lay(t, f)
		want := fates(f, false, 40)
		if diff := cmp.Diff(want, n.datagrams(t, 0, want)); diff != "" {
			t.Errorf("%v: -want +got\n%s", f, diff)
		}
	}
}

func TestDuplicate(t *testing.T) {
	for from, direction := range []fault.Direction{fault.From, fault.To} {
		for _, copies := range []int{0, 1, 3} {
			n := newNet(t)
			f := fault.Fault{Kind: fault.Duplicate, Copies: copies, Port: faultPort, Direction: direction, Nth: 3, Times: 50}
			n.lay(t, f)
			// A second fault of the kind judges no copies.
			n.lay(t, fault.Fault{Name: "other", Kind: fault.Duplicate, Port: faultPort, Direction: direction, Nth: 100, Times: 1})
			want := slices.Repeat([]int{1}, 100)
			for i := 2; i < 52; i++ {
				want[i] += max(copies, 1)
			}
			want[99]++
			if diff := cmp.Diff(want, n.datagrams(t, from, want)); diff != "" {
				t.Errorf("%v, copies %d: -want +got\n%s", direction, copies, diff)
			}
		}
	}
}

// Damage under a renewed checksum arrives; under the old one the receiver's kernel
// finds it, and TCP repairs it.
func TestCorrupt(t *testing.T) {
	const text = "what is sent as it is and nothing else"
	for _, checksum := range []fault.Checksum{fault.Renewed, fault.Kept} {
		n := newNet(t)
		n.lay(t, fault.Fault{Kind: fault.Corrupt, Checksum: checksum, Port: faultPort, Direction: fault.From, Times: 10, Seed: 5})
		in, out := n.sockets(t, 0, faultPort)
		for range 11 {
			_, err := out.Write([]byte(text))
			must(t, err)
		}
		damaged, b := 0, make([]byte, 100)
		for range map[fault.Checksum]int{fault.Renewed: 11, fault.Kept: 1}[checksum] {
			length, err := in.Read(b)
			must(t, err)
			if d := different(string(b[:length]), text); d == 1 {
				damaged++
			} else if d != 0 {
				t.Errorf("checksum %q: %d bytes are others: %q", checksum, d, b[:length])
			}
		}
		if want := map[fault.Checksum]int{fault.Renewed: 10}[checksum]; damaged != want {
			t.Errorf("checksum %q: %d datagrams arrived damaged, want %d", checksum, damaged, want)
		}
	}
}

func different(a, b string) (n int) {
	if len(a) != len(b) {
		return max(len(a), len(b))
	}
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

func TestTCPSurvives(t *testing.T) {
	for _, f := range []fault.Fault{
		{Kind: fault.Corrupt, Checksum: fault.Kept, Percent: 10, Seed: 1}, {Kind: fault.Loss, Percent: 10, Seed: 2}, {Kind: fault.Duplicate, Percent: 50, Seed: 3},
	} {
		n := newNet(t)
		f.Protocol = "tcp"
		n.lay(t, f)
		text := strings.Repeat("a line of many\n", 20_000)
		got := n.stream(t, text)
		if got != text {
			t.Errorf("%v: %d bytes arrived, not the %d that were sent", f, len(got), len(text))
		}
		if c := n.total(); c.Done == 0 || c.Matched <= c.Done {
			t.Errorf("%v: %+v", f, c)
		}
	}
}

// stream sends text from the first host to the second by TCP.
func (n *net2) stream(t *testing.T, text string) string {
	t.Helper()
	var l net.Listener
	address := netip.AddrPortFrom(n.links[1].Addresses[0], faultPort).String()
	must(t, n.hosts[1].Do(func() (err error) { l, err = net.Listen("tcp4", address); return err }))
	defer l.Close()
	var out net.Conn
	must(t, n.hosts[0].Do(func() (err error) { out, err = net.DialTimeout("tcp4", address, deadline); return err }))
	defer out.Close()
	in, err := l.Accept()
	must(t, err)
	defer in.Close()
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(out, text)
		sent <- errors.Join(err, out.(*net.TCPConn).CloseWrite())
	}()
	must(t, in.SetReadDeadline(time.Now().Add(deadline)))
	b, err := io.ReadAll(in)
	must(t, errors.Join(err, <-sent))
	return string(b)
}

// A message is known by its first bytes, and the n-th of its kind is the one.
func TestNthMessage(t *testing.T) {
	n := newNet(t)
	n.lay(t, fault.Fault{Kind: fault.Drop, Message: "locate.Query", Nth: 2, Direction: fault.From})
	in, out := n.sockets(t, 0, 3345)
	sent := []string{"TSLD\x01\x01one", "TSLD\x01\x02answer", "TSLD\x01\x01two", "TSLD\x01\x01three", "TSLD\x01\x02last"}
	for _, s := range sent {
		_, err := out.Write([]byte(s))
		must(t, err)
	}
	for _, want := range slices.Delete(slices.Clone(sent), 2, 3) {
		b := make([]byte, 100)
		length, err := in.Read(b)
		must(t, err)
		if string(b[:length]) != want {
			t.Errorf("%q arrived, want %q", b[:length], want)
		}
	}
	if c := n.total(); c != (tally{Matched: 3, Done: 1}) {
		t.Errorf("%+v", c)
	}
}

// Closing the engine heals everything; names are kept apart until then.
func TestNames(t *testing.T) {
	n := newNet(t)
	cut := fault.Fault{Kind: fault.Cut, Host: "h1", Name: "cut"}
	must(t, n.Apply(fault.Placed{Fault: cut, Links: n.links[:]}))
	if err := n.Apply(fault.Placed{Fault: cut, Links: n.links[:1]}); err == nil || !strings.Contains(err.Error(), "one of that name") {
		t.Errorf("a second fault of the name: %v", err)
	}
	if got := len(n.Counters()); got != 4 {
		t.Errorf("%d counters for two cables and two ways", got)
	}
	if err := n.Remove("other"); err == nil {
		t.Error("a fault that is not there was removed")
	}
	bad := fault.Placed{Fault: fault.Fault{Kind: fault.Cut, Name: "bad"}, Links: []fault.Link{n.links[0], {Name: "x:eth0", Port: "no-such"}}}
	if err := n.Apply(bad); err == nil || !strings.Contains(err.Error(), "no-such") || len(n.Counters()) != 4 {
		t.Errorf("a fault on a cable that is not there: %v, %d counters", err, len(n.Counters()))
	}
	must(t, n.Engine.Close())
	want := slices.Repeat([]int{1}, 5)
	if diff := cmp.Diff(want, n.datagrams(t, 0, want)); diff != "" {
		t.Errorf("after Close: -want +got\n%s", diff)
	}
}

func TestWhatTheKernelCannotDo(t *testing.T) {
	for _, tt := range []struct {
		fault fault.Fault
		want  string
	}{
		{fault.Fault{Kind: fault.Delay, Delay: time.Second}, "the engine ebpf cannot do delay: "},
		{fault.Fault{Kind: fault.Rate, Kilobits: 100}, "cannot do rate"},
		{fault.Fault{Kind: fault.Reorder}, "cannot do reorder"},
		{fault.Fault{Kind: fault.Reset}, "cannot do reset"},
		{fault.Fault{Kind: fault.Drop, Message: "tsls.Allocate", Level: fault.Wire}, "inside TLS"},
		{fault.Fault{Kind: fault.Drop, Message: "NEW_LICENSE"}, "inside a program"},
	} {
		tt.fault.Name = "f"
		err := New().Apply(fault.Placed{Fault: tt.fault})
		if _, ok := errors.AsType[*fault.UnsupportedError](err); !ok || !strings.Contains(err.Error(), tt.want) || !strings.HasSuffix(err.Error(), "use --engine user") {
			t.Errorf("%v: %v", tt.fault, err)
		}
	}
}
