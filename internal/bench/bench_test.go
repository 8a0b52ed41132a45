package main

import (
	"testing"
	"time"
)

// TestEveryFigure measures for a moment: every figure is there, and is one.
func TestEveryFigure(t *testing.T) {
	seen := map[string]bool{}
	err := run(t.Context(), 200*time.Millisecond, func(f figure) {
		if f.Name == "" || f.Unit == "" || f.Value < 0 || seen[f.Name] {
			t.Errorf("figure %+v", f)
		}
		seen[f.Name] = true
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = 12*4 + 5*2*2 + 8 + 4 + 2
	if len(seen) != want {
		t.Errorf("%d figures, want %d", len(seen), want)
	}
}
