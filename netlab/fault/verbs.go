package fault

import (
	"slices"
	"strings"
)

// Verb is a kind with what it takes, as words for a drill and for a command line.
type Verb struct {
	Kind   Kind
	Text   string   // what it does, in a sentence
	Needs  []string // parameters that must be given
	Takes  []string // and those that may be, beside the ones that every fault takes
	Kernel bool     // also the eBPF engine does it, for frames
	Inside bool     // it can also be done to a message inside a program
}

// Verbs are all kinds, in the order in which they are explained.
func Verbs() []Verb {
	return []Verb{
		{Loss, "each frame is lost with a chance of percent", []string{"percent"}, nil, true, false},
		{Drop, "frames that are named are lost: by message, nth, times, or all that the filter leaves", nil, nil, true, true},
		{Duplicate, "each frame, or the one that is named, arrives copies more times", nil, []string{"percent", "copies"}, true, true},
		{Reorder, "each frame, with a chance of percent, waits until gap others have overtaken it, 50 ms at most (delay)", nil, []string{"percent", "gap", "delay"}, false, false},
		{Corrupt, "one byte of the frame's content is changed; checksum=\"kept\" lets the receiver's kernel find out and drop it", nil, []string{"percent", "checksum"}, true, true},
		{Truncate, "the second half of a message is missing, inside a program", nil, []string{"percent"}, false, true},
		{Delay, "each frame arrives delay later, plus or minus jitter; with overtake=True frames may overtake each other", []string{"delay"}, []string{"percent", "jitter", "overtake"}, false, true},
		{Rate, "kbit thousand bits a second and no more; what queue bytes cannot hold is lost", []string{"kbit"}, []string{"burst", "queue"}, false, false},
		{Cut, "nothing arrives", nil, nil, true, false},
		{Flap, "nothing arrives for lasting out of every", []string{"every", "lasting"}, nil, true, false},
		{Reset, "TCP connections are reset at both ends when their next segment comes", nil, nil, false, false},
	}
}

// VerbOf is the verb of a kind.
func VerbOf(k Kind) (Verb, bool) {
	verbs := Verbs()
	i := slices.IndexFunc(verbs, func(v Verb) bool { return v.Kind == k })
	if i < 0 {
		return Verb{}, false
	}
	return verbs[i], true
}

// takes says whether the verb has a use for the parameter.
func (v Verb) takes(parameter string) bool {
	return slices.Contains(v.Needs, parameter) || slices.Contains(v.Takes, parameter)
}

func kinds() string {
	var names []string
	for _, v := range Verbs() {
		names = append(names, string(v.Kind))
	}
	return strings.Join(names, ", ")
}
