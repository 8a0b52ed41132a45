//go:build linux

package relay

import (
	"testing"
	"time"

	"github.com/tslab/tslab/netlab/fault"
)

// bench is a lane whose frames are single bytes, in a calendar of the test's own.
type bench struct {
	lane
	now  time.Time
	left []byte // in the order in which they left
}

func newBench(faults ...fault.Fault) *bench {
	b := &bench{now: time.Unix(1000, 0)}
	b.lane = lane{name: "h1:eth0", toHost: true, send: func(frame []byte) { b.left = append(b.left, frame[0]) }}
	for _, f := range faults {
		b.add(newStage(&fault.Placed{Fault: f}, b.name, b.toHost, b.now))
	}
	return b
}

// come lets a frame of a thousand bytes come after so many milliseconds.
func (b *bench) come(after int, name byte) {
	b.pass(after)
	frame := make([]byte, 1000)
	frame[0] = name
	b.arrive(b.now, frame)
}

// pass lets time pass, a millisecond at a time.
func (b *bench) pass(milliseconds int) {
	for range milliseconds {
		b.now = b.now.Add(time.Millisecond)
		b.flush(b.now)
	}
}

// took is what has left since it was asked last.
func (b *bench) took() string {
	s := string(b.left)
	b.left = nil
	return s
}

const ms = time.Millisecond

// Every frame waits for itself alone: they come late, as fast as they came.
func TestLaneDelay(t *testing.T) {
	b := newBench(fault.Fault{Kind: fault.Delay, Delay: 10 * ms})
	for i, name := range []byte("abcde") {
		b.come(min(i, 1), name)
	}
	b.pass(5)
	if got := b.took(); got != "" {
		t.Errorf("%q left early", got)
	}
	for _, want := range "abcde" {
		b.pass(1)
		if got := b.took(); got != string(want) {
			t.Errorf("%q left, want %q", got, want)
		}
	}
}

// A bucket lets a burst through at once, then keeps the rate, and loses what the queue
// has no room for.
func TestLaneRate(t *testing.T) {
	// 8000 kbit/s are a thousand bytes in a millisecond.
	b := newBench(fault.Fault{Kind: fault.Rate, Kilobits: 8000, Burst: 3000, Queue: 4000})
	for _, name := range []byte("abcdefghij") {
		b.come(0, name)
	}
	if got := b.took(); got != "abc" {
		t.Errorf("the burst is %q", got)
	}
	b.pass(1)
	if got := b.took(); got != "d" {
		t.Errorf("after 1 ms %q", got)
	}
	b.pass(50)
	if got := b.took(); got != "efg" {
		t.Errorf("in the end %q, want the queue's four in all", got)
	}
	for _, name := range []byte("klmn") { // the bucket is full again, and no fuller
		b.come(0, name)
	}
	if got := b.took(); got != "klm" {
		t.Errorf("the second burst is %q", got)
	}
}

func TestLaneReorder(t *testing.T) {
	b := newBench(fault.Fault{Kind: fault.Reorder, Nth: 1, Gap: 2})
	for _, name := range []byte("abcd") {
		b.come(0, name)
	}
	if got := b.took(); got != "bcad" {
		t.Errorf("%q, want a behind two others", got)
	}
	b = newBench(fault.Fault{Kind: fault.Reorder, Nth: 1, Gap: 2})
	b.come(0, 'a')
	b.come(1, 'b')
	b.pass(int(fault.DefaultHold / ms))
	if got := b.took(); got != "ba" {
		t.Errorf("%q: nobody else comes, and a does not wait for ever", got)
	}
	b.come(1, 'c')
	b.come(1, 'd')
	if got := b.took(); got != "cd" {
		t.Errorf("%q behind it", got)
	}
}

// What is held back to be overtaken is delayed all the same.
func TestLaneReorderThenDelay(t *testing.T) {
	b := newBench(fault.Fault{Kind: fault.Reorder, Nth: 1}, fault.Fault{Kind: fault.Delay, Delay: 10 * ms, Jitter: 0, Overtake: true})
	b.come(0, 'a')
	b.come(0, 'b')
	b.pass(9)
	if got := b.took(); got != "" {
		t.Errorf("%q left early", got)
	}
	b.pass(1)
	if got := b.took(); got != "ba" {
		t.Errorf("%q, want b and then a", got)
	}
}

// What waits leaves at once, in its order, when a fault is removed; the others go on.
func TestLaneRemove(t *testing.T) {
	b := newBench(fault.Fault{Kind: fault.Delay, Delay: time.Minute}, fault.Fault{Kind: fault.Drop, Nth: 5})
	for _, name := range []byte("abc") {
		b.come(1, name)
	}
	b.remove(b.stages[0])
	if got := b.took(); got != "abc" {
		t.Errorf("%q left", got)
	}
	for _, name := range []byte("def") {
		b.come(0, name)
	}
	if got := b.took(); got != "df" {
		t.Errorf("%q, want all but the fifth", got)
	}
}

// Frames that a fault is not about overtake those that it delays, and one that is due
// lets none behind it go first.
func TestLaneOrder(t *testing.T) {
	b := newBench(fault.Fault{Kind: fault.Delay, Delay: 2 * ms, Nth: 1})
	b.come(0, 'a')
	b.come(1, 'b')
	if got := b.took(); got != "b" {
		t.Errorf("%q, want b at once", got)
	}
	frame := []byte{'c'}
	b.now = b.now.Add(5 * ms) // nobody has looked in the meantime
	b.arrive(b.now, frame)
	b.flush(b.now)
	if got := b.took(); got != "ac" {
		t.Errorf("%q, want what was due first", got)
	}
}

// A frame that waits is the lane's own: the ring writes over the one that came.
func TestLaneKeepsItsOwnCopy(t *testing.T) {
	b := newBench(fault.Fault{Kind: fault.Duplicate}, fault.Fault{Kind: fault.Delay, Delay: ms})
	frame := []byte("x")
	b.arrive(b.now, frame)
	frame[0] = 'y'
	b.pass(1)
	if got := b.took(); got != "xx" {
		t.Errorf("%q left", got)
	}
}
