//go:build linux

package report

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab"
)

// Difference is a line that one of two runs has alone, or both.
type Difference struct {
	Sign string // "-" the first alone, "+" the second alone, " " both, "~" both, elsewhere in the step
	Text string
}

// Diff compares two runs by what happened: messages by their ends, names and words,
// events by their hosts and words. Times of day, frame numbers, ports, ids and keys
// do not count, dates are days since the lab began. Nor does it count which of several
// hosts was first: in each step of the drill, what the drill did is compared with what
// the other did, and so is what each host logged and what each pair of hosts said.
func Diff(a, b *netlab.Tale) []Difference {
	var d []Difference
	step := 0 // where it begins in what is found
	for _, line := range compare(told(a), told(b)) {
		if strings.HasPrefix(line.Text, heading) {
			d = append(d[:step], moved(d[step:])...)
			step = len(d)
		}
		d = append(d, line)
	}
	return append(d[:step], moved(d[step:])...)
}

// moved makes one of two lines that are alike, of which each run has one.
func moved(step []Difference) []Difference {
	second := map[string]int{}
	for _, line := range step {
		if line.Sign == "+" {
			second[line.Text]++
		}
	}
	gone := map[string]int{}
	for i, line := range step {
		if line.Sign == "-" && second[line.Text] > 0 {
			step[i].Sign = "~"
			second[line.Text]--
			gone[line.Text]++
		}
	}
	return slices.DeleteFunc(step, func(line Difference) bool {
		if line.Sign != "+" || gone[line.Text] == 0 {
			return false
		}
		gone[line.Text]--
		return true
	})
}

// told are the lines of a run that are compared, step by step.
func told(t *netlab.Tale) []string {
	same := sameness(t.Record.Start)
	var lines []string
	step := map[string][]string{} // what was told of each that acts, by who it is
	flush := func() {
		for _, who := range slices.Sorted(maps.Keys(step)) {
			lines = append(lines, step[who]...)
		}
		clear(step)
	}
	for _, l := range Story(t) {
		if l.Kind == Step {
			flush()
			lines = append(lines, heading+l.Text)
			continue
		}
		if l.Name == eventlog.LabUp.Name || l.Name == eventlog.ProgramReady.Name {
			continue
		}
		who, text := actor(l), l.From+"  "+same(l.Text)
		if l.Kind == Message {
			text = fmt.Sprintf("%s -> %s  %s", l.From, l.To, strings.TrimSuffix(l.Name+": "+same(l.Text), ": "))
		}
		step[who] = append(step[who], text)
	}
	flush()
	return lines
}

// actor is whose acts come one after the other: the drill, a host, or two that speak
// with each other. They sort in that order.
func actor(l Line) string {
	switch l.Kind {
	case Message:
		return "3 " + min(l.From, l.To) + " " + max(l.From, l.To)
	case Event:
		return "2 " + l.From
	}
	return "1"
}

// heading stands before a step.
const heading = "== "

// sameness replaces what differs between any two runs. Its patterns stand in the
// order in which they apply.
func sameness(start time.Time) func(string) string {
	day := regexp.MustCompile(`\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?(\.\d+)?Z?)?`)
	id := regexp.MustCompile(`LAB-[A-Z0-9]+(-[A-Z0-9]+)+`) // and not LAB-TS, the product
	key := regexp.MustCompile(`sha256:[A-Za-z0-9_-]+`)
	hexadecimal := regexp.MustCompile(`\b[0-9a-f]{16,}\b`)
	port := regexp.MustCompile(`(\d|\]):\d{5}\b`)
	return func(s string) string {
		s = day.ReplaceAllStringFunc(s, func(date string) string {
			d, err := time.Parse(time.DateOnly, date[:len(time.DateOnly)])
			if err != nil {
				return date
			}
			return fmt.Sprintf("D%d", int(d.Sub(start.Truncate(24*time.Hour)).Hours()/24))
		})
		s = id.ReplaceAllString(s, "LAB-…")
		s = key.ReplaceAllString(s, "sha256:…")
		s = hexadecimal.ReplaceAllString(s, "…")
		return port.ReplaceAllString(s, "$1:…")
	}
}

// compare is a longest common subsequence; ends that are equal are cut off first.
func compare(a, b []string) []Difference {
	var head, tail []Difference
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		head = append(head, Difference{" ", a[0]})
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail = append(tail, Difference{" ", a[len(a)-1]})
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	slices.Reverse(tail)
	return append(append(head, middle(a, b)...), tail...)
}

// largest is how many pairs of lines are compared; beyond it, what is between equal
// ends counts as different whole.
const largest = 25_000_000

func middle(a, b []string) (d []Difference) {
	if len(a)*len(b) > largest {
		for _, s := range a {
			d = append(d, Difference{"-", s})
		}
		for _, s := range b {
			d = append(d, Difference{"+", s})
		}
		return d
	}
	// longest[i][j] is that of a[i:] and b[j:].
	longest := make([][]int32, len(a)+1)
	for i := range longest {
		longest[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			d = append(d, Difference{" ", a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && longest[i+1][j] >= longest[i][j+1]:
			d = append(d, Difference{"-", a[i]})
			i++
		default:
			d = append(d, Difference{"+", b[j]})
			j++
		}
	}
	return d
}

// WriteDiff writes what two runs have not in common under the steps of the drill, and
// tells whether there is anything.
func WriteDiff(w io.Writer, nameA, nameB string, d []Difference) (differ bool, err error) {
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", nameA, nameB)
	var step string
	same := 0
	for _, line := range d {
		switch {
		case line.Sign == " " && strings.HasPrefix(line.Text, heading):
			step = line.Text
			fallthrough
		case line.Sign == " ":
			same++
			continue
		}
		differ = true
		if step != "" {
			fmt.Fprintf(&b, "\n%s\n", strings.TrimPrefix(step, heading))
			step = ""
		}
		fmt.Fprintf(&b, "%s %s\n", line.Sign, line.Text)
	}
	fmt.Fprintf(&b, "\n%d lines in common\n", same)
	_, err = io.WriteString(w, b.String())
	return differ, err
}
