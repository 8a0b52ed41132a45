package licensing

import "fmt"

// State is how far a licensing phase has come. Both ends see the same states: the
// order of messages knows no role.
type State uint8

// The states, in the order of a complete phase.
const (
	Begin      State = iota // nothing sent yet
	Requested               // the server asked what the client has
	Asked                   // the client has nothing: NEW_LICENSE_REQUEST
	Presented               // the client showed a license: LICENSE_INFO
	Challenged              // the server sent its challenge
	Responded               // the client answered it
	Completed               // licensed, or found in need of no license
	Aborted                 // given up by either end
)

func (s State) String() string {
	switch s {
	case Begin:
		return "Begin"
	case Requested:
		return "Requested"
	case Asked:
		return "Asked"
	case Presented:
		return "Presented"
	case Challenged:
		return "Challenged"
	case Responded:
		return "Responded"
	case Completed:
		return "Completed"
	case Aborted:
		return "Aborted"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// Step is one row of the legal order: Message, in state From, leads to To.
type Step struct {
	From    State
	Message Type
	To      State
}

// Order is the legal order of the messages, MS-RDPELE 1.3.3 and 3.1.1: the only
// place where it is written. ERROR_ALERT has no row: it may come in every state
// that is not an end, and leads where its transition says.
func Order() []Step {
	return []Step{
		{Begin, TypeLicenseRequest, Requested},
		{Requested, TypeNewLicenseRequest, Asked},
		{Requested, TypeLicenseInfo, Presented},
		{Asked, TypePlatformChallenge, Challenged},
		{Presented, TypePlatformChallenge, Challenged},
		{Challenged, TypePlatformChallengeResponse, Responded},
		{Responded, TypeNewLicense, Completed},
		{Responded, TypeUpgradeLicense, Completed},
	}
}

// OrderError is a message that its state does not allow.
type OrderError struct {
	State   State
	Message Type
}

func (e *OrderError) Error() string {
	return fmt.Sprintf("%v is out of order in state %v", e.Message, e.State)
}

// Next is the state after m. The error is an *OrderError.
func (s State) Next(m Message) (State, error) {
	if alert, ok := m.(*ErrorAlert); ok && s < Completed {
		return s.afterAlert(alert), nil
	}
	for _, step := range Order() {
		if step.From == s && step.Message == m.Type() {
			return step.To, nil
		}
	}
	return s, &OrderError{s, m.Type()}
}

// afterAlert follows dwStateTransition. An alert that is an error and asks for no
// transition, or for the last message again, changes nothing by itself; a
// transition that there is not ends the phase.
func (s State) afterAlert(a *ErrorAlert) State {
	if a.IsValidClient() {
		return Completed
	}
	switch a.Transition {
	case NoTransition, ResendLastMessage:
		return s
	case ResetPhaseToStart:
		return Begin
	}
	return Aborted
}
