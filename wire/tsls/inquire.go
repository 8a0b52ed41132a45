package tsls

import "github.com/tslab/tslab/wire/hwid"

// Inquire asks the license server that issued a temporary token whether the token is
// validated (decision L23). License servers send it, to one that announces
// [FeatureReferral]; it is answered with [Inquired].
type Inquire struct {
	LicenseID  string
	HardwareID hwid.ID
}

// Type is [TypeInquire].
func (Inquire) Type() Type { return TypeInquire }

func (m Inquire) code(c *coder) Message {
	c.text("license id", &m.LicenseID)
	c.hardware("hardware id", &m.HardwareID)
	return m
}

// Inquired answers [Inquire].
type Inquired struct {
	Known     bool // there is a row of that token, for that device
	Validated bool // and it is marked
}

// Type is [TypeInquired].
func (Inquired) Type() Type { return TypeInquired }

func (m Inquired) code(c *coder) Message {
	c.flag("known", &m.Known)
	c.flag("validated", &m.Validated)
	return m
}
