//go:build linux

package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestThin: the first messages and events of each step stay, and all of what the drill
// did, expected and what went wrong; what is left out is counted where it began.
func TestThin(t *testing.T) {
	lines := func(kinds string) (all []Line) {
		for _, k := range kinds {
			kind := map[rune]string{'m': Message, 'e': Event, 'w': Event, 's': Step, 'c': Calendar, 'f': Fault, 'x': Expectation}[k]
			all = append(all, Line{Kind: kind, Bad: k == 'w'})
		}
		return all
	}
	for _, tt := range []struct {
		story string
		most  int
		want  string
	}{
		{"smmesmme", 6, "step message message event step message message event"},
		{"smmmmxsm", 3, "step message message gap expectation step message"},
		{"smmmmmmmfcmmsmw", 4, "step message message message gap fault calendar step message event"},
		{"mmm", 2, "message message gap"},
		{"mme", 0, "gap"},
		{"sx", 0, "step expectation"},
		{"", 5, ""},
	} {
		var got []string
		for _, l := range thin(lines(tt.story), tt.most) {
			got = append(got, l.Kind)
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%d of %s: -want +got\n%s", tt.most, tt.story, diff)
		}
	}
	many := slices.Repeat(lines("m"), 1000)
	if got := thin(many, 990); len(got) != 991 || got[990].Text != "10 more messages and events of this step are in the capture" {
		t.Errorf("%d lines, the last: %+v", len(got), got[len(got)-1])
	}
}

func TestShare(t *testing.T) {
	for _, tt := range []struct {
		counts     []int
		most, want int
	}{{[]int{10, 10}, 10, 5}, {[]int{2, 10, 10}, 12, 5}, {[]int{1, 1, 100}, 50, 48}, {[]int{3, 3}, 100, 100}, {[]int{5}, 0, 0}} {
		if got := share(tt.counts, tt.most); got != tt.want {
			t.Errorf("%s of %d: %d each, want %d", fmt.Sprint(tt.counts), tt.most, got, tt.want)
		}
	}
}
