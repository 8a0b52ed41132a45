package keypack

import "slices"

// Program is the licensing program under which tokens were bought, by the name that
// the licensing tool shows.
type Program string

// The programs that the licensing tool offers.
const (
	LicenseCode Program = "License Code"
	OpenLicense Program = "Open License"
	Select      Program = "Select"
	Enterprise  Program = "Enterprise"
	Campus      Program = "Campus Agreement"
	School      Program = "School Agreement"
	Other       Program = "Other"
)

// Programs lists them in the tool's order.
func Programs() []Program {
	return []Program{LicenseCode, OpenLicense, Select, Enterprise, Campus, School, Other}
}

// Known reports whether p is one of [Programs].
func (p Program) Known() bool { return slices.Contains(Programs(), p) }
