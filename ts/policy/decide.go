package policy

import "time"

// Before decides what can be decided without a license server: the gate, and the
// rules that consult none. now is the moment of the connection.
func Before(now time.Time, s Server, c Client) Decision { return Decision{} }

// After ends a Decision that asked, with what became of the question.
func After(d Decision, a Answer) Outcome { return Outcome{} }

// situation is a Decision's memory between Before and After.
type situation struct{}
