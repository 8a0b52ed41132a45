//go:build linux

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/script"
)

// TestSummary: every leg has a row, and a drill that left no record is told, and counts as
// failed, whatever its exit status.
func TestSummary(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	leg := func(drill, edition string, verdict netlab.Verdict, expectations int) *netlab.Record {
		return &netlab.Record{
			Drill: drill, Edition: edition, Verdict: verdict, Began: began, Ended: began.Add(1260 * time.Millisecond),
			Expectations: make([]netlab.Expectation, expectations),
		}
	}
	all := []script.Drill{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	table, sum, records, failed := summary(all, []everyDrill{
		{records: []*netlab.Record{leg("a", "w2k-sp3", netlab.Passed, 3), leg("a", "ws2003", netlab.Failed, 4)}, failed: true},
		{},
		{records: []*netlab.Record{leg("c", "", netlab.Passed, 5)}},
	})
	var out strings.Builder
	if err := table.Print(&out); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	want := []string{"DRILL VERDICT TIME EXPECTATIONS", "a [w2k-sp3] passed 1.3 s 3", "a [ws2003] failed 1.3 s 4", "b not run - -", "c passed 1.3 s 5"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s", out.String())
	}
	if len(records) != 3 || failed != 2 || sum != "3 drills, 3 runs: 2 passed, 12 expectations" {
		t.Errorf("%d records, %d failed, %q", len(records), failed, sum)
	}
}

func TestPrintDrills(t *testing.T) {
	all := []script.Drill{{Name: "d99-long", Title: "D99: a title of more than forty characters, which goes on"}, {Name: "x", Title: "X"}}
	for wide, want := range map[int]string{
		0:  "DRILL     SHOWS\nd99-long  D99: a title of more than forty characters, which goes on\nx         X\n",
		40: "DRILL     SHOWS\nd99-long  D99: a title of more than\n          forty characters, which goes\n          on\nx         X\n",
	} {
		var out strings.Builder
		if err := printDrills(&out, all, wide); err != nil || out.String() != want {
			t.Errorf("%d columns: %v\n%s", wide, err, out.String())
		}
	}
}
