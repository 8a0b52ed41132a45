//go:build linux

package netlab_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab"
)

// TestInvariantsOfALab: when a lab ends, the stores of its license servers are looked
// at, also one whose server does not run; a doctored one makes the run fail, and the
// record, the event log and the story's end say why.
func TestInvariantsOfALab(t *testing.T) {
	for _, doctored := range []bool{false, true} {
		l := newLab(t)
		check(t, os.MkdirAll(l.ProgramFolder("s1", "lserver"), 0o755))
		netlab.StoreOf(t, l.ProgramFolder("s1", "lserver"), doctored)
		l.Expect(netlab.Expectation{Text: "a drill that expects nothing of it", Met: true})
		check(t, l.Close())
		r := readRecord(t, l.Folder)
		if len(r.Invariants) != 5 || !slices.ContainsFunc(r.Invariants, func(i netlab.Invariant) bool { return i.Host == "s1" && i.Held }) {
			t.Errorf("invariants %+v", r.Invariants)
		}
		if !doctored {
			if r.Verdict != netlab.Passed || r.Events[eventlog.InvariantBroken.Name] != 0 {
				t.Errorf("sound: %s, %v", r.Verdict, r.Invariants)
			}
			continue
		}
		broken := r.Broken()
		if r.Verdict != netlab.Failed || len(broken) != 1 || !strings.Contains(broken[0].Why(), "s1: no pool is negative: key pack LAB-PACK has issued 1 of 0") {
			t.Errorf("doctored: %s, %+v", r.Verdict, broken)
		}
		if r.Events[eventlog.InvariantBroken.Name] != 1 {
			t.Errorf("events %v", r.Events)
		}
	}
}
