package ts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ts/policy"
)

// graceName is the file of the state folder that holds the licensing grace period.
const graceName = "grace.json"

// gracePeriod is the licensing grace period on disk: a change is stored before
// anybody hears of it.
type gracePeriod struct {
	path    string
	profile func() *edition.Profile
	events  *eventlog.Log

	mu    sync.Mutex
	state policy.Grace
}

func loadGrace(dir string, p func() *edition.Profile, events *eventlog.Log) (*gracePeriod, error) {
	g := &gracePeriod{path: filepath.Join(dir, graceName), profile: p, events: events}
	text, err := os.ReadFile(g.path)
	if errors.Is(err, fs.ErrNotExist) {
		return g, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &g.state)
	}
	if err != nil {
		return nil, fmt.Errorf("grace period: %s: %w: delete it to begin a new one", g.path, err)
	}
	return g, nil
}

// now is the state as it is stored.
func (g *gracePeriod) now() policy.Grace {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state
}

// change stores what f makes of the state, and writes what happened.
func (g *gracePeriod) change(f func(policy.Grace) (policy.Grace, []policy.Duty)) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	next, duties := f(g.state)
	if next != g.state {
		text, err := json.Marshal(next)
		if err != nil {
			return fmt.Errorf("grace period: %w", err)
		}
		if err := durable.WriteFile(g.path, append(text, '\n'), 0o600); err != nil {
			return fmt.Errorf("grace period: %w", err)
		}
	}
	before := g.state
	g.state = next
	g.tell(before, next)
	for _, d := range duties {
		g.events.Event(systemKind(d.Event, g.profile()), eventlog.F("end", d.End.UTC().Format("2006-01-02 15:04")), eventlog.F("days", g.profile().EventTextDays))
	}
	return nil
}

func (g *gracePeriod) tell(before, next policy.Grace) {
	switch {
	case before.State == next.State:
	case next.State == policy.GraceRunning:
		g.events.Event(eventlog.GraceStarted, eventlog.F("end", next.End))
	case next.State == policy.GraceEnded:
		g.events.Event(eventlog.GraceEnded, eventlog.F("reason", string(next.Reason)))
	}
}

// current is the state for a connection that comes now. A period whose days are over
// is ended first: whoever sees it first, a client or the calendar, writes event 1008,
// and nobody after him.
func (g *gracePeriod) current(now time.Time) (policy.Grace, error) {
	if g.now().Overdue(now) {
		if err := g.due(now); err != nil {
			return policy.Grace{}, err
		}
	}
	return g.now(), nil
}

// found notes that a license server answered, whether it has ever issued a CAL, and
// whether it licenses this terminal server's users: rule S3a. A period that was over
// before ends as one that nobody has ended.
func (g *gracePeriod) found(now time.Time, calIssued, perUser bool) error {
	return g.change(func(s policy.Grace) (policy.Grace, []policy.Duty) {
		var duties []policy.Duty
		if s.Overdue(now) {
			s, duties = s.Due(g.profile(), now)
		}
		s = s.ServerFound(g.profile(), calIssued)
		if perUser {
			s = s.PerUserPackFound(g.profile())
		}
		return s, duties
	})
}

// decided stores the state of a decision that was made on the state before. When
// another connection has moved the period meanwhile, the later state stands: the
// period never goes backwards.
func (g *gracePeriod) decided(after policy.Grace) error {
	return g.change(func(now policy.Grace) (policy.Grace, []policy.Duty) {
		if after.State <= now.State {
			return now, nil
		}
		return after, nil
	})
}

// nextDue and due are the duty loop's part: the warnings and the end.
func (g *gracePeriod) nextDue() time.Time { return g.now().NextDue(g.profile()) }

func (g *gracePeriod) due(now time.Time) error {
	return g.change(func(s policy.Grace) (policy.Grace, []policy.Duty) { return s.Due(g.profile(), now) })
}
