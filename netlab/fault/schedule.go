package fault

import (
	"errors"
	"fmt"
	"time"
)

// Schedule says when a fault works, in elapsed time since it was applied. The zero
// value is always.
type Schedule struct {
	From  time.Duration `json:"from_ns,omitempty"`  // nothing before
	Until time.Duration `json:"until_ns,omitempty"` // nothing from here on; 0 for no end
	Every time.Duration `json:"every_ns,omitempty"` // a period, counted from From, ...
	For   time.Duration `json:"for_ns,omitempty"`   // ... at whose beginning it works for so long
}

// Active says whether the fault works when it was applied so long ago.
func (s Schedule) Active(elapsed time.Duration) bool {
	if elapsed < s.From || s.Until > 0 && elapsed >= s.Until {
		return false
	}
	return s.Every == 0 || (elapsed-s.From)%s.Every < s.For
}

// Next is when Active changes the next time after elapsed; false for never again.
func (s Schedule) Next(elapsed time.Duration) (time.Duration, bool) {
	switch {
	case elapsed < s.From:
		return s.From, true
	case s.Until > 0 && elapsed >= s.Until:
		return 0, false
	case s.Every == 0:
		return s.Until, s.Until > 0
	}
	into := (elapsed - s.From) % s.Every
	begin := elapsed - into
	next := begin + s.For
	if into >= s.For {
		next = begin + s.Every
	}
	if s.Until > 0 && next >= s.Until {
		return s.Until, s.Active(elapsed)
	}
	return next, true
}

func (s Schedule) check() error {
	switch {
	case s.From < 0 || s.Until < 0 || s.Every < 0 || s.For < 0:
		return errors.New("schedule: a time before the fault begins; want after, until, every and lasting of 0 or more")
	case s.Until > 0 && s.Until <= s.From:
		return fmt.Errorf("schedule: until %v is not behind after %v", s.Until, s.From)
	case (s.Every > 0) != (s.For > 0):
		return errors.New("schedule: every and lasting go together: every=\"10s\", lasting=\"2s\" is two seconds out of ten")
	case s.For > s.Every || s.Every > 0 && s.For == s.Every:
		return fmt.Errorf("schedule: lasting %v of every %v is always; leave both out", s.For, s.Every)
	}
	return nil
}

// String is the schedule in words: "", "from 2s on", "2s of every 10s".
func (s Schedule) String() string {
	var text string
	if s.Every > 0 {
		text = fmt.Sprintf("%v of every %v", s.For, s.Every)
	}
	join := func(t string) {
		if text != "" {
			text += ", "
		}
		text += t
	}
	switch {
	case s.From > 0 && s.Until > 0:
		join(fmt.Sprintf("from %v until %v", s.From, s.Until))
	case s.From > 0:
		join(fmt.Sprintf("from %v on", s.From))
	case s.Until > 0:
		join(fmt.Sprintf("until %v", s.Until))
	}
	return text
}
