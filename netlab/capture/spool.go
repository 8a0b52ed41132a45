//go:build linux

package capture

import (
	"context"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// chunkSize is how much is written at once when there is much.
	chunkSize = 1 << 16
	// stalled is how long a write may take before somebody else reads on.
	stalled = 50 * time.Millisecond
)

// Backlog is memory for frames that have been read and are not in their file. A disk
// lets its writers wait for seconds when others write much, and a ring that nobody
// empties is full before. The recorders of a lab share it.
type Backlog struct{ left *semaphore.Weighted }

// NewBacklog makes a backlog of so many bytes, which are taken when the disk falls
// behind and not before. It holds half a MiB at least.
func NewBacklog(bytes int64) *Backlog {
	return &Backlog{semaphore.NewWeighted(max(bytes, 2*snapLen))}
}

// chunk is a part of a recording.
type chunk struct {
	data  []byte
	marks []chan struct{} // closed when it is in the file
}

// spool writes the chunks of one reader to a file. The reader writes itself, as long as
// the disk keeps up: to wake another thread for each chunk costs more than all else
// that a recorder does. Who has waited for the disk too long is relieved: another reader
// is started, and what that reads is queued for the one who waits.
type spool struct {
	file    *os.File
	backlog *Backlog
	relief  func()        // starts another reader
	done    chan struct{} // closed when the reader has ended and all is written

	mu       sync.Mutex
	queue    []chunk
	writing  bool // somebody is
	relieved bool // who writes is to read no more
	writes   int  // begun
	watched  bool // a look at whether the disk keeps up is due
	ended    bool // there is no reader
	err      error
}

// put writes a chunk, or leaves it to who is writing, and returns memory for the next.
// A reader that is relieved has to end: there is another. Nothing is put after the last
// chunk.
func (s *spool) put(c chunk, last bool) (empty []byte, relieved bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	queued := s.writing
	if queued {
		s.enqueue(c)
	}
	s.ended = last
	if s.writing {
		return make([]byte, 0, chunkSize), false
	}
	if queued { // and in this moment it has become free
		c = s.dequeue()
	}
	s.writing, s.relieved = true, false
	s.watch(s.writes + 1)
	for s.write(c); len(s.queue) > 0; s.write(c) {
		c = s.dequeue()
	}
	s.writing = false
	if s.ended {
		close(s.done)
	}
	return c.data[:0], s.relieved
}

// enqueue waits for a place in the backlog, without the lock.
func (s *spool) enqueue(c chunk) {
	s.mu.Unlock()
	_ = s.backlog.left.Acquire(context.Background(), int64(len(c.data))) // which is never canceled
	s.mu.Lock()
	s.queue = append(s.queue, c)
}

func (s *spool) dequeue() chunk {
	c := s.queue[0]
	s.queue = s.queue[1:]
	s.backlog.left.Release(int64(len(c.data)))
	return c
}

// write writes a chunk, without the lock. After an error nothing is written.
func (s *spool) write(c chunk) {
	s.writes++
	if len(c.data) > 0 && s.err == nil {
		s.mu.Unlock()
		_, err := s.file.Write(c.data)
		s.mu.Lock()
		s.err = err
	}
	for _, reached := range c.marks {
		close(reached)
	}
}

// watch sees to it that it is noticed when the n-th write takes too long. There is one
// look at a time, not one for each write.
func (s *spool) watch(n int) {
	if s.watched {
		return
	}
	s.watched = true
	time.AfterFunc(stalled, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.watched = false
		switch {
		case !s.writing || s.relieved || s.ended:
		case s.writes == n:
			s.relieved = true
			s.relief()
		default:
			s.watch(s.writes)
		}
	})
}

func (s *spool) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
