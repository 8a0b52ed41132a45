package clock

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"
)

// Run is the duty loop of a program: it sleeps until next's answer is due, calls do
// with the time, and asks again. A zero answer means that nothing is due until the
// calendar is moved. It returns the context's error when ctx ends.
//
// do must make next's answer later than the time it was called with (or zero). On a
// [Lab] the loop owns a slot, and answers a move when nothing is due any more.
// A receive from changed makes it ask next again: somebody has given it new work.
func Run(ctx context.Context, c Clock, program string, next func(now time.Time) time.Time, do func(now time.Time), changed ...<-chan struct{}) error {
	lab, _ := c.(*Lab)
	var mine slot
	if lab != nil {
		var release func()
		var err error
		if mine, release, err = lab.claim(program); err != nil {
			return err
		}
		defer release()
	}
	for {
		var moved <-chan struct{}
		var generation uint32
		if lab != nil {
			moved, generation = lab.Moved(), lab.page.generation().Load()
		}
		due, err := settle(ctx, c, next, do)
		if err != nil {
			return err
		}
		if lab != nil {
			lab.answer(mine, generation, due)
		}
		if err := pause(ctx, c, due, moved, changed); err != nil {
			return err
		}
	}
}

// settle does what is due and returns the next due moment.
func settle(ctx context.Context, c Clock, next func(time.Time) time.Time, do func(time.Time)) (time.Time, error) {
	for {
		if err := ctx.Err(); err != nil {
			return time.Time{}, err
		}
		now := c.Now()
		due := next(now)
		if due.IsZero() || due.After(now) {
			return due, nil
		}
		do(now)
	}
}

// pause waits for the first of: due, a moved calendar, new work, the end.
func pause(ctx context.Context, c Clock, due time.Time, moved <-chan struct{}, changed []<-chan struct{}) error {
	woken, cancel := context.WithCancel(ctx)
	var listeners sync.WaitGroup
	defer listeners.Wait() // what they have received counts for the next question
	defer cancel()
	for _, ch := range append([]<-chan struct{}{moved}, changed...) {
		if ch == nil {
			continue
		}
		listeners.Go(func() {
			select {
			case <-ch:
				cancel()
			case <-woken.Done():
			}
		})
	}
	if due.IsZero() {
		<-woken.Done()
	} else if err := c.SleepUntil(woken, due); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return ctx.Err()
}

// claim takes a free slot, or that of a process that has died.
func (l *Lab) claim(program string) (slot, func(), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed.Load() {
		return nil, nil, errClosed
	}
	for i := range slotCount {
		if l.mine[i] || !l.page.lock(i) {
			continue
		}
		s := l.page.slot(i)
		s.fill(program, uint32(os.Getpid()), pidNamespace())
		l.mine[i] = true
		return s, func() { l.release(i) }, nil
	}
	return nil, nil, errFull
}

var errFull = errors.New("lab clock: every slot is taken; a lab holds 256 running programs")

func (l *Lab) release(i int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.mine[i] {
		return // Close was first
	}
	l.page.slot(i).pid().Store(0)
	l.page.unlock(i)
	delete(l.mine, i)
	l.page.answered().Add(1)
	l.page.wake(l.page.answered())
}

// answer says that everything due at generation has been done.
func (l *Lab) answer(s slot, generation uint32, due time.Time) {
	var nanos int64
	if !due.IsZero() {
		nanos = due.UnixNano()
	}
	s.due().Store(nanos)
	s.generation().Store(generation)
	l.page.answered().Add(1)
	l.page.wake(l.page.answered())
}
