//go:build linux

package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// again is when a mark that has not come is sent once more: a full ring drops marks as
// it drops frames.
const again = 300 * time.Millisecond

// Link is a cable that is being recorded.
type Link struct {
	Name string // as the lab calls it: "c1:eth0"
	Path string // of the recording

	send  func(frame []byte) error
	ring  *ring
	start time.Time
	spool *spool
	next  chunk // is being filled, by the reader alone

	packets atomic.Uint64

	mu     sync.Mutex
	last   uint64                   // recording ends at this mark; 0 for none
	marks  map[uint64]chan struct{} // asked for and not seen
	marked uint64                   // number of the last mark asked for
	err    error                    // why recording stopped
}

// Stats is what a recording holds and what it lacks.
type Stats struct {
	Packets uint64    `json:"packets"`
	Drops   uint64    `json:"drops"` // seen by the kernel and not recorded
	Start   time.Time `json:"-"`
	End     time.Time `json:"-"`
}

// Open starts recording what comes in through the interface ifname of the calling
// thread's network namespace into path, with a ring of about ringBytes, and with the
// backlog for what the disk does not take at once. send sends a frame from the far end
// of the cable.
func Open(name, ifname, path string, ringBytes int, b *Backlog, send func(frame []byte) error) (*Link, error) {
	ring, err := openRing(ifname, ringBytes)
	if err != nil {
		return nil, fmt.Errorf("capture of %s: %w", name, err)
	}
	file, err := createRaw(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("capture of %s: %w", name, err), ring.close())
	}
	l := &Link{
		Name: name, Path: path, send: send, ring: ring, start: time.Now().UTC(), marks: map[uint64]chan struct{}{},
		spool: &spool{file: file, backlog: b, done: make(chan struct{})},
	}
	l.spool.relief = func() {
		l.next = chunk{}
		go l.record()
	}
	go l.record()
	return l, nil
}

// record reads the ring until the last mark, or until it is interrupted or relieved.
func (l *Link) record() {
	for more := true; more; {
		var err error
		if more, err = l.ring.next(l.frame); err != nil {
			more = false
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				l.fail(err)
			}
		}
		// In a lull the file is made whole: a lab that is killed leaves a capture.
		if more && len(l.next.data) < chunkSize && len(l.next.marks) == 0 && l.ring.ready() {
			continue
		}
		empty, relieved := l.spool.put(l.next, !more)
		if relieved {
			return
		}
		l.next = chunk{data: empty}
	}
}

// frame records one frame. It says whether there is more to record.
func (l *Link) frame(t time.Time, length int, data []byte) (bool, error) {
	if n, ok := parseMark(data); ok {
		return !l.reach(n), nil
	}
	l.packets.Add(1)
	l.next.data = appendRecord(l.next.data, t, length, data)
	return true, nil
}

// reach notes who is to be told when what was read so far is in the file. It says
// whether the mark is the last.
func (l *Link) reach(n uint64) (last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if reached, ok := l.marks[n]; ok {
		l.next.marks = append(l.next.marks, reached)
		delete(l.marks, n)
	}
	return n == l.last
}

func (l *Link) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = errors.Join(l.err, err)
}

// Sync returns when everything that the host sent before the call is in the file.
func (l *Link) Sync(ctx context.Context) error {
	n, reached := l.newMark()
	return l.await(ctx, n, reached)
}

func (l *Link) newMark() (n uint64, reached chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marked++
	reached = make(chan struct{})
	l.marks[l.marked] = reached
	return l.marked, reached
}

// await sends the mark until it comes back.
func (l *Link) await(ctx context.Context, n uint64, reached <-chan struct{}) error {
	frame := appendMark(nil, n)
	resend := time.NewTicker(again)
	defer resend.Stop()
	for {
		if err := l.send(frame); err != nil {
			return fmt.Errorf("capture of %s: mark: %w", l.Name, err)
		}
		select {
		case <-reached:
			return l.Err()
		case <-l.spool.done:
			select {
			case <-reached: // it was the last thing recorded
				return l.Err()
			default:
			}
			return errors.Join(fmt.Errorf("capture of %s has stopped", l.Name), l.Err())
		case <-ctx.Done():
			return fmt.Errorf("capture of %s: the mark does not come back: %w", l.Name, context.Cause(ctx))
		case <-resend.C:
		}
	}
}

// Err is why recording stopped before Close, nil when it did not.
func (l *Link) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := errors.Join(l.err, l.spool.failed()); err != nil {
		return fmt.Errorf("capture of %s: %w", l.Name, err)
	}
	return nil
}

// Stats counts so far.
func (l *Link) Stats() Stats {
	return Stats{Packets: l.packets.Load(), Drops: l.ring.dropped(), Start: l.start, End: time.Now().UTC()}
}

// End ends the recording when everything that the host sent before is in it. Close comes
// after that.
func (l *Link) End(ctx context.Context) (Stats, error) {
	n, reached := l.newMark()
	l.mu.Lock()
	l.last = n
	l.mu.Unlock()
	err := l.await(ctx, n, reached)
	if err != nil { // the host no longer sends marks: what has come is all there is
		l.ring.interrupt()
	}
	<-l.spool.done
	stats := l.Stats()
	if err == nil {
		err = l.Err()
	}
	return stats, errors.Join(err, l.spool.file.Close())
}

// Close gives up the ring of a recording that has ended, which waits for the kernel.
func (l *Link) Close() error { return l.ring.close() }

// Frames reads the recording from the start and passes each frame to f.
func Frames(path string, f func(*Frame) error) error {
	file, r, err := openRaw(path)
	if err != nil {
		return endOfFile(err)
	}
	defer file.Close()
	for err == nil {
		var frame *Frame
		if frame, err = r.next(); err == nil {
			err = f(frame)
		}
	}
	return endOfFile(err)
}
