package policy

import "strconv"

// Event is what is written to the terminal server's System log, by its number.
type Event uint16

// The events.
const (
	EventLab               Event = 0    // the lab's own log only
	EventUnableToAcquire   Event = 1000 // no license server for a client, with its user
	EventInvalidLicense    Event = 1003
	EventCannotIssue       Event = 1004 // no license server for a client
	EventInternetUser      Event = 1007
	EventGraceExpired      Event = 1008
	EventGraceExpiring     Event = 1009
	EventNoLicenseServer   Event = 1010 // a discovery pass found none
	EventTemporaryExpired  Event = 1011
	EventRenewalImpossible Event = 1028
)

// String is the number, or "lab".
func (e Event) String() string {
	if e == EventLab {
		return "lab"
	}
	return strconv.Itoa(int(e))
}
