//go:build linux

// Package report shows a run that has ended: its story as a ladder (hosts as columns,
// messages as arrows) in HTML, Mermaid and text, token lifetimes, pool levels, and
// what two runs have not in common. It reads the folder of the run and nothing else.
package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/capture"
)

// What a line of the story is.
const (
	Step        = "step"        // a heading of the drill
	Message     = "message"     // from one host to another
	Event       = "event"       // of one host
	Calendar    = "calendar"    // the lab's date moved
	Fault       = "fault"       // of the network or a program, made by the drill
	Expectation = "expectation" // of the drill, met or not
)

// Line is a line of the story.
type Line struct {
	Kind     string
	Machine  time.Time
	Lab      time.Time
	From, To string // hosts; To is empty but for messages
	Name     string // "NEW_LICENSE", "token.issued"
	Text     string
	Frame    int // of a message in the capture; 0 for others
	Bad      bool
	Own      bool // its host has a calendar of its own, and Lab is what that shows
	Fields   []capture.Field
}

// Story is all that happened, in the order of the machine's time.
func Story(t *netlab.Tale) []Line {
	var lines []Line
	laid := faultHosts(t.Record)
	skewed := map[string]bool{}
	for _, e := range t.Events {
		if e.Name == eventlog.ClockSkewed.Name {
			skewed[e.Fields["target"]] = true
		}
	}
	for _, e := range t.Events {
		l := eventLine(e)
		l.Own = skewed[e.Host]
		if host := laid[e.Fields["name"]]; l.Kind == Fault && host != "" {
			l.From = host
		}
		lines = append(lines, l)
	}
	for _, m := range t.Messages {
		lines = append(lines, Line{Kind: Message, Machine: m.Machine, Lab: m.Lab, From: m.From, To: m.To, Name: m.Name,
			Text: said(m), Frame: m.Frame, Fields: m.Fields,
			Bad: m.Name == "broken" || m.Name == "Error" || m.Name == "ERROR_ALERT" && !strings.HasPrefix(m.Text, "ERROR_ALERT: no license needed")})
	}
	slices.SortStableFunc(lines, func(a, b Line) int { return a.Machine.Compare(b.Machine) })
	return lines
}

// faultHosts are the hosts on which faults were laid, by the faults' names; the first one
// of a partition.
func faultHosts(r *netlab.Record) map[string]string {
	hosts := map[string]string{}
	for _, f := range r.Faults {
		switch {
		case f.Fault != nil:
			hosts[f.Name] = f.Fault.Host
		case len(f.Groups) > 0 && len(f.Groups[0]) > 0:
			hosts[f.Name] = f.Groups[0][0]
		}
	}
	return hosts
}

func eventLine(e eventlog.Event) Line {
	l := Line{Kind: Event, Machine: e.Machine, Lab: e.Lab, From: e.Host, Name: e.Name, Text: e.Text,
		Bad: e.Severity == eventlog.Warning || e.Severity == eventlog.Error}
	for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
		l.Fields = append(l.Fields, capture.Field{Name: name, Value: e.Fields[name]})
	}
	switch e.Name {
	case eventlog.LabStep.Name:
		l.Kind, l.Text = Step, e.Fields["text"]
	case eventlog.ClockMoved.Name:
		l.Kind = Calendar
	case eventlog.ClockSkewed.Name:
		l.Kind, l.From = Calendar, e.Fields["target"]
		if by, err := time.ParseDuration(e.Fields["by"]); err == nil {
			l.Text = "has a calendar of its own, " + off(by)
		}
	case eventlog.ExpectationMet.Name, eventlog.ExpectationFailed.Name:
		l.Kind, l.Bad = Expectation, e.Name == eventlog.ExpectationFailed.Name
	case eventlog.ProgramKilled.Name, eventlog.ProgramPaused.Name, eventlog.ProgramResumed.Name:
		l.Kind, l.From = Fault, e.Fields["target"]
	}
	if strings.HasPrefix(e.Name, "fault.") {
		l.Kind = Fault
	}
	if l.Kind == Fault {
		l.Bad = false // it is meant
	}
	return l
}

// off is how far a calendar is off the lab's, in days as far as they are whole.
func off(by time.Duration) string {
	way := "ahead of the lab's"
	if by < 0 {
		by, way = -by, "behind the lab's"
	}
	const day = 24 * time.Hour
	var parts []string
	switch days := by / day; {
	case by == 0:
		return "which shows what the lab's does"
	case days == 1:
		parts = append(parts, "1 day")
	case days > 1:
		parts = append(parts, fmt.Sprintf("%d days", days))
	}
	if by %= day; by > 0 {
		parts = append(parts, by.String())
	}
	return strings.Join(append(parts, way), " ")
}

// Hosts are the columns of the ladder: the hosts that have a part in the story, in
// the order of the drill.
func Hosts(t *netlab.Tale, lines []Line) []string {
	seen := map[string]bool{}
	for _, l := range lines {
		seen[l.From], seen[l.To] = true, true
	}
	var hosts []string
	for _, h := range t.Record.Hosts {
		if seen[h.Name] {
			hosts = append(hosts, h.Name)
		}
	}
	return hosts
}

// said is a message's text without its name, which stands before it.
func said(m netlab.Message) string {
	return strings.TrimPrefix(strings.TrimPrefix(m.Text, m.Name), ": ")
}
