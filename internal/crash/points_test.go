package crash

import (
	"slices"
	"strings"
	"testing"
)

// TestPoints: every point has a program, an exchange and one of the steps, and stands
// there once.
func TestPoints(t *testing.T) {
	steps := []Step{Asked, Answered, BeforeStore, AfterStore, BeforeReply, AfterReply}
	seen := map[Place]bool{}
	for _, p := range Points() {
		exchange, step, ok := strings.Cut(string(p.Point), "/")
		if !ok || p.Program == "" || exchange == "" || !slices.Contains(steps, Step(step)) {
			t.Errorf("%+v: want a program and EXCHANGE/STEP", p)
		}
		if seen[p] {
			t.Errorf("%+v stands there twice", p)
		}
		seen[p] = true
	}
	if len(seen) < 70 {
		t.Errorf("%d points", len(seen))
	}
}
