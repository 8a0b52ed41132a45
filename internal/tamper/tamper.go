// Package tamper is where a lab puts faults inside of a program: messages that travel
// encrypted can be lost, late, damaged or doubled only where they are in the clear.
//
// A program passes what it sends and receives through a [Table]. A nil table and an
// empty one pass everything on and cost nothing; rules are set while the program runs,
// by the operation [Operation] of its control socket. Which message is meant is said by
// its name; the table knows no protocol.
package tamper

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Operation is the operation of a control socket that sets the rules: all of them, in
// place of those before. It is answered with what each has done.
const Operation = "tamper"

// Act is what is done to a message.
type Act string

// The acts.
const (
	Drop      Act = "drop"      // it is never sent, or never seen
	Delay     Act = "delay"     // it waits, and what follows on its connection with it
	Corrupt   Act = "corrupt"   // one byte behind its type is another
	Duplicate Act = "duplicate" // it comes again, at once
	Truncate  Act = "truncate"  // half of what is behind its type is missing
)

// Way is which way a message goes, seen from the program.
type Way string

// The ways.
const (
	Both     Way = ""
	Sent     Way = "sent"
	Received Way = "received"
)

// Rule is one fault. A rule that is set again under its name goes on counting.
type Rule struct {
	Name    string  `json:"name"`
	Act     Act     `json:"act"`
	Message string  `json:"message"`
	Way     Way     `json:"way,omitempty"`
	Nth     int     `json:"nth,omitempty"`     // from the nth message on, counted from 1; 0 for the first
	Times   int     `json:"times,omitempty"`   // so many; 0 for no end
	Percent float64 `json:"percent,omitempty"` // the chance; 0 stands for 100
	Seed    uint64  `json:"seed,omitempty"`
	Copies  int     `json:"copies,omitempty"` // of duplicate; 0 for one

	Delay  time.Duration `json:"delay_ns,omitempty"`
	Jitter time.Duration `json:"jitter_ns,omitempty"` // the delay is even between Delay-Jitter and Delay+Jitter

	// When it works, in elapsed time since it was set first: between From and Until (0
	// for no end), and with Every only for the first For of each such period.
	From  time.Duration `json:"from_ns,omitempty"`
	Until time.Duration `json:"until_ns,omitempty"`
	Every time.Duration `json:"every_ns,omitempty"`
	For   time.Duration `json:"for_ns,omitempty"`
}

// Count is what a rule has done.
type Count struct {
	Name    string `json:"name"`
	Matched uint64 `json:"matched"` // messages of its kind and way
	Done    uint64 `json:"done"`    // of those, the ones it did something to
}

// Table holds the rules of a program. The zero value has none. A nil table passes
// everything on.
type Table struct {
	mu    sync.RWMutex
	rules []*state
}

type state struct {
	Rule
	since time.Time
	count Count
	gone  chan struct{} // closed when the rule is taken away
}

// hold is how long a rule keeps a message back.
type hold struct {
	wait time.Duration
	gone <-chan struct{}
}

func (r Rule) check() error {
	switch {
	case r.Name == "":
		return errors.New("a fault without a name")
	case r.Message == "":
		return fmt.Errorf("fault %s: no message is named", r.Name)
	case r.Act != Drop && r.Act != Delay && r.Act != Corrupt && r.Act != Duplicate && r.Act != Truncate:
		return fmt.Errorf("fault %s: a program cannot %q a message; want drop, delay, corrupt, duplicate or truncate", r.Name, r.Act)
	case r.Way != Both && r.Way != Sent && r.Way != Received:
		return fmt.Errorf("fault %s: way %q: want sent, received or none", r.Name, r.Way)
	case r.Jitter < 0 || r.Delay < r.Jitter || r.Act == Delay && r.Delay == 0:
		return fmt.Errorf("fault %s: delay %v, jitter %v: want a delay of at least the jitter", r.Name, r.Delay, r.Jitter)
	}
	return nil
}

// Set puts the rules in place of those there are, or says why not.
func (t *Table) Set(rules []Rule) error {
	for _, r := range rules {
		if err := r.check(); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	next := make([]*state, len(rules))
	for i, r := range rules {
		next[i] = &state{Rule: r, since: now, count: Count{Name: r.Name}, gone: make(chan struct{})}
		if j := slices.IndexFunc(t.rules, func(s *state) bool { return s.Name == r.Name }); j >= 0 {
			next[i].since, next[i].count, next[i].gone = t.rules[j].since, t.rules[j].count, t.rules[j].gone
			t.rules = slices.Delete(slices.Clone(t.rules), j, j+1)
		}
	}
	for _, s := range t.rules {
		close(s.gone)
	}
	t.rules = next
	return nil
}

// Counts says what each rule has done so far.
func (t *Table) Counts() []Count {
	t.mu.RLock()
	defer t.mu.RUnlock()
	counts := make([]Count, len(t.rules))
	for i, s := range t.rules {
		counts[i] = s.count
	}
	return counts
}

// idle says that there is nothing to be done to any message.
func (t *Table) idle() bool {
	if t == nil {
		return true
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.rules) == 0
}

// Pass takes a message that goes that way and returns what goes on in its place: it,
// after a while perhaps, at once when the rule that keeps it back is taken away;
// another, which is damaged; it several times; nothing. The first keep bytes are never
// damaged. name is asked only when there are rules.
func (t *Table) Pass(way Way, name func() string, message []byte, keep int) [][]byte {
	if t.idle() {
		return [][]byte{message}
	}
	holds, out := t.judge(way, name(), message, keep)
	for _, h := range holds {
		select {
		case <-time.After(h.wait):
		case <-h.gone:
		}
	}
	return out
}

// judge lets each rule that is for the message have its way with it, in their order.
func (t *Table) judge(way Way, name string, message []byte, keep int) (holds []hold, out [][]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	out = [][]byte{message}
	for _, s := range t.rules {
		if s.Message != name || s.Way != Both && s.Way != way || !s.active(time.Since(s.since)) {
			continue
		}
		s.count.Matched++
		n := s.count.Matched
		dice := rand.New(rand.NewPCG(s.Seed, n))
		if !s.chosen(n) || s.Percent > 0 && dice.Float64()*100 >= s.Percent {
			continue
		}
		s.count.Done++
		switch s.Act {
		case Drop:
			return holds, nil
		case Delay:
			h := hold{s.Delay, s.gone}
			if s.Jitter > 0 {
				h.wait += time.Duration(dice.Int64N(int64(2*s.Jitter+1))) - s.Jitter
			}
			holds = append(holds, h)
		case Corrupt:
			for i := range out {
				out[i] = damaged(out[i], keep, dice)
			}
		case Truncate:
			for i, b := range out {
				out[i] = b[:min(len(b), keep+max(len(b)-keep, 0)/2)]
			}
		case Duplicate:
			for range max(s.Copies, 1) {
				out = append(out, bytes.Clone(out[0]))
			}
		}
	}
	return holds, out
}

func (s *state) chosen(n uint64) bool {
	first := uint64(max(s.Nth, 1))
	return n >= first && (s.Times == 0 || n < first+uint64(s.Times))
}

func (s *state) active(elapsed time.Duration) bool {
	if elapsed < s.From || s.Until > 0 && elapsed >= s.Until {
		return false
	}
	return s.Every == 0 || (elapsed-s.From)%s.Every < s.For
}

func damaged(message []byte, keep int, dice *rand.Rand) []byte {
	b := bytes.Clone(message)
	if keep >= len(b) {
		return b
	}
	b[keep+dice.IntN(len(b)-keep)] ^= byte(1 + dice.IntN(255))
	return b
}
