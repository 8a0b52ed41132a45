//go:build linux

package report

import (
	"fmt"
	"slices"
	"time"
)

// ladderLine is a line of the page's ladder.
type ladderLine struct {
	Line
	ID    string // of an expectation that was not met: for links to it
	Day   string // when it is the first of its day
	Date  string // where the host's own calendar shows another day than the lab's
	Drawn *drawn // nil where nothing is drawn
}

// drawn is what a line has on the hosts' lifelines, which are counted from 0.
type drawn struct {
	Class string // of the page's style
	A, B  int    // the lifelines that an arrow joins, the left one first; both are the one of a mark
	Text  string
}

// Classes of what is drawn: an arrow to the right, one to the left, and marks.
const (
	classTo    = "arrow"
	classBack  = "arrow back"
	classEvent = "dot"
	classFault = "cross"
)

// place finds what stands where in the ladder of a lab that began at start.
func place(lines []Line, hosts []string, start time.Time) []ladderLine {
	var placed []ladderLine
	day, wrong := "", 0
	for _, l := range lines {
		out := ladderLine{Line: l, Drawn: draw(l, hosts)}
		switch d := l.Lab.Format(time.DateOnly); {
		case d == day:
		case l.Own && day != "":
			out.Date = l.Lab.Format("2 Jan")
		default:
			day, out.Day = d, fmt.Sprintf("Day %d, %s", int(l.Lab.Sub(start.Truncate(24*time.Hour)).Hours()/24), l.Lab.Format("Monday 2 January 2006"))
		}
		if l.Kind == Expectation && l.Bad {
			wrong++
			out.ID = fmt.Sprintf("wrong-%d", wrong)
		}
		placed = append(placed, out)
	}
	return placed
}

// draw is what a line has on the lifelines of the hosts.
func draw(l Line, hosts []string) *drawn {
	from, to := slices.Index(hosts, l.From), slices.Index(hosts, l.To)
	switch {
	case l.Kind == Message && from >= 0 && to > from:
		return &drawn{classTo, from, to, l.Name}
	case l.Kind == Message && to >= 0 && to < from:
		return &drawn{classBack, to, from, l.Name}
	case max(from, to) < 0:
		return nil
	case l.Kind == Fault:
		return &drawn{classFault, max(from, to), max(from, to), ""}
	}
	return &drawn{classEvent, max(from, to), max(from, to), ""}
}
