package e2e

import (
	"testing"
	"time"

	"github.com/tslab/tslab/internal/harness"
)

// TestMemoryAtRest: a license server with CALs that has answered and is asked no more
// holds less than 10 MB, all that its process has in memory.
//
// proves R40
func TestMemoryAtRest(t *testing.T) {
	const most, still = 10_000_000, 3 * time.Second
	ctx := bounded(t)
	f, all := startScarce(ctx, t)
	connectAll(ctx, t, all)
	begin, before, now := time.Now(), int64(-1), int64(0)
	err := harness.Until(ctx, "memory of an idle license server to stand still", func() (bool, error) {
		var err error
		if now, _, err = harness.Memory(f.LServer.PID()); now != before {
			begin, before = time.Now(), now
		}
		return time.Since(begin) >= still, err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.1f MB", float64(now)/1e6)
	if now >= most {
		t.Errorf("%d bytes at rest, want less than %d", now, most)
	}
}
