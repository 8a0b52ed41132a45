package harness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/tslab/tslab/internal/eventlog"
)

// lookAgain is how often something outside is looked at again.
const lookAgain = 5 * time.Millisecond

// Until calls done until it returns true or an error, or ctx ends.
func Until(ctx context.Context, what string, done func() (bool, error)) error {
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		case <-ticker.C:
		}
	}
}

// Journal reads an event log from where it was last read.
type Journal struct {
	Path string
	seen int
}

// All returns every event so far.
func (j *Journal) All() ([]eventlog.Event, error) {
	events, err := eventlog.ReadFile(j.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return events, err
}

// Await returns the first event of that name after the last one that Await returned
// and reads on behind it next time.
func (j *Journal) Await(ctx context.Context, name string) (eventlog.Event, error) {
	var found eventlog.Event
	var all []eventlog.Event
	err := Until(ctx, "event "+name+" in "+j.Path, func() (bool, error) {
		var err error
		if all, err = j.All(); err != nil {
			return false, err
		}
		for i := j.seen; i < len(all); i++ {
			if all[i].Name == name {
				found, j.seen = all[i], i+1
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return found, fmt.Errorf("%w; since then it says: %s", err, names(all[min(j.seen, len(all)):]))
	}
	return found, nil
}

func names(events []eventlog.Event) string {
	texts := make([]string, len(events))
	for i, e := range events {
		texts[i] = e.Name + " (" + e.Text + ")"
	}
	return strings.Join(texts, ", ")
}
