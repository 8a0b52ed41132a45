package ls

import (
	"math"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// lives draws the days of the first n CALs of a server with the seed, and of their
// first renewal.
func lives(t *testing.T, seed uint64, n uint32) (days []int) {
	t.Helper()
	now := clock.Fixed(time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC))
	s, err := New(Config{Name: "ls1", Dir: t.TempDir(), Clock: now, Seed: seed, Edition: edition.W2KSP3(),
		Log: eventlog.New(nil, "ls1", Program, now, nil)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a := allocation{server: s, now: now.Now(), features: tsls.FeatureExpiry}
	for number := range n {
		for renewals := range uint32(2) {
			life := a.expires(token.CAL, number+1, renewals).Sub(a.now)
			days = append(days, int(life/(24*time.Hour)))
		}
	}
	return days
}

// The days of 10,000 draws: 52 to 89, both ends, each about as often; the same seed
// gives the same days, another one others.
//
// proves R113
func TestDrawnLives(t *testing.T) {
	const n = 5000
	drawn := lives(t, 7, n)
	count := map[int]int{}
	for _, days := range drawn {
		count[days]++
	}
	mean := float64(len(drawn)) / (89 - 52 + 1)
	for days := 52; days <= 89; days++ {
		if c := float64(count[days]); math.Abs(c-mean) > 5*math.Sqrt(mean) {
			t.Errorf("%d days: %v times, want about %.0f", days, c, mean)
		}
		delete(count, days)
	}
	if len(count) != 0 {
		t.Errorf("lives outside 52..89: %v", count)
	}
	again, other, equal := lives(t, 7, n), lives(t, 8, n), 0
	for i := range drawn {
		if drawn[i] != again[i] {
			t.Fatalf("draw %d: %d and %d with the same seed", i, drawn[i], again[i])
		}
		if drawn[i] == other[i] {
			equal++
		}
	}
	if equal > len(drawn)/10 {
		t.Errorf("%d of %d draws are equal with another seed", equal, len(drawn))
	}
}
