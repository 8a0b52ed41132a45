package ts

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/tslab/tslab/internal/crash"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

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
	crash.Here("connector", crash.Answered)
	if err := c.write(held.Password); err != nil {
		return Operated{}, err
	}
	next := s.admin.stored
	next.Connector, next.Returning = held, nil
	if err := s.admin.store(next); err != nil {
		return Operated{}, err
	}
	s.config.Events.Event(eventlog.ConnectorEnabled, eventlog.F("license_id", held.LicenseID), eventlog.F("server", held.Server))
	return operated(r), nil
}

// pull asks the license server for the license, and notes in state what it finds.
func (c *connector) pull(ctx context.Context, now *setup, state *policy.Connector) (*connectorToken, error) {
	s := c.server
	addr := s.catalog.inUse()
	if addr == "" {
		return nil, nil
	}
	_, info, err := s.catalog.call(ctx, addr, tsls.Ping{})
	if err != nil {
		return nil, ctx.Err() // it is down, then
	}
	state.Up, state.Activated = true, info.Activated
	if !info.Activated {
		return nil, nil
	}
	e := now.profile.Edition
	device := c.hardware()
	answer, info, err := s.allocate(ctx, addr, tsls.Allocate{
		Request: tsls.RequestInternetConnector, HardwareID: device, Machine: s.config.Host, User: internetUser,
		Mode: policy.ModeInternetConnector.String(), Edition: e.String(), Features: tsls.Announced(e),
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
		LicenseID: t.LicenseID, HardwareID: device, Issuer: t.Issuer, Server: info.Name, Address: addr,
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
// issued it (rules I6 to I8, I11). The mode is off on the disk before the license goes
// back, so that nobody uses one that another may have by then; that it is on its way is
// kept until the license server has confirmed. Who is interrupted disables once more.
func (c *connector) disable(ctx context.Context, force bool) (Operated, error) {
	s := c.server
	s.admin.mu.Lock()
	defer s.admin.mu.Unlock()
	held := cmp.Or(s.setup().connector, s.admin.stored.Returning)
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
	before, next := s.admin.stored, s.admin.stored
	next.Connector, next.Returning = nil, held
	if err := s.admin.store(next); err != nil {
		return Operated{}, err
	}
	if err := c.giveBack(ctx, held, force); err != nil {
		return c.notTaken(before, err)
	}
	crash.Here("connector off", crash.Answered)
	next.Returning = nil
	if err := s.admin.store(next); err != nil {
		return Operated{}, err
	}
	if err := c.off("Internet Connector licensing is off"); err != nil {
		return Operated{}, err
	}
	s.config.Events.Event(eventlog.ConnectorDisabled, eventlog.F("license_id", held.LicenseID), eventlog.F("server", held.Server))
	return operated(r), nil
}

// off does what follows from the mode being off.
func (c *connector) off(why string) error {
	if err := os.RemoveAll(c.path); err != nil {
		return fmt.Errorf("account %s: %w", internetUser, err)
	}
	c.server.seats.end(internetUser)
	c.healed(why)
	return nil
}

// notTaken is what becomes of a license that was not confirmed to be back. A license
// server that refuses it leaves everything as it was before; one that is silent may
// have it, so that the mode stays off.
func (c *connector) notTaken(before settings, err error) (Operated, error) {
	if _, ok := errors.AsType[tsls.Error](err); ok {
		if err := c.server.admin.store(before); err != nil {
			return Operated{}, err
		}
		return refused("the license server does not take the license back: %v", err), nil
	}
	if err := c.off("Internet Connector licensing is off"); err != nil {
		return Operated{}, err
	}
	return refused("the mode is off, and whether the license server has the license back is not known (%v); disable once more when it answers", err), nil
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
