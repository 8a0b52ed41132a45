//go:build linux

package relay

import (
	"bytes"
	"container/heap"
	"slices"
	"time"

	"github.com/tslab/tslab/netlab/fault"
)

// lane is one direction of a cable: the faults on it and the frames that wait. It
// neither reads a clock nor sends by itself; its wire holds a lock around every call.
type lane struct {
	name   string // of the cable
	toHost bool
	stages []*stage
	send   func(frame []byte) // must not keep the frame
	back   func(frame []byte) // sends on the cable's other lane

	queue queue
	seq   uint64
	spare [2][]*item // of arrive
}

// item is a frame on its way through the faults, or waiting.
type item struct {
	frame []byte
	owned bool // the frame is not the caller's
	due   time.Time
	seq   uint64
	index int // in the queue; -1 outside

	holder *stage    // the fault that holds it back for others to overtake it
	until  time.Time // at most so long
}

// stage is a fault on a lane.
type stage struct {
	fault   *fault.Placed
	applied time.Time
	dice    fault.Dice
	below   uint64
	all     bool

	matched, done uint64

	last time.Time // when the last frame that was delayed leaves
	full time.Time // when the bucket of rate is full again
	held *item     // the frame that others are to overtake
	wait int       // how many still have to
}

func newStage(f *fault.Placed, link string, toHost bool, now time.Time) *stage {
	s := &stage{fault: f, applied: now, dice: fault.NewDice(f.Seed, link, toHost)}
	s.below, s.all = fault.Threshold(f.Percent)
	return s
}

// arrive takes a frame, which the lane must not keep.
func (l *lane) arrive(now time.Time, frame []byte) {
	if len(l.stages) == 0 && len(l.queue) == 0 {
		l.send(frame)
		return
	}
	parsed := fault.ParseFrame(frame)
	in, out := append(l.spare[0][:0], &item{frame: frame, due: now, index: -1}), l.spare[1][:0]
	var overtaken []*item
	for _, s := range l.stages {
		for _, it := range in {
			out = s.pass(l, now, parsed, it, out)
			if s.held != nil && s.wait == 0 {
				overtaken, s.held = append(overtaken, s.held), nil
			}
		}
		in, out = out, in[:0]
	}
	for _, it := range in {
		l.put(now, it)
	}
	for _, it := range overtaken {
		l.overtake(now, it)
	}
	l.spare = [2][]*item{in[:0], out[:0]}
}

// put sends the frame if it is due and nothing that is due waits, or lets it wait.
func (l *lane) put(now time.Time, it *item) {
	if it.holder == nil && !it.due.After(now) && (len(l.queue) == 0 || l.queue[0].due.After(now)) {
		l.send(it.frame)
		return
	}
	if !it.owned {
		it.frame, it.owned = bytes.Clone(it.frame), true
	}
	l.seq++
	it.seq = l.seq
	heap.Push(&l.queue, it)
}

// overtake lets a frame go that has been overtaken: behind those that are due now.
func (l *lane) overtake(now time.Time, it *item) {
	if it.index < 0 {
		return // it has waited long enough and is gone
	}
	if rest := it.until.Sub(now); rest > 0 {
		it.due = it.due.Add(-rest)
	}
	l.seq++
	it.seq, it.holder = l.seq, nil
	heap.Fix(&l.queue, it.index)
	l.flush(now)
}

// flush sends what is due.
func (l *lane) flush(now time.Time) {
	for len(l.queue) > 0 && !l.queue[0].due.After(now) {
		it := heap.Pop(&l.queue).(*item)
		if s := it.holder; s != nil && s.held == it {
			s.held = nil
		}
		l.send(it.frame)
	}
}

// next is when something is due; false when nothing waits.
func (l *lane) next() (time.Time, bool) {
	if len(l.queue) == 0 {
		return time.Time{}, false
	}
	return l.queue[0].due, true
}

// add lays a fault on the lane.
func (l *lane) add(s *stage) { l.stages = append(slices.Clone(l.stages), s) }

// remove takes a fault off and lets go what waits.
func (l *lane) remove(s *stage) {
	l.stages = slices.DeleteFunc(slices.Clone(l.stages), func(other *stage) bool { return other == s })
	for len(l.queue) > 0 {
		it := heap.Pop(&l.queue).(*item)
		if it.holder != nil {
			it.holder.held = nil
		}
		l.send(it.frame)
	}
}

// queue is ordered by the moment at which frames are due, then by their order.
type queue []*item

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if c := q[i].due.Compare(q[j].due); c != 0 {
		return c < 0
	}
	return q[i].seq < q[j].seq
}
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}
func (q *queue) Push(x any) {
	it := x.(*item)
	it.index = len(*q)
	*q = append(*q, it)
}
func (q *queue) Pop() any {
	last := len(*q) - 1
	it := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	it.index = -1
	return it
}
