package fault

import (
	"slices"
	"strings"
)

// Datagram is how a message that travels by UDP is known by its bytes: the port at one
// end, and the number of its kind, which is the sixth byte of a locate datagram and the
// type that a DNS message asks for. ok is false for other messages.
func Datagram(message string) (port, number uint16, ok bool) {
	if name, is := strings.CutPrefix(message, locateFamily); is {
		i := slices.Index(locateNames[:], name)
		return locatePort, uint16(i + 1), i >= 0
	}
	for _, t := range dnsTypes {
		if dnsFamily+t.name == message {
			return dnsPort, t.number, true
		}
	}
	return 0, 0, false
}
