package ts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// connectorToken is the Internet Connector license that lies on this terminal
// server while the mode is on.
type connectorToken struct {
	LicenseID  string    `json:"license_id"`
	HardwareID hwid.ID   `json:"hardware_id"` // that the terminal server has it under
	Issuer     string    `json:"issuer"`
	Server     string    `json:"server"`  // its license server's name
	Address    string    `json:"address"` // and where it is given back
	Since      time.Time `json:"since"`
	License    []byte    `json:"license"`
	Password   string    `json:"password"` // of TSInternetUser, as the mode set it up
}

// accountName is the file of the state folder that is the local account
// TSInternetUser. The server logs anonymous users on with the password that it gave
// the account; when an administrator changes the account, that fails.
const accountName = "TSInternetUser.json"

type account struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

// The self-repair of the account: as long as event 1007 says.
const (
	repairEvery = time.Minute
	repairTime  = 20 * time.Minute
)

// connector is the Internet Connector mode of Windows 2000: the account that all its
// sessions are of, and the incident when that cannot log on.
type connector struct {
	server *Server
	path   string // of the account

	mu     sync.Mutex
	broken time.Time // since when the incident lasts; zero: there is none
	next   time.Time // when the account is repaired next; zero: not any more
}

func newConnector(s *Server) *connector {
	return &connector{server: s, path: filepath.Join(s.config.Dir, accountName)}
}

// works reports whether TSInternetUser can log on.
func (c *connector) works() bool {
	held := c.server.setup().connector
	if held == nil {
		return true
	}
	text, err := os.ReadFile(c.path)
	var a account
	return err == nil && json.Unmarshal(text, &a) == nil && a == account{internetUser, held.Password}
}

// write makes the account anew, or over what it has become.
func (c *connector) write(password string) error {
	text, err := json.Marshal(account{internetUser, password})
	if err != nil {
		return err
	}
	if err := durable.WriteFile(c.path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("account %s: %w", internetUser, err)
	}
	return nil
}

// failed begins an incident, unless one lasts, and reports whether it did: event
// 1007 is written once an incident.
func (c *connector) failed(now time.Time) (first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.broken.IsZero() {
		return false
	}
	c.broken, c.next = now, now.Add(repairEvery)
	c.server.wake()
	return true
}

// healed ends the incident.
func (c *connector) healed(how string) {
	c.mu.Lock()
	was := !c.broken.IsZero()
	c.broken, c.next = time.Time{}, time.Time{}
	c.mu.Unlock()
	if was {
		c.server.config.Events.Event(eventlog.InternetUserRepaired, eventlog.F("reason", how))
	}
}

// repairDue is when the server tries to repair the account; zero for not.
func (c *connector) repairDue() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next
}

// tryRepair is the repair that the server tries by itself, every minute for 20
// minutes.
func (c *connector) tryRepair(now time.Time) {
	held := c.server.setup().connector
	switch {
	case held == nil:
		c.healed("Internet Connector licensing is off")
		return
	case c.works(), c.write(held.Password) == nil:
		c.healed("the server has put it right")
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.next = c.next.Add(repairEvery); !c.next.After(now); c.next = c.next.Add(repairEvery) {
	}
	if c.next.After(c.broken.Add(repairTime)) {
		c.next = time.Time{} // it is for an administrator now
	}
}

// Operated is what came of an administrator's operation.
type Operated struct {
	Result string `json:"result"` // ok, refuse or no-op
	Rule   string `json:"rule,omitempty"`
	Text   string `json:"text"`
}

func operated(r policy.ConnectorResult) Operated {
	return Operated{Result: r.Result.String(), Rule: r.Rule, Text: r.Reason}
}

func refused(format string, args ...any) Operated {
	return Operated{Result: policy.OperationRefused.String(), Text: fmt.Sprintf(format, args...)}
}

// enable turns the mode on: it pulls one Internet Connector license from the license
// server onto this terminal server (rules I1 to I4).
func (c *connector) enable(ctx context.Context) (Operated, error) {
	s := c.server
	s.admin.mu.Lock()
	defer s.admin.mu.Unlock()
	now := s.setup()
	switch {
	case !now.profile.InternetConnector:
		return refused("%s has no Internet Connector mode", now.profile.Edition), nil
	case now.mode == policy.ModeAdmin:
		return refused("a terminal server for remote administration licenses nobody; set mode=device first"), nil
	}
	state := policy.Connector{On: now.connector != nil}
	if r := policy.EnableConnector(state); state.On {
		return operated(r), nil
	}
	held, err := c.pull(ctx, now, &state)
	if err != nil {
		return Operated{}, err
	}
	r := policy.EnableConnector(state)
	if r.Result != policy.OperationDone {
		return operated(r), nil
	}
	if err := c.write(held.Password); err != nil {
		return Operated{}, err
	}
	next := s.admin.stored
	next.Connector = held
	if err := s.admin.store(next); err != nil {
		return Operated{}, err
	}
	s.config.Events.Event(eventlog.ConnectorEnabled, eventlog.F("license_id", held.LicenseID), eventlog.F("server", held.Server))
	return operated(r), nil
}

// pull asks the license server for the license, and notes in state what it finds.
func (c *connector) pull(ctx context.Context, now *setup, state *policy.Connector) (*connectorToken, error) {
	s := c.server
	if now.licenseServer == "" {
		return nil, nil
	}
	_, info, err := s.catalog.call(ctx, now.licenseServer, tsls.Ping{})
	if err != nil {
		return nil, ctx.Err() // it is down, then
	}
	state.Up, state.Activated = true, info.Activated
	if !info.Activated {
		return nil, nil
	}
	e := now.profile.Edition
	device := c.hardware()
	answer, info, err := s.allocate(ctx, now.licenseServer, tsls.Allocate{
		Request: tsls.RequestInternetConnector, HardwareID: device, Machine: s.config.Host, User: internetUser,
		Mode: policy.ModeInternetConnector.String(), Edition: e.String(), Features: policy.Features(e),
	})
	if err != nil {
		state.Up = false
		return nil, ctx.Err()
	}
	if state.Free = answer.Answer.Issues(); !state.Free {
		return nil, nil
	}
	t, err := token.Parse(answer.License)
	if err != nil || t.Kind != token.InternetConnector {
		return nil, fmt.Errorf("license server %s sent no Internet Connector license: %w", info.Name, errors.Join(err))
	}
	return &connectorToken{
		LicenseID: t.LicenseID, HardwareID: device, Issuer: t.Issuer, Server: info.Name, Address: now.licenseServer,
		Since: s.config.Clock.Now(), License: answer.License, Password: rand.Text(),
	}, nil
}

// hardware is the id that the terminal server itself is licensed under: it follows
// from its host key.
func (c *connector) hardware() hwid.ID {
	sum := sha256.Sum256(c.server.catalog.id.Certificate.RawSubjectPublicKeyInfo)
	return hwid.New(0, [16]byte(sum[:16]))
}

// disable turns the mode off and gives the license back to the license server that
// issued it (rules I6 to I8, I11). It is given back before this server forgets it:
// who is interrupted in between disables once more.
func (c *connector) disable(ctx context.Context, force bool) (Operated, error) {
	s := c.server
	s.admin.mu.Lock()
	defer s.admin.mu.Unlock()
	held := s.setup().connector
	state := policy.Connector{On: held != nil, LiveSessions: s.seats.of(internetUser), Forced: force}
	if held != nil {
		_, info, err := s.catalog.call(ctx, held.Address, tsls.Ping{})
		if ctx.Err() != nil {
			return Operated{}, ctx.Err()
		}
		state.Up, state.Activated = err == nil, info.Activated
	}
	r := policy.DisableConnector(state)
	if r.Result != policy.OperationDone {
		return operated(r), nil
	}
	if err := c.giveBack(ctx, held, force); err != nil {
		return refused("the license server does not take the license back: %v", err), nil
	}
	next := s.admin.stored
	next.Connector = nil
	if err := s.admin.store(next); err != nil {
		return Operated{}, err
	}
	if err := os.RemoveAll(c.path); err != nil {
		return Operated{}, fmt.Errorf("account %s: %w", internetUser, err)
	}
	s.seats.end(internetUser)
	c.healed("Internet Connector licensing is off")
	s.config.Events.Event(eventlog.ConnectorDisabled, eventlog.F("license_id", held.LicenseID), eventlog.F("server", held.Server))
	return operated(r), nil
}

// giveBack returns the license. One that does not know it has lost its database, or
// is another: with force there is nothing to give back to it.
func (c *connector) giveBack(ctx context.Context, held *connectorToken, force bool) error {
	_, _, err := c.server.catalog.call(ctx, held.Address, tsls.Return{LicenseID: held.LicenseID, HardwareID: held.HardwareID})
	var answer tsls.Error
	if force && errors.As(err, &answer) && answer.Code == tsls.CodeNoLicense {
		return nil
	}
	return err
}

// repair deletes the account and makes it anew, as the text of event 1007 wants.
func (c *connector) repair() (Operated, error) {
	s := c.server
	s.admin.mu.Lock()
	defer s.admin.mu.Unlock()
	held := s.setup().connector
	switch {
	case held == nil:
		return refused("Internet Connector licensing is off, so there is no account %s", internetUser), nil
	case c.works():
		c.healed("an administrator has put it right")
		return Operated{Result: policy.OperationNothing.String(), Text: internetUser + " can log on"}, nil
	}
	if err := os.RemoveAll(c.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Operated{}, fmt.Errorf("account %s: %w", internetUser, err)
	}
	if err := c.write(held.Password); err != nil {
		return Operated{}, err
	}
	c.healed("an administrator has made it anew")
	return Operated{Result: policy.OperationDone.String(), Text: internetUser + " was deleted and made anew"}, nil
}

// setPassword changes the account as an administrator of the machine can, who does
// not know what it is for.
func (c *connector) setPassword(password string) (Operated, error) {
	if c.server.setup().connector == nil {
		return refused("Internet Connector licensing is off, so there is no account %s", internetUser), nil
	}
	if err := c.write(password); err != nil {
		return Operated{}, err
	}
	return Operated{Result: policy.OperationDone.String(), Text: "the password of " + internetUser + " is another one now"}, nil
}
