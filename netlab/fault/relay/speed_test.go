//go:build linux

package relay_test

import (
	"slices"
	"testing"
	"time"

	"github.com/tslab/tslab/netlab/fault"
)

// roundTrips measures how long a datagram takes there, an answer back.
func roundTrips(t *testing.T, there, back *path, count int) []time.Duration {
	t.Helper()
	var times []time.Duration
	for n := range uint32(count) {
		began := time.Now()
		there.write(there.data, n)
		if _, ok := there.read(patience); !ok {
			t.Fatal("a datagram is lost")
		}
		back.write(back.mark, n)
		if _, ok := back.read(patience); !ok {
			t.Fatal("an answer is lost")
		}
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	return times
}

// The delay is what was asked for, beyond what a round trip takes without it: never
// less, and in the median not much more. Jitter spreads it over its whole range.
func TestDelay(t *testing.T) {
	const count = 40
	l := newLab(t, 2)
	there, back := l.path(0, 1), l.path(1, 0)
	base := roundTrips(t, there, back, count)
	const delay, jitter = 40 * time.Millisecond, 30 * time.Millisecond
	l.apply(1, fault.Fault{Name: "even", Kind: fault.Delay, Delay: delay, Direction: fault.To, Port: dataPort})
	even := roundTrips(t, there, back, count)
	if median := even[count/2] - base[count/2]; even[0] < delay || median > 2*delay {
		t.Errorf("delayed by %v: fastest %v, the median %v slower than without", delay, even[0], median)
	}
	must(t, l.engine.Remove("even"))
	l.apply(1, fault.Fault{Name: "jitter", Kind: fault.Delay, Delay: delay, Jitter: jitter, Direction: fault.To, Port: dataPort, Seed: 5})
	spread := roundTrips(t, there, back, count)
	low, high := spread[count/10], spread[count*9/10]
	if spread[0] < delay-jitter || low > delay-jitter/3 || high < delay+jitter/3 || spread[count/2] > 2*delay+base[count/2] {
		t.Errorf("%v +- %v: from %v, a tenth below %v, a tenth above %v", delay, jitter, spread[0], low, high)
	}
}

// Frames of a jitter keep their order unless they are told that they need not.
func TestJitterOrder(t *testing.T) {
	const count = 200
	l := newLab(t, 2)
	p := l.path(0, 1)
	p.run(1, 1)
	for _, overtake := range []bool{false, true} {
		l.apply(1, fault.Fault{
			Name: "jitter", Kind: fault.Delay, Delay: 20 * time.Millisecond, Jitter: 20 * time.Millisecond, Overtake: overtake,
			Direction: fault.To, Port: dataPort, Seed: 5,
		})
		for n := uint32(1); n <= count; n++ {
			p.write(p.data, n)
		}
		var got []uint32
		for range count {
			n, ok := p.read(patience)
			if !ok {
				t.Fatalf("%d of %d arrived", len(got), count)
			}
			got = append(got, n)
		}
		if slices.IsSorted(got) == overtake {
			t.Errorf("overtake %v, and they came in order: %v", overtake, !overtake)
		}
		must(t, l.engine.Remove("jitter"))
	}
}

// paced sends datagrams at an even rate while they are read, and returns how many
// arrived and from when to when.
func paced(t *testing.T, p *path, count int, every time.Duration) (arrived int, span time.Duration) {
	t.Helper()
	done := make(chan struct{})
	var first, last time.Time
	go func() {
		defer close(done)
		for arrived < count {
			if _, ok := p.read(2 * time.Second); !ok {
				return
			}
			last = time.Now()
			if arrived++; arrived == 1 {
				first = last
			}
		}
	}()
	const together = 8
	ticker := time.NewTicker(every * together)
	defer ticker.Stop()
	for n := range uint32(count) {
		if n%together == 0 {
			<-ticker.C
		}
		p.write(p.data, n)
	}
	<-done
	return arrived, last.Sub(first)
}

// A delay holds back every frame and slows down none: the rate is that without it, but
// for what a busy machine does to a measurement, of which there are three. A wire that
// waited for each frame would carry ten in a second.
func TestDelayAtNoLossOfRate(t *testing.T) {
	const count, tries = 4000, 3
	l := newLab(t, 2)
	p := l.path(0, 1)
	p.size = 500
	for try := 1; ; try++ {
		plain, spanPlain := paced(t, p, count, 150*time.Microsecond) // 27 Mbit/s
		l.apply(1, fault.Fault{Name: "delay", Kind: fault.Delay, Delay: 100 * time.Millisecond, Direction: fault.To})
		delayed, span := paced(t, p, count, 150*time.Microsecond)
		must(t, l.engine.Remove("delay"))
		without, with := float64(plain)/spanPlain.Seconds(), float64(delayed)/span.Seconds()
		t.Logf("%.0f frames a second without, %.0f with a delay of 100 ms", without, with)
		if with >= 0.8*without && delayed >= plain*95/100 || try == tries && with >= 0.5*without {
			return
		}
		if try == tries {
			t.Fatalf("%d of %d frames at %.0f a second with the delay, %d at %.0f without", delayed, count, with, plain, without)
		}
	}
}

// A rate is kept over a while, and a queue that is full loses the rest.
func TestRate(t *testing.T) {
	const count, kbit = 400, 4000
	l := newLab(t, 2)
	p := l.path(0, 1)
	p.size = 1400
	p.run(1, 1)
	l.apply(1, fault.Fault{Name: "slow", Kind: fault.Rate, Kilobits: kbit, Queue: 1 << 20, Direction: fault.To, Port: dataPort})
	arrived, span := paced(t, p, count, 100*time.Microsecond)
	const frame = 1400 + 8 + 20 + 14
	got := float64((count*frame-fault.DefaultBurst)*8) / span.Seconds() / 1000
	if arrived != count || got > kbit*1.1 || got < kbit*0.7 {
		t.Errorf("%d of %d at %.0f kbit/s, want %d", arrived, count, got, kbit)
	}
	must(t, l.engine.Remove("slow"))
	l.apply(1, fault.Fault{Name: "full", Kind: fault.Rate, Kilobits: kbit, Queue: 1 << 14, Direction: fault.To, Port: dataPort})
	arrived, _ = paced(t, p, count, 50*time.Microsecond)
	if arrived < 20 || arrived > count/2 {
		t.Errorf("%d of %d passed a short queue", arrived, count)
	}
}

// Whoever is sending while a fault comes and goes loses nothing to that.
func TestComingAndGoing(t *testing.T) {
	const count = 4000
	l := newLab(t, 2)
	p := l.path(0, 1)
	p.run(1, 1)
	done := make(chan int)
	go func() {
		n, _ := paced(t, p, count, 200*time.Microsecond)
		done <- n
	}()
	for n, arrived := 0, 0; arrived == 0; n++ {
		must(t, l.engine.Apply(fault.Placed{
			Fault: fault.Fault{Name: "nothing", Kind: fault.Cut, Host: "h2", Port: 9}, Links: l.links[1:2],
		}))
		must(t, l.engine.Remove("nothing"))
		select {
		case arrived = <-done:
			if arrived != count || n < 3 {
				t.Errorf("%d of %d arrived while a fault came and went %d times", arrived, count, n)
			}
		default:
		}
	}
}
