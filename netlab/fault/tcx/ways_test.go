//go:build linux

package tcx

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/netlab/fault"
)

// What is laid on one way is measured on that way, frame by frame, and the other way
// carries everything: for every kind that the kernel does.
func TestEveryKindEveryWay(t *testing.T) {
	const count = 60
	n := newNet(t)
	for _, f := range []fault.Fault{
		{Kind: fault.Loss, Percent: 40, Seed: 11},
		{Kind: fault.Drop, Nth: 7, Times: 20},
		{Kind: fault.Drop, Times: 3},
		{Kind: fault.Duplicate, Percent: 30, Copies: 3, Seed: 12},
		{Kind: fault.Corrupt, Percent: 25, Checksum: fault.Kept, Seed: 13}, // the receiver's kernel drops it
		{Kind: fault.Cut},
		{Kind: fault.Flap, Schedule: fault.Schedule{Every: 2 * time.Hour, For: time.Hour}},
		{Kind: fault.Cut, Schedule: fault.Schedule{From: time.Hour}},        // not yet
		{Kind: fault.Cut, Schedule: fault.Schedule{Until: time.Nanosecond}}, // no more
	} {
		for _, direction := range []fault.Direction{fault.Both, fault.From, fault.To} {
			f.Name, f.Direction, f.Port = "f", direction, faultPort
			n.lay(t, f)
			for from, toHost := range []bool{false, true} { // the fault is on the first host's cable
				want := slices.Repeat([]int{1}, count)
				if f.Takes(toHost) && f.Schedule.Active(time.Minute) {
					want = fates(f, toHost, count)
				}
				for i, arrives := range want {
					if f.Kind == fault.Duplicate {
						want[i] = 1 + (1-arrives)*f.Copies // who is chosen comes more often
					}
				}
				if diff := cmp.Diff(want, n.datagrams(t, from, want)); diff != "" {
					t.Errorf("%v, sent by host %d: -want +got\n%s", f, from+1, diff)
				}
			}
			ways := map[fault.Direction]uint64{fault.Both: 2}
			if sum := n.total(); f.Schedule.Active(time.Minute) && (sum.Matched != count*max(ways[direction], 1) || sum.Done == 0) || !f.Schedule.Active(time.Minute) && sum != (tally{}) {
				t.Errorf("%v counted %+v", f, sum)
			}
			must(t, n.Remove("f"))
		}
	}
}
