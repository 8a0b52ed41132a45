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

// lane is how many characters a host's column of the text ladder has.
const lane = 6

// Text writes the ladder for a terminal of so many columns: the lab's time, the
// frame, an arrow from host to host, and what was said as far as there is room.
// What is not a message stands there too if events is set; steps, calendar and
// faults always do.
func Text(w io.Writer, t *netlab.Tale, width int, events bool) error {
	lines := Story(t)
	hosts := Hosts(t, lines)
	var b strings.Builder
	head := fmt.Sprintf("%-8s  %5s ", "time", "frame")
	for _, h := range hosts {
		head += fmt.Sprintf(" %-*s", lane-1, cut(h, lane-1))
	}
	b.WriteString(strings.TrimRight(head, " ") + "\n")
	day := ""
	for _, l := range lines {
		if !shown(l, events) {
			continue
		}
		if d := l.Lab.Format("Monday, 2006-01-02"); d != day {
			day = d
			fmt.Fprintf(&b, "%s\n", day)
		}
		b.WriteString(strings.TrimRight(textLine(l, hosts, width), " "))
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

func textLine(l Line, hosts []string, width int) string {
	start := l.Lab.Format(time.TimeOnly)
	switch l.Kind {
	case Step:
		return "\n" + cut(l.Text, width)
	case Calendar:
		return cut(start+"  ~~~~~ "+l.Text, width)
	case Expectation:
		verdict := "met"
		if l.Bad {
			verdict = "NOT MET"
		}
		return cut(start+"  "+verdict+": "+l.Text, width)
	}
	frame, said := "", strings.TrimSuffix(l.Name+": "+l.Text, ": ")
	switch {
	case l.Frame > 0:
		frame = fmt.Sprint(l.Frame)
	case l.Kind == Event || l.Kind == Fault:
		said = l.Text
	}
	return cut(fmt.Sprintf("%s  %5s  %s %s", start, frame, lanes(l, hosts), said), width)
}

// lanes draws the hosts' lifelines with the line's arrow or mark.
func lanes(l Line, hosts []string) string {
	row := []rune(strings.Repeat("|"+strings.Repeat(" ", lane-1), len(hosts)))
	from, to := column(hosts, l.From), column(hosts, l.To)
	switch {
	case from < 0:
	case l.Kind == Fault:
		row[from] = 'X'
	case to < 0:
		row[from] = '*'
	default:
		low, high := min(from, to), max(from, to)
		for i := low + 1; i < high; i++ {
			row[i] = '-'
		}
		if to > from {
			row[high-1] = '>'
		} else {
			row[low+1] = '<'
		}
	}
	return string(row)
}

// column is where a host's lifeline is, -1 if it has none.
func column(hosts []string, name string) int {
	for i, h := range hosts {
		if h == name {
			return i * lane
		}
	}
	return -1
}

// cut shortens a text to so many characters.
func cut(s string, width int) string {
	if width <= 0 || utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:max(width-1, 0)]) + "…"
}

// Mermaid writes the ladder as a sequence diagram that Markdown viewers draw.
func Mermaid(w io.Writer, t *netlab.Tale, events bool) error {
	lines := Story(t)
	hosts := Hosts(t, lines)
	var b strings.Builder
	b.WriteString("sequenceDiagram\n")
	for _, h := range hosts {
		fmt.Fprintf(&b, "    participant %s\n", h)
	}
	if len(hosts) == 0 {
		_, err := io.WriteString(w, b.String())
		return err
	}
	over := hosts[0]
	if len(hosts) > 1 {
		over += "," + hosts[len(hosts)-1]
	}
	for _, l := range lines {
		from, to := column(hosts, l.From) >= 0, column(hosts, l.To) >= 0
		switch {
		case !shown(l, events):
		case l.Kind == Message && from && to:
			arrow := "->>"
			if l.Bad {
				arrow = "-x"
			}
			fmt.Fprintf(&b, "    %s%s%s: %s\n", l.From, arrow, l.To, mermaidText(fmt.Sprintf("%s (%d)", l.Name, l.Frame)))
		case (l.Kind == Event || l.Kind == Fault) && from:
			fmt.Fprintf(&b, "    Note over %s: %s\n", l.From, mermaidText(l.Text))
		case l.Kind == Message: // one end is nobody's
		default:
			fmt.Fprintf(&b, "    Note over %s: %s\n", over, mermaidText(l.Text))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// mermaidText escapes what ends a statement or begins a comment there.
func mermaidText(s string) string {
	return strings.NewReplacer("#", "#35;", ";", "#59;", "\n", " ", "%%", "#37;#37;").Replace(s)
}
