package clock

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Lab is the calendar of a lab: the machine's clock plus an offset that every
// program of the lab maps from one file. It keeps running with the machine's clock
// and is moved by [Lab.Advance]; no packet carries its time.
type Lab struct {
	page   *page
	path   string
	closed atomic.Bool
	done   chan struct{} // the watcher has ended

	mu    sync.Mutex
	moved chan struct{} // closed and replaced when the calendar has moved
	mine  map[int]bool  // slots claimed through this handle
}

// CreateLab makes the file of a lab that begins at start. A file that is there
// already is an error: programs may hold it open.
func CreateLab(path string, start time.Time) error {
	b := make([]byte, fileSize)
	copy(b, magic)
	binary.NativeEndian.PutUint64(b[offsetAt:], uint64(start.Sub(System{}.Now())))
	binary.NativeEndian.PutUint32(b[generationAt:], 1)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("lab clock %s is there already; remove it or choose another state folder", path)
	}
	if err != nil {
		return fmt.Errorf("lab clock: %w", err)
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("lab clock: %w", err)
	}
	return nil
}

// Open is the calendar of a tool that may be told of a lab's: that in the file path, or
// the machine's when path is empty. It is to be closed when it is needed no more.
func Open(path string) (Clock, io.Closer, error) {
	if path == "" {
		return System{}, io.NopCloser(nil), nil
	}
	lab, err := OpenLab(path)
	if err != nil {
		return nil, nil, err
	}
	return lab, lab, nil
}

// OpenLab opens the file of [CreateLab]. Every handle has one goroutine that sleeps
// until the calendar moves, and Close ends it.
func OpenLab(path string) (*Lab, error) {
	p, err := openPage(path)
	if err != nil {
		return nil, fmt.Errorf("lab clock: %w", err)
	}
	if string(p.mem[:len(magic)]) != magic {
		p.close()
		p.unmap()
		return nil, fmt.Errorf("lab clock %s: not a lab clock of this version; make a new lab", path)
	}
	l := &Lab{page: p, path: path, done: make(chan struct{}), moved: make(chan struct{}), mine: map[int]bool{}}
	// The mapping must outlive every Now, also one that races with Close.
	runtime.AddCleanup(l, (*page).unmap, p)
	seen := p.generation().Load() // before anybody can have read it through l
	go watch(p, seen, &l.closed, l.done, l.notify)
	return l, nil
}

// Path is the file that the calendar lies in.
func (l *Lab) Path() string { return l.path }

// Offset is how far the calendar is ahead of the machine's clock.
func (l *Lab) Offset() time.Duration { return time.Duration(l.page.offset().Load()) }

// Now is the lab's time.
func (l *Lab) Now() time.Time { return System{}.Now().Add(l.Offset()) }

// SleepUntil wakes when the calendar reads t, whether it ran or was moved there.
func (l *Lab) SleepUntil(ctx context.Context, t time.Time) error {
	for {
		moved := l.Moved()
		wait := t.Sub(l.Now())
		switch err := ctx.Err(); {
		case err != nil || wait <= 0:
			return err
		case l.closed.Load(): // asked after Moved, which Close ends
			return errClosed
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-moved:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Moved returns a channel that is closed when the calendar next moves by hand (or
// the handle is closed). What shows the date redraws on it.
func (l *Lab) Moved() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.moved
}

// Close gives up the handle's slots and ends its goroutine. Now stays usable.
func (l *Lab) Close() error {
	if l.closed.Swap(true) {
		return nil
	}
	for ended := false; !ended; {
		// Woken again until it has seen it: it may be just about to sleep.
		l.page.wake(l.page.generation())
		select {
		case <-l.done:
			ended = true
		case <-time.After(time.Millisecond):
		}
	}
	l.notify()
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.mine {
		l.page.slot(i).pid().Store(0)
		l.page.unlock(i)
	}
	clear(l.mine)
	return l.page.close()
}

var errClosed = errors.New("lab clock: closed")

func (l *Lab) notify() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.moved)
	l.moved = make(chan struct{})
}

// watch sleeps on the generation and reports each change of it.
func watch(p *page, seen uint32, closed *atomic.Bool, done chan<- struct{}, notify func()) {
	defer close(done)
	for !closed.Load() {
		p.wait(p.generation(), seen, 0)
		if now := p.generation().Load(); now != seen {
			seen = now
			notify()
		}
	}
}
