package tsls

import (
	"time"

	"github.com/tslab/tslab/wire/hwid"
)

// Mark tells, after a successful logon, that the device's temporary token is
// validated. It may be sent any number of times and is answered with [Marked]. The
// license server that does not know the token makes a row of it.
type Mark struct {
	LicenseID  string
	HardwareID hwid.ID
	Issuer     string // License Server ID in the token
	Machine    string
	User       string
	Expires    time.Time // of the token
}

// Type is [TypeMark].
func (Mark) Type() Type { return TypeMark }

func (m Mark) code(c *coder) Message {
	c.text("license id", &m.LicenseID)
	c.hardware("hardware id", &m.HardwareID)
	c.text("issuer", &m.Issuer)
	c.text("machine", &m.Machine)
	c.text("user", &m.User)
	c.time("expires", &m.Expires)
	return m
}

// Marked answers [Mark].
type Marked struct {
	Created bool // the token was not known here and has a row now
}

// Type is [TypeMarked].
func (Marked) Type() Type { return TypeMarked }

func (m Marked) code(c *coder) Message {
	c.flag("created", &m.Created)
	return m
}
