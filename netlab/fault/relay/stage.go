//go:build linux

package relay

import (
	"bytes"
	"time"

	"github.com/tslab/tslab/netlab/fault"
)

// pass decides what becomes of a frame: what is appended to out goes on.
func (s *stage) pass(l *lane, now time.Time, parsed fault.Frame, it *item, out []*item) []*item {
	f := s.fault
	if !f.Schedule.Active(now.Sub(s.applied)) || !f.Match(parsed, it.frame, l.toHost) {
		return append(out, it)
	}
	s.matched++
	n := s.matched
	if f.Kind == fault.Reorder {
		return append(out, s.reorder(now, it, s.chosen(n)))
	}
	if !s.chosen(n) {
		return append(out, it)
	}
	s.done++
	switch f.Kind {
	case fault.Loss, fault.Drop, fault.Cut, fault.Flap:
		return out
	case fault.Duplicate:
		out = append(out, it)
		for range max(f.Copies, 1) {
			out = append(out, &item{frame: bytes.Clone(it.frame), owned: true, due: it.due, index: -1})
		}
		return out
	case fault.Corrupt:
		it.frame, it.owned = fault.Damage(parsed, it.frame, s.dice.Second(n), f.Checksum), true
	case fault.Delay:
		it.due = s.delayed(it.due, n)
	case fault.Rate:
		due, ok := s.shaped(it.due, len(it.frame))
		if !ok {
			return out
		}
		it.due = due
	case fault.Reset:
		onward, back := fault.Resets(parsed, it.frame)
		if onward == nil && back == nil {
			s.done--
			return append(out, it) // a reset of their own
		}
		l.forge(onward, back)
		return out
	}
	return append(out, it)
}

// chosen says whether the n-th frame is among those that the fault is for.
func (s *stage) chosen(n uint64) bool {
	return s.fault.Chosen(n) && (s.all || s.dice.Throw(n) < s.below)
}

// delayed is when the n-th frame leaves.
func (s *stage) delayed(due time.Time, n uint64) time.Time {
	f := s.fault
	due = due.Add(f.Delay)
	if f.Jitter > 0 {
		due = due.Add(time.Duration(s.dice.Second(n)%uint64(2*f.Jitter+1)) - f.Jitter)
	}
	if !f.Overtake && due.Before(s.last) {
		due = s.last
	}
	s.last = due
	return due
}

// shaped is when a frame of so many bytes has its turn, by a token bucket; false when
// the queue has no room for it.
func (s *stage) shaped(due time.Time, size int) (time.Time, bool) {
	f := s.fault
	burst, queue := f.Burst, f.Queue
	if burst == 0 {
		burst = fault.DefaultBurst
	}
	if queue == 0 {
		queue = fault.DefaultQueue
	}
	forBytes := func(n int) time.Duration { return time.Duration(n) * 8 * time.Millisecond / time.Duration(f.Kilobits) }
	// The bucket lacks what is to come until it is full again; the frame goes when no
	// more is lacking than a burst less the frame itself.
	turn := s.full.Add(-forBytes(burst - size))
	if turn.Before(due) {
		turn = due
	}
	if turn.Sub(due) > forBytes(queue) {
		return turn, false
	}
	if s.full.Before(due) {
		s.full = due
	}
	s.full = s.full.Add(forBytes(size))
	return turn, true
}

// reorder holds a frame that is chosen, one at a time, and counts those that pass it.
func (s *stage) reorder(now time.Time, it *item, chosen bool) *item {
	f := s.fault
	if s.held != nil {
		s.wait--
		return it
	}
	if !chosen {
		return it
	}
	s.done++
	hold := f.Delay
	if hold == 0 {
		hold = fault.DefaultHold
	}
	it.until = now.Add(hold)
	it.due = it.due.Add(hold)
	it.holder, s.held, s.wait = s, it, max(f.Gap, 1)
	return it
}

// forge sends resets, past all that waits.
func (l *lane) forge(onward, back []byte) {
	if onward != nil {
		l.send(onward)
	}
	if back != nil {
		l.back(back)
	}
}
