//go:build linux

package report

import (
	"testing"
	"time"

	"github.com/tslab/tslab/internal/eventlog"
)

// TestOff: a calendar that is set wrong is told in days.
func TestOff(t *testing.T) {
	for by, want := range map[time.Duration]string{
		0:                              "has a calendar of its own, which shows what the lab's does",
		24 * time.Hour:                 "has a calendar of its own, 1 day ahead of the lab's",
		40 * 24 * time.Hour:            "has a calendar of its own, 40 days ahead of the lab's",
		-25*time.Hour - 90*time.Second: "has a calendar of its own, 1 day 1h1m30s behind the lab's",
		-5 * time.Minute:               "has a calendar of its own, 5m0s behind the lab's",
	} {
		e := eventlog.Event{Name: eventlog.ClockSkewed.Name, Host: "lab", Fields: map[string]string{"target": "ts1", "by": by.String()}}
		if l := eventLine(e); l.Text != want || l.From != "ts1" || l.Kind != Calendar {
			t.Errorf("%v: %+v, want %q", by, l, want)
		}
	}
}
