package tsls

import (
	"time"

	"github.com/tslab/tslab/wire/hwid"
)

// Allocate asks for a license token for a device. It is answered with [Allocated].
type Allocate struct {
	Request    Request
	Presented  Class     // what the client showed
	LicenseID  string    // of the presented token
	Issuer     string    // License Server ID in the presented token
	Expires    time.Time // of the presented token; zero: never
	HardwareID hwid.ID
	PlatformID uint32 // the platform that the client's message named
	Machine    string // the client's computer name
	User       string
	Domain     string
	Mode       string   // licensing mode: "device", "user", "invalid", "ic", "admin"
	Edition    string   // of the terminal server
	Features   Features // of the terminal server
	ViaDefault bool     // the terminal server uses its DefaultLicenseServer
	// Final: every license server of the referral was asked in vain. Failed names
	// them, and the answer must not be a referral again.
	Final  bool
	Failed []string
	// Hops, ReferredBy and Validated repeat the [Referral] that led here: how many
	// referrals so far, by which License Server ID, and that the presented
	// temporary token is marked at that server. All zero at the first server.
	Hops       uint8
	ReferredBy string
	Validated  bool
}

// Type is [TypeAllocate].
func (Allocate) Type() Type { return TypeAllocate }

func (m Allocate) code(c *coder) Message {
	c.enum("request", (*uint8)(&m.Request), uint8(RequestCAL), uint8(lastRequest))
	c.enum("presented", (*uint8)(&m.Presented), 0, uint8(lastClass))
	c.text("license id", &m.LicenseID)
	c.text("issuer", &m.Issuer)
	c.time("expires", &m.Expires)
	c.hardware("hardware id", &m.HardwareID)
	c.u32("platform id", &m.PlatformID)
	c.text("machine", &m.Machine)
	c.text("user", &m.User)
	c.text("domain", &m.Domain)
	c.text("mode", &m.Mode)
	c.text("edition", &m.Edition)
	c.u32("features", (*uint32)(&m.Features))
	c.flag("via default", &m.ViaDefault)
	c.flag("final", &m.Final)
	c.texts("failed", &m.Failed, MaxFailed)
	c.u8("hops", &m.Hops)
	c.text("referred by", &m.ReferredBy)
	c.flag("validated", &m.Validated)
	return m
}
