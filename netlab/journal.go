//go:build linux

package netlab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/tslab/tslab/internal/eventlog"
)

// journal follows the event logs of all programs as they are written.
type journal struct {
	watch *os.File // inotify
	tell  func(eventlog.Event)

	mu      sync.Mutex
	tails   []*tail
	events  []eventlog.Event
	damaged int           // lines that are no events
	grown   chan struct{} // closed and replaced when events has grown
}

// tail is an event log that has been read up to here.
type tail struct {
	file *os.File
	rest []byte // of a line that is not whole yet
}

// newJournal follows no log yet. tell is called with each event, one at a time, in
// the order in which they happened as far as that can be seen.
func newJournal(tell func(eventlog.Event)) (*journal, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w; raise fs.inotify.max_user_instances if many labs run", err)
	}
	return &journal{watch: os.NewFile(uintptr(fd), "inotify"), tell: tell, grown: make(chan struct{})}, nil
}

// follow starts following the log at path, which need not exist yet.
func (j *journal) follow(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	// Through the connection, because Fd would take the file out of the poller.
	raw, err := j.watch.SyscallConn()
	if err == nil {
		controlErr := raw.Control(func(fd uintptr) {
			_, err = unix.InotifyAddWatch(int(fd), path, unix.IN_MODIFY)
		})
		err = errors.Join(err, controlErr)
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("follow %s: %w", path, err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.tails = append(j.tails, &tail{file: f})
	return nil
}

// run reads whenever a log is written, until close.
func (j *journal) run() {
	buf := make([]byte, 1<<14)
	for {
		if _, err := j.watch.Read(buf); err != nil {
			return
		}
		j.poll()
	}
}

// poll reads what has been written until now.
func (j *journal) poll() {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []eventlog.Event
	for { // again until nothing comes: what came first may stand in a log read before
		n := len(found)
		for _, t := range j.tails {
			found = t.read(found, &j.damaged)
		}
		if len(found) == n {
			break
		}
	}
	if len(found) == 0 {
		return
	}
	slices.SortStableFunc(found, func(a, b eventlog.Event) int { return a.Machine.Compare(b.Machine) })
	j.events = append(j.events, found...)
	for _, e := range found {
		j.tell(e)
	}
	close(j.grown)
	j.grown = make(chan struct{})
}

func (t *tail) read(events []eventlog.Event, damaged *int) []eventlog.Event {
	b, err := io.ReadAll(t.file)
	if err != nil || len(b) == 0 {
		return events
	}
	t.rest = append(t.rest, b...)
	for {
		line, rest, whole := bytes.Cut(t.rest, []byte("\n"))
		if !whole {
			return events
		}
		t.rest = rest
		e, ok := decodeLine(line)
		if !ok {
			*damaged++
			continue
		}
		events = append(events, e)
	}
}

// decodeLine reads a line. A program that was killed can leave a part of a line, and
// the next one to write begins behind it.
func decodeLine(line []byte) (eventlog.Event, bool) {
	e, err := eventlog.Decode(line)
	if err == nil {
		return e, true
	}
	if i := bytes.LastIndex(line, []byte(`{"lab":`)); i > 0 {
		e, err = eventlog.Decode(line[i:])
	}
	return e, err == nil
}

// since returns the events from the from'th on, and a channel that is closed when
// there are more.
func (j *journal) since(from int) ([]eventlog.Event, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.events[min(from, len(j.events)):]), j.grown
}

func (j *journal) len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.events)
}

// await returns the first event from the from'th on that match accepts.
func (j *journal) await(ctx context.Context, from int, match func(eventlog.Event) bool) (eventlog.Event, error) {
	for {
		events, grown := j.since(from)
		if i := slices.IndexFunc(events, match); i >= 0 {
			return events[i], nil
		}
		from += len(events)
		select {
		case <-grown:
		case <-ctx.Done():
			return eventlog.Event{}, context.Cause(ctx)
		}
	}
}

func (j *journal) close() {
	j.watch.Close()
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, t := range j.tails {
		t.file.Close()
	}
	j.tails = nil
}
