//go:build linux

package tcx

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/tslab/tslab/netlab/fault"
)

// loaded is a fault's program in the kernel, attached to nothing.
type loaded struct {
	program *ebpf.Program
	tallies *ebpf.Map
}

func loadFault(t *testing.T, f fault.Placed, toHost bool, since time.Duration) loaded {
	t.Helper()
	tallies, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: tallySize, MaxEntries: 1})
	if err != nil {
		t.Fatal(explain(err))
	}
	t.Cleanup(func() { tallies.Close() })
	p, err := load(program(f, spot{fault.Link{Name: "h:eth0"}, toHost}, tallies.FD(), 0, since))
	if err != nil {
		t.Fatalf("%v: %+v", f, err)
	}
	t.Cleanup(func() { p.Close() })
	return loaded{p, tallies}
}

// run gives the program a frame, in no network.
func (l loaded) run(t *testing.T, frame []byte) (answer int32, after []byte) {
	t.Helper()
	after = make([]byte, len(frame)+256)
	o := ebpf.RunOptions{Data: frame, DataOut: after}
	got, err := l.program.Run(&o)
	if err != nil {
		t.Fatal(err)
	}
	return int32(got), o.DataOut
}

func (l loaded) tally(t *testing.T) tally {
	t.Helper()
	var got tally
	if err := l.tallies.Lookup(uint32(0), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// filters are faults that lose what they match.
func filters() []fault.Fault {
	all := []fault.Fault{{}, {Protocol: "arp"}, {Protocol: "ipv4"}, {Protocol: "ipv6"}, {Protocol: "icmp"}, {Protocol: "tcp"}, {Protocol: "udp"},
		{Port: 53}, {Port: 3389, Protocol: "tcp"}, {Port: 53, Protocol: "udp"}, {Port: 53, Protocol: "tcp"}, {Port: 53, Protocol: "ipv4"}, {Port: 3389, Protocol: "ipv6"}}
	for _, name := range fault.MessageNames() {
		if sealed(name) == "" {
			all = append(all, fault.Fault{Message: name, Level: fault.Wire})
		}
	}
	return append(all, fault.Fault{Message: "LICENSE_REQUEST", Level: fault.Wire, Port: 3389}, fault.Fault{Message: "dns.SRV", Protocol: "tcp"})
}

// The kernel's filter is that of the userspace wire, for every frame and fault.
func TestFilterIsThatOfTheOtherEngine(t *testing.T) {
	frames, matched := samples(), 0
	for _, f := range filters() {
		for _, peers := range [][]netip.Addr{nil, {peer4()}, {netip.MustParseAddr("10.0.0.7"), peer6(), peer4()}} {
			for _, toHost := range []bool{false, true} {
				f.Kind = fault.Drop
				p := fault.Placed{Fault: f, Peers: peers}
				l := loadFault(t, p, toHost, 0)
				for _, s := range frames {
					want := p.Match(fault.ParseFrame(s.frame), s.frame, toHost)
					got, _ := l.run(t, s.frame)
					if (got == shot) != want || !want && got != next {
						t.Errorf("%s: %q, peers %v, to host %v: answer %d, the other engine matches: %v", s.name, f.String(), peers, toHost, got, want)
					}
					if want {
						matched++
					}
				}
			}
		}
	}
	if matched < 1000 {
		t.Errorf("%d matches: the samples show little", matched)
	}
}

// Number and chance are decided as the other engine decides them.
func TestDiceAreThoseOfTheOtherEngine(t *testing.T) {
	frame := udp(host4(), peer4(), 1, 2, "x")
	for _, f := range []fault.Fault{
		{Kind: fault.Loss, Percent: 30, Seed: 1}, {Kind: fault.Loss, Percent: 30, Seed: 2}, {Kind: fault.Loss, Percent: 0.5, Seed: math.MaxUint64},
		{Kind: fault.Drop, Nth: 3}, {Kind: fault.Drop, Times: 4}, {Kind: fault.Drop, Nth: 5, Times: 7, Percent: 50, Seed: 3}, {Kind: fault.Drop},
	} {
		for _, toHost := range []bool{false, true} {
			l := loadFault(t, fault.Placed{Fault: f}, toHost, 0)
			dice := fault.NewDice(f.Seed, "h:eth0", toHost)
			below, all := fault.Threshold(f.Percent)
			var want tally
			for want.Matched < 1000 {
				want.Matched++
				lost := f.Chosen(want.Matched) && (all || dice.Throw(want.Matched) < below)
				if lost {
					want.Done++
				}
				if got, _ := l.run(t, frame); (got == shot) != lost {
					t.Fatalf("%+v: frame %d: answer %d, the other engine loses it: %v", f, want.Matched, got, lost)
				}
			}
			if got := l.tally(t); got != want {
				t.Errorf("%+v counted %+v, want %+v", f, got, want)
			}
		}
	}
}

// What is damaged is the same byte with the same value, under the same checksum.
func TestDamageIsThatOfTheOtherEngine(t *testing.T) {
	for _, checksum := range []fault.Checksum{fault.Renewed, fault.Kept} {
		f := fault.Fault{Kind: fault.Corrupt, Checksum: checksum, Seed: 9}
		for _, s := range append(samples(), sample{"UDP without checksum", noChecksum(udp(host4(), peer4(), 1, 2, "content"))}) {
			l := loadFault(t, fault.Placed{Fault: f}, false, 0)
			dice := fault.NewDice(f.Seed, "h:eth0", false)
			for n := range uint64(50) {
				want := fault.Damage(fault.ParseFrame(s.frame), s.frame, dice.Second(n+1), checksum)
				if got, after := l.run(t, s.frame); got != next || !bytes.Equal(after, want) {
					t.Fatalf("%s, checksum %q: answer %d\nwas  %x\ngot  %x\nwant %x", s.name, checksum, got, s.frame, after, want)
				}
			}
		}
	}
}

// The recorder's frames are none of any fault's.
func TestRecorderIsLeftAlone(t *testing.T) {
	l := loadFault(t, fault.Placed{Fault: fault.Fault{Kind: fault.Cut}}, false, 0)
	if got, _ := l.run(t, ether(etherMark, make([]byte, 40))); got != next || l.tally(t) != (tally{}) {
		t.Errorf("answer %d, %+v", got, l.tally(t))
	}
}

func noChecksum(frame []byte) []byte {
	copy(frame[etherHeader+ipv4Header+checksumUDP:], []byte{0, 0})
	return frame
}

func TestSchedule(t *testing.T) {
	frame := udp(host4(), peer4(), 1, 2, "x")
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	const h = time.Hour
	for _, s := range []fault.Schedule{{}, {From: h}, {Until: h}, {From: h, Until: 3 * h}, {Every: 2 * h, For: h}, {From: h, Until: 6 * h, Every: 3 * h, For: h}} {
		for _, ago := range []time.Duration{h / 2, h + h/2, 2*h + h/2, 4*h + h/2, 7*h + h/2} {
			l := loadFault(t, fault.Placed{Fault: fault.Fault{Kind: fault.Flap, Schedule: s}}, false, time.Duration(now.Nano())-ago)
			want := tally{}
			if s.Active(ago) {
				want = tally{1, 1}
			}
			if got, _ := l.run(t, frame); (got == shot) != s.Active(ago) || l.tally(t) != want {
				t.Errorf("%v after %v: answer %d, %+v; want it active: %v", fmt.Sprintf("%+v", s), ago, got, l.tally(t), s.Active(ago))
			}
		}
	}
}
