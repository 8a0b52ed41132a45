package policy

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// TestCALLife: every length from 52 to 89 days is drawn, as often as the others.
func TestCALLife(t *testing.T) {
	p := edition.W2KSP3()
	draw := rand.New(rand.NewPCG(1, 2))
	const n = 38000
	count := map[int]int{}
	for range n {
		end := Expires(token.CAL, start(), &p, both, draw)
		count[int(end.Sub(start())/day)]++
	}
	if len(count) != 38 || count[52] == 0 || count[89] == 0 {
		t.Fatalf("%d different lives, 52: %d times, 89: %d times", len(count), count[52], count[89])
	}
	for d, c := range count {
		if c < 800 || c > 1200 {
			t.Errorf("%d days: %d times of %d, want about 1000", d, c, n)
		}
	}
}

func TestExpires(t *testing.T) {
	fixed := edition.W2KSP3()
	if err := fixed.SetAll([]string{"cal_life_days=60", "builtin_expiry=30", "temp_days=10"}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		kind    token.Kind
		profile edition.Profile
		f       tsls.Features
		days    int // 0: none
	}{
		{"temporary", token.Temporary, edition.W2KSP3(), both, 90},
		{"temporary, before the hotfix", token.Temporary, edition.W2K(), 0, 90},
		{"temporary, by its knob", token.Temporary, fixed, both, 10},
		{"CAL", token.CAL, edition.W2KSP3(), both, 89},
		{"CAL, 2003", token.CAL, edition.WS2003(), both, 89},
		{"CAL, fixed", token.CAL, fixed, both, 60},
		{"CAL for a terminal server without the hotfix", token.CAL, edition.W2KSP3(), 0, 0},
		{"CAL, before the hotfix", token.CAL, edition.W2K(), 0, 0},
		{"built-in", token.BuiltIn, edition.W2KSP3(), both, 0},
		{"built-in, by its knob", token.BuiltIn, fixed, both, 30},
		{"Internet Connector", token.InternetConnector, edition.W2KSP3(), both, 0},
	} {
		var want time.Time
		if test.days > 0 {
			want = start().AddDate(0, 0, test.days)
		}
		if got := Expires(test.kind, start(), &test.profile, test.f, counter{}); !got.Equal(want) {
			t.Errorf("%s: %s, want %s", test.name, got, want)
		}
	}
}

func TestReturn(t *testing.T) {
	sp3 := edition.W2KSP3()
	end := start().AddDate(0, 0, 60)
	if Expired(end, end) || !Expired(end, end.Add(time.Second)) || Expired(time.Time{}, end) {
		t.Error("a token is valid to its last second, and one without an end always")
	}
	for _, test := range []struct {
		step time.Duration
		want bool
	}{{0, false}, {-365 * day, false}, {2 * day, false}, {2*day + time.Second, true}} {
		if got := StepTooLarge(start(), start().Add(test.step), &sp3); got != test.want {
			t.Errorf("step of %s too large: %v", test.step, got)
		}
	}
	if StepTooLarge(time.Time{}, start(), &sp3) {
		t.Error("the first look is no step")
	}
}

// counter is a source that always draws the last.
type counter struct{}

func (counter) IntN(n int) int { return n - 1 }
