package eventlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

// Tail reads what programs write to the event logs in a folder, from their
// beginning, and goes on where it stopped.
type Tail struct {
	dir   string
	at    map[string]int64 // how far each log is read
	wrong map[string]bool  // logs with lines that are no events, told once
}

// NewTail begins at the beginning of every log in dir.
func NewTail(dir string) *Tail {
	return &Tail{dir: dir, at: map[string]int64{}, wrong: map[string]bool{}}
}

// Read returns the events that were written since the last call, in the order in
// which they happened. A line that is not whole yet is left for the next call. Lines
// that are no events are left out; the error says where the first is, once for each
// log, beside all the events that are good.
func (t *Tail) Read() ([]Event, error) {
	logs, err := Logs(t.dir)
	if err != nil {
		return nil, err
	}
	var events []Event
	var errs []error
	for _, name := range logs {
		found, err := t.readLog(name)
		events = append(events, found...)
		errs = append(errs, err)
	}
	slices.SortStableFunc(events, func(a, b Event) int { return a.Machine.Compare(b.Machine) })
	return events, errors.Join(errs...)
}

func (t *Tail) readLog(name string) (events []Event, err error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // removed since it was found
	}
	if err != nil {
		return nil, fmt.Errorf("event log: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, t.at[name], 1<<62))
	if err != nil {
		return nil, fmt.Errorf("event log: %w", err)
	}
	for {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			return events, err
		}
		t.at[name] += int64(len(line)) + 1
		text = rest
		e, bad := decodeTorn(line)
		switch {
		case bad == nil:
			events = append(events, e)
		case !t.wrong[name]:
			t.wrong[name] = true
			err = fmt.Errorf("%s: a line is no event: %w", name, bad)
		}
	}
}

// decodeTorn reads a line. A program that was killed can leave a part of one, and the
// next program to write begins behind it.
func decodeTorn(line []byte) (Event, error) {
	e, err := Decode(line)
	if err == nil {
		return e, nil
	}
	if i := bytes.LastIndex(line, []byte(`{"lab":`)); i > 0 {
		return Decode(line[i:])
	}
	return e, err
}
