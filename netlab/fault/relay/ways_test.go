//go:build linux

package relay_test

import (
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tslab/tslab/netlab/fault"
	"github.com/tslab/tslab/netlab/fault/relay"
)

// fates are the numbers of datagrams that arrive past a fault of the second host's cable
// when so many are sent, in their order, as its dice say.
func fates(f fault.Fault, toHost bool, count uint32) (arrived []uint32) {
	if !f.Takes(toHost) {
		return upTo(count, nil)
	}
	dice := fault.NewDice(f.Seed, "h2:eth0", toHost)
	below, all := fault.Threshold(f.Percent)
	var held []uint32
	for n := uint32(1); n <= count; n++ {
		chosen := f.Chosen(uint64(n)) && (all || dice.Throw(uint64(n)) < below)
		switch {
		case !chosen:
			arrived = append(append(arrived, n), held...)
			held = nil
		case f.Kind == fault.Duplicate:
			arrived = append(arrived, slices.Repeat([]uint32{n}, 1+max(f.Copies, 1))...)
		case f.Kind == fault.Reorder:
			held = []uint32{n}
		}
	}
	return append(arrived, held...)
}

// What is laid on one way is measured on that way, frame by frame, and the other way
// carries everything: for every kind that decides about whole frames.
func TestEveryKindEveryWay(t *testing.T) {
	const count = 100 // fits between two marks
	l := newLab(t, 2)
	paths := map[bool]*path{true: l.path(0, 1), false: l.path(1, 0)} // to the second host, from it
	for _, p := range paths {
		p.run(1, 1) // ARP is no business of this test
	}
	for _, f := range []fault.Fault{
		{Kind: fault.Loss, Percent: 40, Seed: 11},
		{Kind: fault.Drop, Nth: 7, Times: 20},
		{Kind: fault.Drop, Times: 3},
		{Kind: fault.Duplicate, Percent: 30, Copies: 3, Seed: 12},
		{Kind: fault.Reorder, Nth: 5, Delay: time.Minute},
		{Kind: fault.Corrupt, Percent: 25, Checksum: fault.Kept, Seed: 13}, // the receiver's kernel drops it
		{Kind: fault.Cut},
		{Kind: fault.Flap, Schedule: fault.Schedule{Every: 2 * time.Hour, For: time.Hour}},
	} {
		for _, direction := range []fault.Direction{fault.Both, fault.From, fault.To} {
			f.Name, f.Direction, f.Port = "f", direction, dataPort
			l.apply(1, f)
			for toHost, p := range paths {
				want := fates(f, toHost, count)
				if got := p.run(1, count); !slices.Equal(got, want) {
					t.Errorf("%v, to the host %v: arrived\n%v, want\n%v", f, toHost, got, want)
				}
				if f.Takes(toHost) && (slices.Equal(want, upTo(count, nil)) || l.counter("f", toHost).Matched != count) {
					t.Errorf("%v, to the host %v: counted %+v", f, toHost, l.counter("f", toHost))
				}
			}
			must(t, l.engine.Remove("f"))
		}
	}
}

// A fault does nothing before its time and nothing after it.
func TestSchedule(t *testing.T) {
	const count = 20
	l := newLab(t, 2)
	p := l.path(0, 1)
	p.run(1, 1)
	for schedule, active := range map[fault.Schedule]bool{
		{From: time.Hour}: false, {Until: time.Hour}: true, {Until: time.Nanosecond}: false, {From: time.Nanosecond, Until: time.Hour}: true,
	} {
		l.apply(1, fault.Fault{Name: "f", Kind: fault.Cut, Direction: fault.To, Port: dataPort, Schedule: schedule})
		if got := p.run(1, count); (len(got) == 0) != active || len(got) != 0 && len(got) != count {
			t.Errorf("%v: %d of %d arrived; want it active: %v", schedule, len(got), count, active)
		}
		must(t, l.engine.Remove("f"))
	}
}

// Delay and rate, too, work on the way that they are laid on, and on no other.
func TestLateEveryWay(t *testing.T) {
	const least, count, tries = 400 * time.Millisecond, 5, 3 // on a free way the machine may be late twice
	l := newLab(t, 2)
	paths := map[bool]*path{true: l.path(0, 1), false: l.path(1, 0)} // to the second host, from it
	for _, p := range paths {
		p.size = 1400
		p.run(1, 1)
	}
	for _, f := range []fault.Fault{
		{Kind: fault.Delay, Delay: least},
		{Kind: fault.Rate, Kilobits: 80, Burst: 1514}, // each waits for 144 ms but the first
	} {
		for _, direction := range []fault.Direction{fault.Both, fault.From, fault.To} {
			f.Name, f.Direction, f.Port = "f", direction, dataPort
			l.apply(1, f)
			for toHost, p := range paths {
				for try := 1; ; try++ {
					began := time.Now()
					for n := range uint32(count) {
						p.write(p.data, n)
					}
					for want := range uint32(count) {
						if n, ok := p.read(patience); !ok || n != want {
							t.Fatalf("%v, to the host %v: datagram %d, %v, want %d", f, toHost, n, ok, want)
						}
					}
					took := time.Since(began)
					if (took >= least) == f.Takes(toHost) {
						break
					}
					if f.Takes(toHost) || try == tries {
						t.Errorf("%v, to the host %v: took %v", f, toHost, took)
						break
					}
				}
			}
			must(t, l.engine.Remove("f"))
		}
	}
}

// Each datagram is late by what the dice say of it and by what the machine adds, which
// is little; all that it does not hold up are spread evenly over the range
// (Kolmogorov-Smirnov, at one in a thousand). A machine that is busy has three tries.
func TestDelayIsDistributedAsTheDiceSay(t *testing.T) {
	const tries = 3
	l := newLab(t, 2)
	p := l.path(0, 1)
	p.run(1, 1)
	for try := 1; ; try++ {
		wrong := delays(t, l, p)
		if wrong == "" {
			return
		}
		if try == tries {
			t.Fatal(wrong)
		}
		t.Log(wrong)
	}
}

// delays sends datagrams past a delay with jitter and says what is wrong with their
// times, "" for nothing; one that is early is so however busy the machine is.
func delays(t *testing.T, l *lab, p *path) (wrong string) {
	const count, delay, jitter = 400, 150 * time.Millisecond, 100 * time.Millisecond
	const held = 10 * time.Millisecond // up by the machine, if more
	f := fault.Fault{Name: "f", Kind: fault.Delay, Delay: delay, Jitter: jitter, Overtake: true, Direction: fault.To, Port: dataPort, Seed: 77}
	l.apply(1, f)
	defer func() { must(t, l.engine.Remove("f")) }()
	var sent [count]atomic.Int64 // since the beginning
	begin := time.Now()
	go func() {
		ticker := time.NewTicker(500 * time.Microsecond)
		defer ticker.Stop()
		for n := range sent {
			<-ticker.C
			sent[n].Store(int64(time.Since(begin)))
			p.write(p.data, uint32(n))
		}
	}()
	dice := fault.NewDice(f.Seed, "h2:eth0", true)
	var took, added []time.Duration
	for i := range count {
		n, ok := p.read(patience)
		if !ok {
			t.Fatalf("%d of %d arrived", i, count)
		}
		passed := time.Since(begin) - time.Duration(sent[n].Load())
		meant := delay - jitter + time.Duration(dice.Second(uint64(n)+1)%uint64(2*jitter+1))
		late := passed - meant
		if late < 0 {
			t.Errorf("datagram %d took %v, the dice say %v", n, passed, meant)
		}
		if added = append(added, late); late < held {
			took = append(took, passed)
		}
	}
	slices.Sort(added)
	if median := added[count/2]; median > held || len(took) < count/2 {
		return fmt.Sprintf("the machine adds %v in the median, %d of %d are not held up", median, len(took), count)
	}
	slices.Sort(took)
	distance := 0.0
	for i, d := range took {
		even := float64(d-(delay-jitter)) / float64(2*jitter)
		distance = max(distance, math.Abs(float64(i+1)/float64(len(took))-even), math.Abs(float64(i)/float64(len(took))-even))
	}
	if bound := 1.95/math.Sqrt(float64(len(took))) + float64(held)/float64(2*jitter); distance > bound {
		return fmt.Sprintf("the delays are %.3f from even, at most %.3f is chance", distance, bound)
	}
	return ""
}

// Who connects is refused, whether the request or its answer is what is reset.
func TestResetEveryWay(t *testing.T) {
	l := newLab(t, 2)
	var listener *net.TCPListener
	at := &net.TCPAddr{IP: l.links[1].Addresses[0].AsSlice(), Port: 7200}
	must(t, l.hosts[1].Do(func() (err error) { listener, err = net.ListenTCP("tcp4", at); return err }))
	defer listener.Close()
	for _, direction := range []fault.Direction{fault.Both, fault.From, fault.To} {
		l.apply(1, fault.Fault{Name: "f", Kind: fault.Reset, Direction: direction, Port: 7200})
		err := l.hosts[0].Do(func() error {
			c, err := net.DialTimeout("tcp4", at.String(), patience)
			if err == nil {
				c.Close()
			}
			return err
		})
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("direction %q: %v, want it refused", direction, err)
		}
		for _, c := range l.engine.Counters() {
			if first := c.ToHost == (direction != fault.From); first && c.Done != 1 || !first && c.Done != 0 {
				t.Errorf("direction %q: %+v", direction, c)
			}
		}
		must(t, l.engine.Remove("f"))
	}
}

// Frames that come faster than they are read are lost for want of a slot, and every one
// of them is counted: what the fault has seen and what is lost is what was sent.
func TestOverrunsAreCounted(t *testing.T) {
	const count = relay.MaxSlots + 1500
	l := newLab(t, 2)
	l.overruns = true
	p := l.path(0, 1)
	p.run(1, 1)
	l.apply(1, fault.Fault{Name: "f", Kind: fault.Drop, Nth: 1 << 30, Direction: fault.To, Protocol: "udp"}) // counts, and does nothing
	resume := l.engine.Stall("h2:eth0")
	for n := range uint32(count) {
		p.write(p.data, n)
	}
	resume()
	var seen, lost uint64
	for begin := time.Now(); seen+lost != count; p.read(time.Millisecond) { // the relay catches up
		if seen, lost = l.counter("f", true).Matched, l.engine.Overruns(); time.Since(begin) > patience || seen+lost > count {
			t.Fatalf("%d seen and %d lost of %d", seen, lost, count)
		}
	}
	if lost < 1000 {
		t.Errorf("%d lost of %d, with %d slots", lost, count, relay.MaxSlots)
	}
	must(t, l.engine.Remove("f"))
	if got := l.engine.Overruns(); got != lost {
		t.Errorf("%d lost when the fault is healed, %d before", got, lost)
	}
}
