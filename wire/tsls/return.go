package tsls

import "github.com/tslab/tslab/wire/hwid"

// Return gives a token back, so that its place in the pool is free again. It is
// answered with [Returned].
type Return struct {
	LicenseID  string
	HardwareID hwid.ID
}

// Type is [TypeReturn].
func (Return) Type() Type { return TypeReturn }

func (m Return) code(c *coder) Message {
	c.text("license id", &m.LicenseID)
	c.hardware("hardware id", &m.HardwareID)
	return m
}

// Returned answers [Return]. A token that was returned before is no error.
type Returned struct {
	Freed bool // the pool has one more token free than before
}

// Type is [TypeReturned].
func (Returned) Type() Type { return TypeReturned }

func (m Returned) code(c *coder) Message {
	c.flag("freed", &m.Freed)
	return m
}
