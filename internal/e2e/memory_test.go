package e2e

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/harness"
)

// TestMemory: a license server with CALs holds less than 10 MB: while a hundred devices
// are licensed by it, what is its own; when it is asked no more, all that its process
// has in memory, the program's own code too.
//
// proves R40
func TestMemory(t *testing.T) {
	const most, still = 10_000_000, 3 * time.Second
	ctx := bounded(t)
	f, all := startScarce(ctx, t)
	busy, samples := int64(0), 0
	working, stop := context.WithCancel(ctx)
	watched := make(chan error, 1)
	go func() {
		watched <- harness.Until(working, "memory of a license server at work", func() (bool, error) {
			now, err := harness.OwnMemory(f.LServer.PID())
			busy, samples = max(busy, now), samples+1
			return false, err
		})
	}()
	connectAll(ctx, t, all)
	stop()
	if err := <-watched; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
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
	t.Logf("%.1f MB of its own at work, looked at %d times; %.1f MB in all at rest", float64(busy)/1e6, samples, float64(now)/1e6)
	if busy == 0 || busy >= most || now >= most {
		t.Errorf("%d bytes at work, %d at rest, want less than %d", busy, now, most)
	}
}
