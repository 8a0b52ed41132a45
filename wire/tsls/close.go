package tsls

import "github.com/tslab/tslab/wire/hwid"

// Close tells the license server that referred a device elsewhere that the device has
// got its license there: its temporary token here is closed (decision L26). Terminal
// servers send it, to one that announces [FeatureReferral]; it is answered with
// [Closed] and may be repeated.
type Close struct {
	HardwareID hwid.ID
	Machine    string
	LicenseID  string // of the license that the device has got
	Server     string // name of the license server that issued it
}

// Type is [TypeClose].
func (Close) Type() Type { return TypeClose }

func (m Close) code(c *coder) Message {
	c.hardware("hardware id", &m.HardwareID)
	c.text("machine", &m.Machine)
	c.text("license id", &m.LicenseID)
	c.text("server", &m.Server)
	return m
}

// Closed answers [Close].
type Closed struct {
	Closed bool // there was a temporary token, and it is closed now
}

// Type is [TypeClosed].
func (Closed) Type() Type { return TypeClosed }

func (m Closed) code(c *coder) Message {
	c.flag("closed", &m.Closed)
	return m
}
