package clock

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// BarrierBound is how long (elapsed time) a move waits for the programs when the
// context sets no deadline.
const BarrierBound = 10 * time.Second

// deathCheck is how often a waiting barrier looks whether a program has died.
const deathCheck = 20 * time.Millisecond

// BarrierError says who had not done what was due when the wait for them ended. The
// calendar has moved all the same.
type BarrierError struct {
	Now     time.Time // where the calendar stands
	Waited  time.Duration
	Waiting []Program
	Err     error // of the context
}

func (e *BarrierError) Error() string {
	names := make([]string, len(e.Waiting))
	for i, p := range e.Waiting {
		names[i] = fmt.Sprintf("%s (pid %d)", p.Name, p.PID)
	}
	return fmt.Sprintf("lab clock: the calendar stands at %s, but after %s these have not done what is due: %s; see their event logs",
		e.Now.Format(time.RFC3339), e.Waited.Round(time.Millisecond), strings.Join(names, ", "))
}

func (e *BarrierError) Unwrap() error { return e.Err }

// Advance moves the calendar by d (back, if negative) and returns when every live
// [Run] loop has done what was due then. It must not be called from a duty.
func (l *Lab) Advance(ctx context.Context, d time.Duration) error {
	l.page.offset().Add(int64(d))
	generation := l.page.generation().Add(1)
	if err := l.page.stored(); err != nil {
		return fmt.Errorf("lab clock %s: %w", l.path, err)
	}
	l.page.wake(l.page.generation())
	return l.barrier(ctx, generation)
}

// AdvanceBySteps moves the calendar by d, at most step at once, so that what is
// dated happens in order and on its own date.
func (l *Lab) AdvanceBySteps(ctx context.Context, d, step time.Duration) error {
	if step <= 0 || d <= 0 {
		return l.Advance(ctx, d)
	}
	for ; d > 0; d -= step {
		if err := l.Advance(ctx, min(d, step)); err != nil {
			return err
		}
	}
	return nil
}

// AdvanceExact moves the calendar by d from one program's due moment to the next.
func (l *Lab) AdvanceExact(ctx context.Context, d time.Duration) error {
	for end := l.Now().Add(d); ; {
		left := end.Sub(l.Now())
		step := left
		if due := l.NextDue(); !due.IsZero() && due.Before(end) {
			step = max(due.Sub(l.Now()), 0)
		}
		if err := l.Advance(ctx, step); err != nil {
			return err
		}
		if step == left {
			return nil
		}
	}
}

// barrier waits until nobody is behind generation.
func (l *Lab) barrier(ctx context.Context, generation uint32) error {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, BarrierBound)
		defer cancel()
	}
	begin := time.Now()
	for {
		answered := l.page.answered().Load()
		var behind []Program
		for _, p := range l.Programs() {
			if !p.Paused && int32(generation-p.generation) > 0 {
				behind = append(behind, p)
			}
		}
		if len(behind) == 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return &BarrierError{l.Now(), time.Since(begin), behind, err}
		}
		l.page.wait(l.page.answered(), answered, deathCheck)
	}
}

// Programs lists the live duty loops of the lab, in every process.
func (l *Lab) Programs() []Program {
	var programs []Program
	for i := range slotCount {
		s := l.page.slot(i)
		if s.pid().Load() == 0 || !l.live(i) {
			continue
		}
		p := s.program()
		p.Paused = p.Paused || stopped(s)
		programs = append(programs, p)
	}
	return programs
}

func (l *Lab) live(i int) bool {
	l.mu.Lock()
	mine := l.mine[i]
	l.mu.Unlock()
	return mine || l.page.held(i)
}

// NextDue is the earliest moment at which any live program has something to do, or
// the zero time.
func (l *Lab) NextDue() time.Time {
	var next time.Time
	for _, p := range l.Programs() {
		if !p.Paused && !p.Due.IsZero() && (next.IsZero() || p.Due.Before(next)) {
			next = p.Due
		}
	}
	return next
}

// Pause excuses every duty loop of the process from the barrier, or counts it again.
// The pid is the one that the program itself sees.
func (l *Lab) Pause(pid int, paused bool) {
	var word uint32
	if paused {
		word = 1
	}
	for i := range slotCount {
		if s := l.page.slot(i); s.pid().Load() == uint32(pid) {
			s.paused().Store(word)
		}
	}
}
