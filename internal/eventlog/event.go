// Package eventlog is the one event log of all programs: typed events, a line of
// JSON each, with the lab's time and the machine's.
//
// What can happen is listed in registry.go and nowhere else. Progress chatter,
// debugging and metrics do not belong here: an event is something that a drill may
// wait for or an administrator may look up.
package eventlog

import (
	"strings"
	"time"
)

// Severity is the Event Viewer's own word for how bad an event is.
type Severity string

// The severities.
const (
	Information Severity = "information"
	Warning     Severity = "warning"
	Error       Severity = "error"
)

// Kind is one row of the registry: something that can happen.
type Kind struct {
	Name     string   // what drills and filters call it: "license.issued"
	ID       int      // the Windows event id, 0 for an event of the lab's own
	Severity Severity // Information unless something is wrong
	Text     string   // the sentence, with {field} where a field's value goes
}

// Event is one thing that happened.
type Event struct {
	Lab      time.Time         `json:"lab"`     // the lab's calendar, UTC
	Machine  time.Time         `json:"machine"` // the machine's clock, UTC
	Host     string            `json:"host"`
	Program  string            `json:"program"`
	Name     string            `json:"name"`
	ID       int               `json:"id,omitempty"`
	Severity Severity          `json:"severity"`
	Text     string            `json:"text"`
	Fields   map[string]string `json:"fields,omitempty"`
}

// expand fills the {field} inserts of text; an insert without a field stays as it is.
func expand(text string, fields map[string]string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	pairs := make([]string, 0, 2*len(fields))
	for name, value := range fields {
		pairs = append(pairs, "{"+name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
