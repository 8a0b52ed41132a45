package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/wire/rdp"
)

var (
	errNoLogon     = errors.New("the server did not say in time that the user is logged on")
	errLogonScreen = errors.New("the server shows its logon screen: the user name or the password is wrong")
)

// logonScreen is how long a server that has begun to draw may take to say that the
// user is logged on. What it draws before may be its logon screen.
const logonScreen = time.Second

// logon activates the session and waits until the server says that the user is
// logged on.
func (c *Config) logon(outer context.Context, s *Session) error {
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	late := time.AfterFunc(c.LogonTimeout, func() { cancel(errNoLogon) })
	defer late.Stop()
	stop := context.AfterFunc(ctx, func() { s.conn.Abort() })
	defer stop()
	err := s.conn.Activate(rdp.Desktop{})
	for drawn := false; err == nil; {
		var update rdpconn.Update
		if update, err = s.conn.ReadUpdate(); err == nil && update.Logon {
			c.event(eventlog.ClientLoggedOn, eventlog.F("user", c.User))
			return nil
		}
		if err == nil && update.LogonFailed {
			err = errors.New(update.LogonReason.String())
			s.conn.Close()
		}
		if !drawn && len(update.Rects) > 0 {
			drawn = true
			screen := time.AfterFunc(logonScreen, func() { cancel(errLogonScreen) })
			defer screen.Stop()
		}
	}
	if outer.Err() != nil {
		return c.interrupted(outer)
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return c.logonFailed(s, err)
}

// logonFailed makes what ended a connection before the user was logged on a
// LogonError, or a RefusedError when the server says that it was licensing.
func (c *Config) logonFailed(s *Session, err error) error {
	var code uint32
	if peer, ok := errors.AsType[*rdpconn.PeerError](err); ok {
		code = peer.Code
		if text, licensing := licensingErrorInfo(code); licensing {
			return c.refused(s, fmt.Errorf("%s: %w", text, err))
		}
	}
	c.event(eventlog.ClientLogonFailed, eventlog.F("user", c.User), eventlog.F("server", c.Server), eventlog.F("reason", err))
	return &LogonError{Server: c.Server, User: c.User, ErrorInfo: code, Security: s.Security, Licensed: s.Licensed, Err: err}
}

// Stay reads what the server draws until ctx or the session ends, and leaves. The
// error is that of a session which did not end in one of the protocol's ways.
func (s *Session) Stay(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.conn.Close() })
	defer stop()
	for {
		_, err := s.conn.ReadUpdate()
		if err == nil {
			continue
		}
		s.conn.Close()
		if ctx.Err() != nil || errors.Is(err, rdpconn.ErrDisconnected) {
			s.left()
			return nil
		}
		return err
	}
}

// Close leaves.
func (s *Session) Close() error {
	err := s.conn.Close()
	s.left()
	return err
}

func (s *Session) left() {
	if s.log != nil {
		s.log.Event(eventlog.ClientDisconnected, eventlog.F("server", s.Server))
	}
}
