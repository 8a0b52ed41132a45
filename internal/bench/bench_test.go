package main

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

// TestMain lets this binary be the parts of measurements.
func TestMain(m *testing.M) {
	if played, err := role(context.Background()); played {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestEveryFigure measures for a moment: every figure is there, and is one.
func TestEveryFigure(t *testing.T) {
	seen := map[string]bool{}
	err := run(t.Context(), 200*time.Millisecond, func(f figure) {
		if f.Name == "" || f.Unit == "" || f.Value < 0 || seen[f.Name] {
			t.Errorf("figure %+v", f)
		}
		if f.Name == "flood: packets lost (goal 0)" && f.Value > 0 {
			t.Errorf("%+v", f)
		}
		seen[f.Name] = true
	}, func(measure) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	const want = 13*4 + 5*2*2 + 8 + 4 + 2
	if len(seen) < want {
		t.Errorf("%d figures, want %d and more", len(seen), want)
	}
	// What is compared with other programs has its own lines also without them.
	for _, name := range []string{
		"60 hosts up, each reaches each", "60 hosts down, no interface left", "flood: packets recorded", "flood: packets lost (goal 0)",
		"inventory known to 50 license servers, memberlist's LAN pace", "first connection, NONE, redirected",
		"flood: recorder's CPU", "3 days with a license server in reach",
		"discovery: broadcast to first answer", "ratio to the echo (goal 3)", "discovery by override, to a probed server",
		"discovery by SRV records, to a probed server", "discovery by broadcast, waiting 50 ms for all",
		"the next client, one killed (goal 50)", "the next client, one silent (goal 1500)",
	} {
		if !seen[name] {
			t.Errorf("there is no figure %q", name)
		}
	}
}
