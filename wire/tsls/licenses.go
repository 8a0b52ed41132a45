package tsls

import (
	"time"

	"github.com/tslab/tslab/wire/hwid"
)

// Licenses asks for issued tokens in the order of their license ids, a page at a
// time; it is answered with [LicenseList].
type Licenses struct {
	After string // the page begins behind this license id; empty: at the first
	Limit uint16 // most tokens to send; 0: MaxLicenses
}

// Type is [TypeLicenses].
func (Licenses) Type() Type { return TypeLicenses }

func (m Licenses) code(c *coder) Message {
	c.text("after", &m.After)
	c.u16("limit", &m.Limit)
	if m.Limit > MaxLicenses {
		c.fail("limit", errLimit)
	}
	return m
}

// LicenseList answers [Licenses].
type LicenseList struct {
	Licenses []LicenseInfo
	More     bool // there are tokens behind the last one
}

// Type is [TypeLicenseList].
func (LicenseList) Type() Type { return TypeLicenseList }

func (m LicenseList) code(c *coder) Message {
	list(c, "licenses", &m.Licenses, MaxLicenses, codeLicenseInfo)
	c.flag("more", &m.More)
	return m
}

// LicenseInfo is an issued token as the license server's store has it.
type LicenseInfo struct {
	LicenseID  string
	KeyPackID  string // empty for tokens of a pool of its own
	Kind       string // as in KeyPackInfo
	Product    string
	State      string // "active", "expired", "returned", "closed"
	HardwareID hwid.ID
	Machine    string
	User       string
	Issuer     string // License Server ID, or the name of an unactivated server
	Issued     time.Time
	Expires    time.Time // zero: never
	Validated  bool
}

func codeLicenseInfo(c *coder, m *LicenseInfo) {
	c.text("license id", &m.LicenseID)
	c.text("key pack id", &m.KeyPackID)
	c.text("kind", &m.Kind)
	c.text("product", &m.Product)
	c.text("state", &m.State)
	c.hardware("hardware id", &m.HardwareID)
	c.text("machine", &m.Machine)
	c.text("user", &m.User)
	c.text("issuer", &m.Issuer)
	c.time("issued", &m.Issued)
	c.time("expires", &m.Expires)
	c.flag("validated", &m.Validated)
}
