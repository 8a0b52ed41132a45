//go:build linux

package script

import (
	"strings"
	"testing"

	"github.com/tslab/tslab/netlab"
)

// TestInvariantsInTheStory: the last lines of a run count the invariants, and say which
// does not hold.
func TestInvariantsInTheStory(t *testing.T) {
	tell := func(list ...netlab.Invariant) string {
		var out strings.Builder
		(&story{w: &out}).verdict(&netlab.Record{Drill: "x", Verdict: netlab.Passed, Invariants: list}, "runs/x", "")
		return out.String()
	}
	good := netlab.Invariant{Host: "ls1", Text: "no pool is negative", Held: true, Seen: "1 key packs"}
	bad := netlab.Invariant{Host: "ts1", Text: "no valid client was refused", Seen: "PC-1 is refused"}
	if got := tell(good, good); !strings.Contains(got, "\ninvariants  2 of 2 hold\n") || strings.Contains(got, "invariant:") {
		t.Errorf("all hold:\n%s", got)
	}
	if got := tell(good, bad); !strings.Contains(got, "\ninvariants  1 of 2 hold\n") ||
		!strings.Contains(got, "\ninvariant: ts1: no valid client was refused: PC-1 is refused\n") {
		t.Errorf("one does not hold:\n%s", got)
	}
	if got := tell(); strings.Contains(got, "invariant") {
		t.Errorf("nothing was looked at:\n%s", got)
	}
}
