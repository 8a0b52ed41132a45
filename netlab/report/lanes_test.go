//go:build linux

package report

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab"
)

// TestDraw: what stands on the lifelines of three hosts.
func TestDraw(t *testing.T) {
	hosts := []string{"a", "b", "c"}
	for _, tt := range []struct {
		line Line
		want *drawn
	}{
		{Line{Kind: Message, From: "a", To: "c", Name: "Hello"}, &drawn{"arrow", 0, 2, "Hello"}},
		{Line{Kind: Message, From: "c", To: "b", Name: "Pong"}, &drawn{"arrow back", 1, 2, "Pong"}},
		{Line{Kind: Message, From: "b", To: "10.0.255.255", Name: "Query"}, &drawn{"dot", 1, 1, ""}},
		{Line{Kind: Message, From: "10.0.9.9", To: "a", Name: "Query"}, &drawn{"dot", 0, 0, ""}},
		{Line{Kind: Event, From: "c"}, &drawn{"dot", 2, 2, ""}},
		{Line{Kind: Fault, From: "a"}, &drawn{"cross", 0, 0, ""}},
		{Line{Kind: Fault, From: "lab"}, nil},
		{Line{Kind: Expectation, From: "lab"}, nil},
	} {
		if diff := cmp.Diff(tt.want, draw(tt.line, hosts)); diff != "" {
			t.Errorf("%+v: -want +got\n%s", tt.line, diff)
		}
	}
}

// TestCalendarOfItsOwn: a day begins where the lab's calendar says so; a host whose own
// says another has the date beside the time.
func TestCalendarOfItsOwn(t *testing.T) {
	later := day0.AddDate(0, 0, 40)
	event := func(host, program string, k eventlog.Kind, lab time.Time, fields map[string]string) eventlog.Event {
		return eventlog.Event{Host: host, Program: program, Name: k.Name, Lab: lab, Fields: fields}
	}
	tale := &netlab.Tale{Record: &netlab.Record{Start: day0, Hosts: []netlab.Host{{Name: "ts1"}}}, Events: []eventlog.Event{
		event("lab", "tslab", eventlog.ClockSkewed, day0, map[string]string{"target": "ts1"}),
		event("ts1", "termsrv", eventlog.ProgramReady, later, nil),
		event("lab", "tslab", eventlog.ExpectationMet, day0, nil),
		event("lab", "tslab", eventlog.ExpectationFailed, day0.AddDate(0, 0, 1), nil),
	}}
	var got []string
	for _, l := range place(Story(tale), []string{"ts1"}, day0) {
		got = append(got, strings.Join([]string{l.Day, l.Date, l.ID}, "|"))
	}
	want := []string{"Day 0, Monday 3 March 2003||", "|12 Apr|", "||", "Day 1, Tuesday 4 March 2003||wrong-1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestDates(t *testing.T) {
	for _, tt := range []struct {
		end  time.Time
		want string
	}{
		{day0.Add(3 * time.Hour), "Monday, 3 March 2003, 09:00:00 to 12:00:00"},
		{day0.AddDate(0, 0, 1), "Monday, 3 March 2003 to Tuesday, 4 March 2003, 1 day"},
		{day0.AddDate(0, 0, 90), "Monday, 3 March 2003 to Sunday, 1 June 2003, 90 days"},
	} {
		if got := dates(&netlab.Record{Start: day0, End: tt.end}); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// TestWrongs: the error that ended the run comes first, each expectation that was not met
// leads to its line while the page has it, and what does not hold to its table.
func TestWrongs(t *testing.T) {
	r := &netlab.Record{Error: "d99.star:3: no such host", Expectations: []netlab.Expectation{
		{Text: "one free", Want: "1", Got: "0", Place: "/home/me/d99.star:10:7", FirstFrame: 4, LastFrame: 9},
		{Text: "fine", Met: true},
		{Text: "no event", Want: "0", Got: "2", Place: "d99.star:11:7"},
	}, Invariants: []netlab.Invariant{{Host: "ls1", Text: "no pool is negative", Seen: "-1"}}}
	want := []wrong{
		{Text: "d99.star:3: no such host"},
		{Link: "#wrong-1", Text: "one free", Rest: "wanted 1, found 0", Where: "d99.star:10:7, frames 4 to 9"},
		{Link: "#expectations", Text: "no event", Rest: "wanted 0, found 2", Where: "d99.star:11:7"},
		{Link: "#invariants", Text: "ls1: no pool is negative", Rest: "-1"},
	}
	if diff := cmp.Diff(want, wrongs(r, []ladderLine{{}, {ID: "wrong-1"}})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
