//go:build linux

package script

import (
	"errors"
	"fmt"
	"time"

	"go.starlark.net/starlark"

	"github.com/tslab/tslab/netlab"
)

// span takes days, hours and minutes, which may be fractions, out of the arguments
// of a word.
type span struct{ days, hours, minutes, seconds number }

// number is an int or a float.
type number float64

// Unpack takes a number from the arguments of a word.
func (n *number) Unpack(v starlark.Value) error {
	f, ok := starlark.AsFloat(v)
	if !ok {
		return fmt.Errorf("got %s, want a number", v.Type())
	}
	*n = number(f)
	return nil
}

func (s *span) pairs() []any {
	return []any{"days?", &s.days, "hours?", &s.hours, "minutes?", &s.minutes, "seconds?", &s.seconds}
}

func (s *span) duration() time.Duration {
	hours := float64(s.days)*24 + float64(s.hours) + float64(s.minutes)/60 + float64(s.seconds)/3600
	return time.Duration(hours * float64(time.Hour)).Round(time.Microsecond)
}

func (e *engine) advanceWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var s span
	var exact, jump bool
	var every number // minutes
	err := starlark.UnpackArgs("advance", args, kwargs, append(s.pairs(), "exact?", &exact, "jump?", &jump, "every?", &every)...)
	if err != nil {
		return nil, err
	}
	d := s.duration()
	pace := netlab.Pace{Step: time.Duration(float64(every) * float64(time.Minute)), Exact: exact}
	switch {
	case d == 0:
		return nil, errors.New("want days, hours or minutes")
	case every < 0 || jump && (every > 0 || exact):
		return nil, errors.New("jump goes at once; every (in minutes) or exact by steps: want one of them")
	case jump:
		pace.Step = -1
	}
	lab, err := e.up()
	if err != nil {
		return nil, err
	}
	if pace.Step == 0 {
		pace.Step = lab.AdvanceStep()
	}
	wait := patience + time.Duration(d.Hours()/24*float64(time.Second))
	if pace.Step > 0 {
		wait += time.Duration(float64(d) / float64(pace.Step) * float64(100*time.Millisecond))
	}
	ctx, cancel := e.timeout(wait, "the programs did not do what was due")
	defer cancel()
	return starlark.None, lab.AdvanceAt(ctx, d, pace)
}

func (e *engine) skewWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var at starlark.Value
	var s span
	if err := starlark.UnpackArgs("skew", args, kwargs, append([]any{"host", &at}, s.pairs()...)...); err != nil {
		return nil, err
	}
	host, lab, err := e.hostUp(at)
	if err != nil {
		return nil, err
	}
	ctx, cancel := e.timeout(patience, "the programs did not do what was due")
	defer cancel()
	return starlark.None, lab.Skew(ctx, host, s.duration())
}

func (e *engine) pauseWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var p process
	var after, lasting while
	if err := starlark.UnpackArgs("pause", args, kwargs, "program", &p, "after?", &after, "lasting?", &lasting); err != nil {
		return nil, err
	}
	switch {
	case after < 0 || lasting < 0 || after > 0 && lasting == 0:
		return nil, errors.New("want after=, if it is to be later, together with lasting=, and neither below 0")
	case lasting > 0:
		return starlark.None, e.lab.PauseLater(p.Process, time.Duration(after), time.Duration(lasting))
	}
	return starlark.None, e.lab.Pause(p.Process)
}

func (e *engine) resumeWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var p process
	if err := starlark.UnpackArgs("resume", args, kwargs, "program", &p); err != nil {
		return nil, err
	}
	return starlark.None, e.lab.Resume(p.Process)
}
