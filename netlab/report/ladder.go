//go:build linux

package report

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tslab/tslab/netlab"
)

// How many characters a host's column of the text ladder has: less where there are so
// many hosts that what is said would not be beside them.
const narrowest, lane = 4, 6

// columns are the hosts of a text ladder.
type columns struct {
	hosts []string
	lane  int // characters of each
}

// newColumns has at most half of a line's width for the hosts, if it can; of width 0
// there is no end.
func newColumns(hosts []string, width int) columns {
	c := columns{hosts, lane}
	if width > 0 && len(hosts) > 0 {
		c.lane = max(narrowest, min(lane, (width/2-len(textHead))/len(hosts)))
	}
	return c
}

// textHead stands over time and frame.
const textHead = "time      frame  "

// Text writes the ladder for a terminal of so many columns: the lab's time, the
// frame, an arrow from host to host, and what was said as far as there is room.
// What is not a message stands there too if events is set; steps, calendar and
// faults always do.
func Text(w io.Writer, t *netlab.Tale, width int, events bool) error {
	lines := Story(t)
	cols := newColumns(Hosts(t, lines), width)
	var b strings.Builder
	head := textHead
	for _, h := range cols.hosts {
		head += fmt.Sprintf("%-*s", cols.lane, cut(h, cols.lane-1))
	}
	b.WriteString(strings.TrimRight(head, " ") + "\n")
	day := ""
	for _, l := range lines {
		if !shown(l, events) {
			continue
		}
		d := l.Lab.Format("Monday, 2006-01-02")
		if d != day && (!l.Own || day == "") {
			day = d
			fmt.Fprintf(&b, "%s\n", day)
		}
		if d != day {
			l.Text = l.Lab.Format("(2 Jan) ") + l.Text
		}
		b.WriteString(strings.TrimRight(cols.textLine(l, width), " "))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// shown tells whether a line stands in a ladder of messages, with events or without.
func shown(l Line, events bool) bool {
	switch l.Kind {
	case Event:
		return events
	case Expectation:
		return events || l.Bad
	}
	return true
}

func (c columns) textLine(l Line, width int) string {
	start := l.Lab.Format(time.TimeOnly)
	switch l.Kind {
	case Step:
		return "\n" + cut(l.Text, width)
	case Calendar:
		return cut(start+"  ~~~~~ "+strings.TrimPrefix(l.From+" "+l.Text, "lab "), width)
	case Expectation:
		if l.Bad {
			return cut(start+"  NOT MET: "+strings.TrimPrefix(l.Text, notAsExpected), width)
		}
		return cut(start+"  met: "+strings.TrimPrefix(l.Text, asExpected), width)
	}
	frame, said := "", strings.TrimSuffix(l.Name+": "+l.Text, ": ")
	switch {
	case l.Frame > 0:
		frame = fmt.Sprint(l.Frame)
	case l.Kind == Event || l.Kind == Fault:
		said = l.Text
	}
	return cut(fmt.Sprintf("%s  %5s  %s %s", start, frame, c.lanes(l), said), width)
}

// How the events of expectations begin; the ladder says it in its own way.
const asExpected, notAsExpected = "as expected: ", "not as expected: "

// lanes draws the hosts' lifelines with the line's arrow or mark.
func (c columns) lanes(l Line) string {
	row := []rune(strings.Repeat("|"+strings.Repeat(" ", c.lane-1), len(c.hosts)))
	d := draw(l, c.hosts)
	if d == nil {
		return string(row)
	}
	low, high := d.A*c.lane, d.B*c.lane
	switch d.Class {
	case classFault:
		row[low] = 'X'
		return string(row)
	case classEvent:
		row[low] = '*'
		return string(row)
	}
	for i := low + 1; i < high; i++ {
		row[i] = '-'
	}
	if d.Class == classTo {
		row[high-1] = '>'
	} else {
		row[low+1] = '<'
	}
	return string(row)
}

// cut shortens a text to so many characters.
func cut(s string, width int) string {
	if width <= 0 || utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:max(width-1, 0)]) + "…"
}
