package tsls

import "fmt"

// Class is what a terminal server found in the token that a client presented.
type Class uint8

// The classes.
const (
	ClassNone             Class = iota // no token, or one of a foreign make
	ClassCorrupt                       // not readable, or its signature does not hold
	ClassHardwareMismatch              // issued to another device
	ClassPermFresh                     // CAL that is not near its expiry
	ClassPermNear                      // CAL within its renewal window
	ClassPermExpired                   // CAL past its expiry
	ClassTemporary                     // temporary token
	ClassTemporaryExpired              // temporary token past its expiry
	ClassBuiltIn                       // token of the built-in pool
)

const lastClass = ClassBuiltIn

// String is the class as the decision table names it.
func (c Class) String() string {
	switch c {
	case ClassNone:
		return "none"
	case ClassCorrupt:
		return "corrupt"
	case ClassHardwareMismatch:
		return "hwid-mismatch"
	case ClassPermFresh:
		return "perm-fresh"
	case ClassPermNear:
		return "perm-near"
	case ClassPermExpired:
		return "perm-expired"
	case ClassTemporary:
		return "temp"
	case ClassTemporaryExpired:
		return "temp-expired"
	case ClassBuiltIn:
		return "built-in"
	default:
		return fmt.Sprintf("class %d", uint8(c))
	}
}

// Request is what a terminal server asks a license server for.
type Request uint8

// The requests.
const (
	RequestCAL               Request = iota + 1 // a permanent token
	RequestTemp                                 // a temporary token
	RequestRenew                                // a new expiry for the presented CAL
	RequestBuiltIn                              // a token of the built-in pool
	RequestInternetConnector                    // an Internet Connector token, for the terminal server itself
)

const lastRequest = RequestInternetConnector

// String is the request as the decision table names it.
func (r Request) String() string {
	switch r {
	case RequestCAL:
		return "cal"
	case RequestTemp:
		return "temp"
	case RequestRenew:
		return "renew"
	case RequestBuiltIn:
		return "built-in"
	case RequestInternetConnector:
		return "internet-connector"
	default:
		return fmt.Sprintf("request %d", uint8(r))
	}
}
