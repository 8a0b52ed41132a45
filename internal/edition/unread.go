package edition

import "slices"

// Unread reports a knob that no program reads yet: it can be shown and explained,
// and a command line that sets it is refused. internal/layers reads the source of
// the programs and holds the list to it, so that who reads such a knob takes it off.
func Unread(name string) bool { return slices.Contains(unread(), name) }

func unread() []string {
	return []string{
		// Discovery.
		"ls_host",
		"override",
		// The ways to the clearinghouse.
		// Has one value only.
		"grace_token",
	}
}
