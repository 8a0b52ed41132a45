package tsls

import "fmt"

// Answer is a license server's decision on an [Allocate].
type Answer uint8

// The answers.
const (
	AnswerCALTake     Answer = iota + 1 // a CAL was taken from the pool
	AnswerCALOwn                        // the device's own CAL again
	AnswerCALRenew                      // the presented CAL with a new expiry, same license id
	AnswerTempNew                       // a new temporary token
	AnswerTempRow                       // the device's temporary token again
	AnswerBuiltIn                       // a token of the built-in pool
	AnswerRefer                         // nothing here: ask the license servers listed
	AnswerKeep                          // nothing issued: what was presented stands
	AnswerDenyExpired                   // the temporary token has had its time and no CAL is free
	AnswerDenyEmpty                     // the default license server is empty
	AnswerDenyStock                     // no CAL for an expired one
	AnswerDenyServed                    // this license server does not serve that edition
)

const lastAnswer = AnswerDenyServed

// String is the answer as the decision table names it.
func (a Answer) String() string {
	names := [...]string{"CAL-take", "CAL-own", "CAL-renew", "TEMP-new", "TEMP-row", "BUILTIN",
		"REFER", "KEEP", "DENY-expired", "DENY-empty", "DENY-stock", "DENY-served"}
	if a < AnswerCALTake || a > lastAnswer {
		return fmt.Sprintf("answer %d", uint8(a))
	}
	return names[a-1]
}

// Issues reports whether the answer carries a license token.
func (a Answer) Issues() bool { return a >= AnswerCALTake && a <= AnswerBuiltIn }

// Denies reports whether the answer refuses the device.
func (a Answer) Denies() bool { return a >= AnswerDenyExpired && a <= AnswerDenyServed }
