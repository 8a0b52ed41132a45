//go:build linux

package relay_test

import (
	"math"
	"slices"
	"testing"

	"github.com/tslab/tslab/netlab/fault"
)

// What is lost is what the dice say, within the bounds of chance, and the same again
// with the same seed.
func TestLoss(t *testing.T) {
	const count, percent = 3000, 20
	l := newLab(t, 2)
	p := l.path(0, 1)
	p.run(1, 1) // ARP is no business of this test
	f := fault.Fault{Name: "loss", Kind: fault.Loss, Percent: percent, Direction: fault.To, Port: dataPort, Seed: 42}
	dice := fault.NewDice(f.Seed, "h2:eth0", true)
	below, _ := fault.Threshold(percent)
	want := upTo(count, func(n uint32) bool { return dice.Throw(uint64(n)) < below })
	for range 2 {
		l.apply(1, f)
		got := p.run(1, count)
		if !slices.Equal(got, want) {
			t.Fatalf("%d datagrams arrived, others than the %d that the seed says", len(got), len(want))
		}
		lost := count - len(got)
		mean, sigma := count*percent/100., math.Sqrt(count*percent/100.*(1-percent/100.))
		if math.Abs(float64(lost)-mean) > 4*sigma {
			t.Errorf("%d of %d lost at %d percent: more than 4 standard deviations off", lost, count, percent)
		}
		if c := l.counter("loss", true); c.Matched != count || c.Done != uint64(lost) {
			t.Errorf("counted %+v, lost %d of %d", c, lost, count)
		}
		must(t, l.engine.Remove("loss"))
	}
	f.Seed = 43
	l.apply(1, f)
	if got := p.run(1, count); slices.Equal(got, want) {
		t.Error("another seed loses the same datagrams")
	}
}
