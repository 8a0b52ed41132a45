//go:build linux

package main

import (
	"encoding/xml"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/netlab"
)

func TestJUnit(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	b, err := junit([]*netlab.Record{
		{Drill: "a", Edition: "ws2003", Began: began, Ended: began.Add(1500 * time.Millisecond), Expectations: []netlab.Expectation{
			{Text: "one <CAL>", Met: true},
			{Text: "two", Want: "2", Got: "3", Place: "a.star:4:7", FirstFrame: 12, LastFrame: 20},
		}, Invariants: []netlab.Invariant{
			{Host: "ls1", Text: "no pool is negative", Held: true, Seen: "1 key packs, 2 licenses"},
			{Host: "ts1", Text: "no valid client was refused", Seen: "PC-1 is refused"},
		}},
		{Drill: "b", Began: began, Ended: began, Error: "b.star:1:1: no such host"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	want := []junitSuite{
		{Name: "a [ws2003]", Tests: 4, Failures: 2, Time: "1.500", Stamp: "2026-01-02T03:04:05", Cases: []junitCase{
			{Class: "a [ws2003]", Name: "one <CAL>"},
			{Class: "a [ws2003]", Name: "two", Failure: &junitFail{
				"two: want 2, got 3; see frames 12 to 20, what was sent since the expectation before", "a.star:4:7"}},
			{Class: "a [ws2003] invariants", Name: "ls1: no pool is negative"},
			{Class: "a [ws2003] invariants", Name: "ts1: no valid client was refused", Failure: &junitFail{
				"ts1: no valid client was refused: PC-1 is refused", "ts1"}},
		}},
		{Name: "b", Tests: 1, Errors: 1, Time: "0.000", Stamp: "2026-01-02T03:04:05", Cases: []junitCase{
			{Class: "b", Name: "carried out to its end", Error: &junitFail{Message: "b.star:1:1: no such host"}},
		}},
	}
	if diff := cmp.Diff(want, got.Suites); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
