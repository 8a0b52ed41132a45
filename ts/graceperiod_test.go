package ts

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ts/policy"
)

// TestGraceNeverGoesBackwards: a connection that was decided while the period ran, and
// is over after another has ended it, neither lets it run again nor changes its reason.
func TestGraceNeverGoesBackwards(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)
	events, err := eventlog.Open(filepath.Join(dir, "events.jsonl"), "TS1", "termsrv", clock.System{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	profile := edition.W2KSP3()
	load := func() *gracePeriod {
		g, err := loadGrace(dir, func() *edition.Profile { return &profile }, events)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	g := load()
	running := g.now().Started(&profile, now)
	if err := g.decided(running); err != nil || g.now() != running {
		t.Fatalf("%+v, %v", g.now(), err)
	}
	if err := g.decided(running.Started(&profile, now.Add(time.Hour))); err != nil || g.now() != running {
		t.Errorf("a second client moves its beginning: %+v, %v", g.now(), err)
	}
	if err := g.found(now, false, false); err != nil {
		t.Fatal(err)
	}
	ended := g.now()
	if ended.State != policy.GraceEnded || ended.Reason != policy.GraceLSContact {
		t.Fatalf("ended: %+v", ended)
	}
	for _, late := range []policy.Grace{{}, running} {
		if err := g.decided(late); err != nil || g.now() != ended {
			t.Errorf("after %v: %+v, %v", late.State, g.now(), err)
		}
	}
	if again := load().now(); again != ended {
		t.Errorf("on disk: %+v, want %+v", again, ended)
	}
}
