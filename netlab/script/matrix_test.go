//go:build linux

package script_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/script"
)

func TestEditionsOfADrill(t *testing.T) {
	for _, tt := range []struct {
		source string
		want   []string
		err    string
	}{
		{"x = 1", nil, ""},
		{`editions = ["w2k", "ws2003"]`, []string{"w2k-rtm", "ws2003"}, ""},
		{`editions = ["w2k", "w2k-rtm"]`, nil, "x.star:1:1: editions: w2k-rtm is named twice"},
		{`editions = ["w95"]`, nil, `x.star:1:1: editions: edition "w95" is not known`},
		{`editions = []`, nil, "want a list"},
		{`editions = [3]`, nil, "want strings"},
		{`editions = "w2k"`, nil, "want a list"},
	} {
		d := script.Drill{Name: "x", File: "x.star", Source: tt.source}
		got, err := d.Editions()
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.source, diff)
		}
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v, want %q", tt.source, err, tt.err)
		}
	}
}

// Each leg is a run of its own, and one that fails does not keep the next from being
// run. What is drawn depends on seed and stream, not on the leg or the order.
func TestEveryLegIsRun(t *testing.T) {
	const source = `# two legs
editions = ["w2k-sp3", "ws2003"]
net("lan"); host("h")
a = [draw("a", 1000), draw("a", 1000)]
b = draw("b", 1000)
step("%d %d %d" % (a[0], a[1], b))
expect(edition(), "ws2003")
`
	d := script.Drill{Name: "legs", File: "legs.star", Source: source}
	drawn := func(seed uint64, edition string) (verdicts, draws []string) {
		var out bytes.Buffer
		folder := filepath.Join(t.TempDir(), "run")
		records, err := script.RunAll(t.Context(), d, script.Options{Folder: folder, Seed: seed, Edition: edition, Out: &out})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			verdicts = append(verdicts, r.Name()+" "+string(r.Verdict))
			if len(r.Streams) != 2 {
				t.Errorf("streams %v", r.Streams)
			}
		}
		if !strings.Contains(out.String(), "seed     7 (draw/a ") && seed == 7 {
			t.Errorf("the streams are not told:\n%s", &out)
		}
		for line := range strings.Lines(out.String()) {
			if strings.Count(line, " ") == 2 && line[0] >= '0' && line[0] <= '9' {
				draws = append(draws, line)
			}
		}
		return verdicts, draws
	}
	verdicts, first := drawn(7, "")
	if diff := cmp.Diff([]string{"legs [w2k-sp3] " + string(netlab.Failed), "legs [ws2003] " + string(netlab.Passed)}, verdicts); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if len(first) != 2 || first[0] != first[1] {
		t.Errorf("legs draw %q", first)
	}
	verdicts, again := drawn(7, "ws2003")
	if len(verdicts) != 1 || len(again) != 1 || again[0] != first[0] {
		t.Errorf("one leg: %v, drew %q, at first %q", verdicts, again, first)
	}
	if _, other := drawn(8, "ws2003"); other[0] == first[0] {
		t.Errorf("another seed draws the same %q", other)
	}
	plain := script.Drill{Name: "p", File: "p.star", Source: "x = 1"}
	if _, err := plain.Legs(script.Options{Edition: "nt4"}); err == nil || !strings.Contains(err.Error(), "w2k-rtm") {
		t.Errorf("a leg of no edition: %v", err)
	}
	if _, err := d.Legs(script.Options{Edition: "w2k"}); err == nil || !strings.Contains(err.Error(), "has no leg for w2k-rtm") {
		t.Errorf("Legs: %v", err)
	}
}
