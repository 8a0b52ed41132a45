package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/hostport"
	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/token"
)

// Session is a connection on which a user is logged on.
type Session struct {
	Server     string
	Security   string // "NONE", "40", "56", "128" or "TLS"
	Name       string // of the device
	HardwareID hwid.ID
	Licensed   Licensed

	conn *rdpconn.Conn
	log  *eventlog.Log
}

// Connect goes the whole way to a logged-on session. ctx ends it; it has no effect
// on the session. The error is an *UnreachableError, a *RefusedError or a
// *LogonError, that of the license store, or wraps ctx's.
func Connect(ctx context.Context, config *Config) (*Session, error) {
	s, err := License(ctx, config)
	if err != nil {
		return nil, err
	}
	c := *config
	c.fill()
	if err := c.logon(ctx, s); err != nil {
		s.conn.Close()
		return nil, err
	}
	return s, nil
}

// License goes as far as the end of the licensing phase: nobody has logged on to the
// session, and all that is left to do with it is Close.
func License(ctx context.Context, config *Config) (*Session, error) {
	c := *config
	c.fill()
	s := &Session{Server: c.Server, log: c.Log}
	if err := c.forget(); err != nil {
		return nil, err
	}
	s.Name = c.Name
	id, err := hardwareID(c.Store, c.Persona, c.HardwareID, c.Rand)
	if err != nil {
		return nil, err
	}
	s.HardwareID = id
	if s.conn, err = c.dial(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, c.interrupted(ctx)
		}
		c.event(eventlog.ClientUnreachable, eventlog.F("server", c.Server), eventlog.F("reason", err))
		return nil, &UnreachableError{c.Server, err}
	}
	s.Security = s.conn.Security()
	c.event(eventlog.ClientConnected, eventlog.F("server", c.Server), eventlog.F("security", s.Security))
	stop := context.AfterFunc(ctx, func() { s.conn.Abort() })
	defer stop()
	if err := c.license(s); err != nil {
		s.conn.Abort()
		if ctx.Err() != nil {
			return nil, c.interrupted(ctx)
		}
		return nil, c.refused(s, err)
	}
	return s, nil
}

// maxName is how long the name of a device may be.
const maxName = 15

// forget makes the device what it is not from one connection to the next.
func (c *Config) forget() error {
	random := c.Rand
	if random == nil {
		random = rand.Reader
	}
	if c.FreshName {
		var n [4]byte
		if _, err := io.ReadFull(random, n[:]); err != nil {
			return fmt.Errorf("name of the device: %w", err)
		}
		c.Name = fmt.Sprintf("%.*s-%X", maxName-9, c.Name, n)
	}
	if !c.FreshID {
		return nil
	}
	c.HardwareID = hwid.ID{}
	return c.Store.Wipe(false, true)
}

// interrupted is the error of a connection that ctx has ended: it says nothing
// about the server.
func (c *Config) interrupted(ctx context.Context) error {
	return fmt.Errorf("connection to %s given up: %w", c.Server, ctx.Err())
}

func (c *Config) fill() {
	if server, err := hostport.Parse(c.Server, DefaultPort); err == nil { // else dialing says what is wrong with it
		c.Server = server
	}
	setDefault(&c.DialTimeout, DefaultDialTimeout)
	setDefault(&c.Desktop, rdp.Desktop{Width: 800, Height: 600, Bpp: 16})
	setDefault(&c.StepTimeout, DefaultStepTimeout)
	setDefault(&c.LogonTimeout, DefaultLogonTimeout)
}

func setDefault[T comparable](d *T, value T) {
	var zero T
	if *d == zero {
		*d = value
	}
}

func (c *Config) event(kind eventlog.Kind, fields ...eventlog.Field) {
	if c.Log != nil {
		c.Log.Event(kind, fields...)
	}
}

// dial is the connection up to and including Client Info. A device that takes both
// security protocols speaks the one of its age first: who offers TLS in the
// negotiation cannot say that it would rather not.
func (c *Config) dial(ctx context.Context) (*rdpconn.Conn, error) {
	if c.Security != rdpconn.Both {
		return c.dialWith(ctx, c.Security)
	}
	conn, err := c.dialWith(ctx, rdpconn.RDPOnly)
	if peer, ok := errors.AsType[*rdpconn.PeerError](err); ok && peer.Err == rdpconn.ErrNegotiation && peer.Code == uint32(rdp.FailSSLRequired) {
		return c.dialWith(ctx, rdpconn.TLSOnly)
	}
	return conn, err
}

func (c *Config) dialWith(ctx context.Context, security rdpconn.Protocols) (*rdpconn.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.DialTimeout)
	defer cancel()
	dial := c.Dial
	if dial == nil {
		dial = func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}
	}
	nc, err := dial(ctx, c.Server)
	if err != nil {
		return nil, err
	}
	return rdpconn.Dial(ctx, nc, &rdpconn.ClientConfig{
		Protocols: security, Encryption: c.Encryption, TLS: c.tls(),
		ClientName: c.Name, Build: c.Persona.Build, Desktop: c.Desktop,
		Domain: c.Domain, User: c.User, Password: c.Password,
		EncryptLicensing: c.EncryptLicensing, SaltedMAC: c.SaltedMAC, SlowPath: c.SlowPath,
		Rand: c.Rand, StepTimeout: c.StepTimeout, Transcript: c.Transcript,
	})
}

// license goes through the licensing phase.
func (c *Config) license(s *Session) error {
	x := exchange{
		conn: s.conn, store: c.Store, persona: c.Persona, id: s.HardwareID,
		user: c.User, machine: c.Name, random: c.Rand, noStore: c.NoStore,
	}
	var err error
	if s.Licensed, err = x.run(); err != nil {
		return err
	}
	if s.Licensed.Stored == nil {
		c.event(eventlog.ClientAccepted)
		return nil
	}
	kind, id, expires := describe(s.Licensed.Stored.License)
	happened := eventlog.ClientLicensed
	if c.NoStore {
		happened = eventlog.ClientNotStored
	}
	c.event(happened, eventlog.F("kind", kind), eventlog.F("license_id", id), eventlog.F("expires", expires))
	return nil
}

// describe is what an event says of a license. A real device does not look inside.
func describe(blob []byte) (kind, id, expires string) {
	t, err := token.Parse(blob)
	if err != nil {
		return "foreign license", fmt.Sprintf("of %d bytes", len(blob)), "unknown"
	}
	if t.Expires.IsZero() {
		return t.Kind.String(), t.LicenseID, "never"
	}
	return t.Kind.String(), t.LicenseID, t.Expires.Format(time.RFC3339)
}

// refused makes what ended the licensing phase a RefusedError.
func (c *Config) refused(s *Session, err error) error {
	refused := &RefusedError{Server: c.Server, Security: s.Security, Licensed: s.Licensed, Reason: err.Error(), Err: err}
	if alert, ok := errors.AsType[*licensing.AlertError](err); ok {
		refused.Alert, refused.Sent = alert.Alert, alert.Sent
		if !alert.Sent {
			refused.Reason = fmt.Sprintf("%s (%v)", refusalText(alert.Alert.Code), alert.Alert)
		}
	}
	if peer, ok := errors.AsType[*rdpconn.PeerError](err); ok {
		refused.ErrorInfo = peer.Code
	}
	c.event(eventlog.ClientRefused, eventlog.F("server", c.Server), eventlog.F("reason", refused.Reason))
	return refused
}
