package interop

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/harness"
)

// attempt lets the client connect once, and sums up what came of it: the licensing
// messages, what the event logs say, and how a client that was refused ended.
func (s *server) attempt(t *testing.T, c *client, display *harness.Display, first bool) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stepBound)
	defer cancel()
	before, asked, spoken := s.events(t), s.asked(t), len(s.transcript(t))
	p := c.start(t, first)
	defer p.Kill()
	admitted := s.awaitDecision(ctx, t, p, len(before))
	end := ""
	if admitted {
		if c.draws {
			s.compareScreens(ctx, t, c, display)
		}
		p.Stop()
		s.awaitNew(ctx, t, len(before), eventlog.SessionEnded.Name)
	} else {
		code, err := p.Wait(ctx)
		if err != nil {
			t.Fatal(err)
		}
		end = fmt.Sprintf(", exit status %d", code)
	}
	events := s.events(t)[len(before):]
	if s.asked(t) > asked { // outcome wants to know before the session starts
		events = append([]eventlog.Event{{Program: "lserver"}}, events...)
	}
	said := outcome(events)
	if said == "" {
		said = lastReason(events)
	}
	messages := strings.Join(s.transcript(t)[spoken:], " / ")
	if messages == "" {
		messages = "none"
	}
	return messages + ": " + said + end
}

// events is what the terminal server has logged so far.
func (s *server) events(t *testing.T) []eventlog.Event {
	t.Helper()
	all, err := s.journal.All()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// asked counts what a license server of its own has logged.
func (s *server) asked(t *testing.T) int {
	t.Helper()
	if s.lserver == nil {
		return 0
	}
	all, err := s.lserver.All()
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// lastReason is why a connection was refused before licensing decided.
func lastReason(events []eventlog.Event) string {
	for _, e := range slices.Backward(events) {
		if e.Name == eventlog.ConnectionRefused.Name {
			return "refused: " + e.Fields["reason"]
		}
	}
	return "nothing"
}

// awaitDecision waits until the server has begun a session or refused the client.
func (s *server) awaitDecision(ctx context.Context, t *testing.T, p *harness.Process, seen int) (admitted bool) {
	t.Helper()
	err := harness.Until(ctx, "the server's decision", func() (bool, error) {
		for _, e := range s.events(t)[seen:] {
			switch e.Name {
			case eventlog.SessionStarted.Name:
				admitted = true
				return true, nil
			case eventlog.LicenseDenied.Name, eventlog.ConnectionRefused.Name:
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		t.Fatalf("%v\nthe client printed:\n%s", err, p.Output())
	}
	return admitted
}

// awaitNew waits for an event behind those that were seen.
func (s *server) awaitNew(ctx context.Context, t *testing.T, seen int, name string) {
	t.Helper()
	err := harness.Until(ctx, "event "+name, func() (bool, error) {
		return slices.ContainsFunc(s.events(t)[seen:], func(e eventlog.Event) bool { return e.Name == name }), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// results collects what every cell got, and prints it as a table when all are through.
type results struct {
	table cli.Table
	rows  []row
}

type row struct {
	place int
	cells [4]string
}

// print prints the rows in the order of their cells.
func (r *results) print(t *testing.T) {
	t.Helper()
	slices.SortStableFunc(r.rows, func(a, b row) int { return a.place - b.place })
	r.table.Header = []string{"Client", "Server", "Step", "Got"}
	for _, row := range r.rows {
		r.table.Row(row.cells[0], row.cells[1], row.cells[2], row.cells[3])
	}
	var text bytes.Buffer
	if err := r.table.Print(&text); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("\n%s: %s\n%s%s", t.Name(), "client, server, step, got", text.String(), legend)
}
