package ts

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdpsec"
)

// Config is what a terminal server is made of. It must not change while in use.
type Config struct {
	Host string // its name: on screens, in certificates and to license servers
	Dir  string // state folder: keys, grace period, pins; made when it is not there

	// Listener is where clients come; Run closes it.
	Listener net.Listener

	Security   rdpconn.Protocols // the zero value takes what the client offers
	Encryption []rdpsec.Method   // under RDP security, the preferred first; nil takes what the client can
	KeyBits    int               // of a key made at first start: 512, 1024, 2048 (the default, also for 0) or 4096

	Certificate      CertificateForm // in which clients see the key
	EncryptLicensing bool            // under RDP security: seal licensing messages too
	SaltedMAC        bool            // under RDP security: send salted signatures
	LowLevel         bool            // under RDP security: encrypt only what clients send
	SlowPath         bool            // draw by the slow path

	Profile edition.Profile
	Mode    policy.Mode
	// Announce is the edition by which license servers know the terminal server, such as
	// "nt4-tse", which none of them serves (rule L1); empty: that of the profile.
	Announce string

	// LicenseServer is the address of the one license server that is asked; empty
	// when there is none. LicenseServers are more of them, in their order: Windows
	// Server 2003 may have several.
	LicenseServer  string
	LicenseServers []string
	// DefaultLicenseServer: LicenseServer is the registry's value of that name, not
	// one that discovery found. Windows 2000 then refuses clients for whom it has
	// nothing.
	DefaultLicenseServer bool
	// Identity is who the terminal server is to license servers; nil: the one in Dir,
	// which is made when it is not there.
	Identity *identity.Identity

	// Discovery finds license servers where none is named, in Windows Server 2003 also
	// where none of those named answers; nil: only what is named is asked.
	Discovery *Discovery
	// Roots are root certificates of clearinghouses whose licenses count beside
	// those of the license server's own clearinghouse.
	Roots []*x509.Certificate

	// Dial connects to license servers; nil is TCP.
	Dial func(ctx context.Context, addr string) (net.Conn, error)

	Users  *Users // nil: user lab with password lab
	Limits Limits
	// LogonHint is a line that the logon screen shows to everybody, such as who may
	// log on to a lab; empty for none.
	LogonHint string

	Clock      clock.Clock   // nil: the machine's
	Events     *eventlog.Log // nil: none
	KeyLog     io.Writer     // secrets of both legs, TLS, RDP and licensing; may be nil
	Transcript io.Writer     // a line of JSON for each RDP PDU; may be nil

	// Errors says how a client that announced Set Error Info learns why it is
	// refused.
	Errors ErrorMode
	// Refuse refuses every client for a reason, whatever the rules say; zero does not.
	Refuse Refusal
	// Alert is what every client is sent, whatever the rules say, before the connection
	// ends; nil is nothing. It counts before Refuse.
	Alert *licensing.ErrorAlert
}

// announced is the edition that license servers are told.
func (c *Config) announced(p *edition.Profile) string {
	if c.Announce != "" {
		return c.Announce
	}
	return p.Edition.String()
}

// ErrorMode is how a refused client learns the reason.
type ErrorMode uint8

// The modes.
const (
	// AlertOnly ends the licensing phase with the ERROR_ALERT of MS-RDPELE, and the
	// connection with it: what Windows does, and what clients tell in general words.
	AlertOnly ErrorMode = iota
	// ErrorInfo lets a client that announced it through the licensing phase, and
	// ends the connection with the reason in a Set Error Info PDU (MS-RDPBCGR
	// 2.2.5.1): clients show its text. Others get the alert.
	ErrorInfo
)

func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Listener == nil:
		return c, errors.New("terminal server: no listener")
	case c.Dir == "":
		return c, errors.New("terminal server: no state folder")
	case c.Profile.Edition == 0:
		c.Profile = edition.W2KSP3()
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return c, fmt.Errorf("state folder: %w", err)
	}
	if c.Host == "" {
		c.Host = "localhost"
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Events == nil {
		c.Events = eventlog.New(nil, c.Host, "termsrv", c.Clock, nil)
	}
	if c.KeyBits == 0 {
		c.KeyBits = 2048
	}
	if c.Users == nil {
		users, err := NewUsers("lab", "lab")
		if err != nil {
			return c, err
		}
		c.Users = users
	}
	c.Limits = c.Limits.withDefaults()
	return c, nil
}
