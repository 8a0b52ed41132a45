package ts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/ts/screen"
	"github.com/tslab/tslab/wire/rdp"
)

// errInfoLogoff is the reason of a session that ended as it should: logoff by the
// user, MS-RDPBCGR 2.2.5.1.1.
const errInfoLogoff = 0x0C

// serve takes one connection through its life. Whatever happens in it stays in it.
func (s *Server) serve(ctx context.Context, g *guest) {
	peer := g.RemoteAddr().String()
	err := s.connection(ctx, g, peer)
	if evicted := s.door.leave(g); evicted != "" {
		err = errors.New(evicted)
	}
	g.Close()
	var r *refusal
	if err != nil && !(errors.As(err, &r) && r.decided) {
		s.config.Events.Event(eventlog.ConnectionRefused, eventlog.F("peer", peer), eventlog.F("reason", err.Error()))
	}
}

// connection returns why the connection did not come to a session.
func (s *Server) connection(ctx context.Context, g *guest, peer string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: %v\n%s", p, debug.Stack())
		}
	}()
	config := s.rdp
	config.Transcript = s.transcript.of(peer)
	conn, err := rdpconn.Accept(ctx, g, &config)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() }) // the server stops
	defer stop()
	defer conn.Close()
	s.config.Events.Event(eventlog.ConnectionAccepted, eventlog.F("peer", peer),
		eventlog.F("device", conn.ClientName()), eventlog.F("security", security(conn)))

	defer s.seats.leave(conn)
	l, err := s.license(ctx, conn)
	if err != nil {
		return fmt.Errorf("licensing of %s: %w", conn.ClientName(), err)
	}
	desktop := desktopFor(conn.Desktop())
	if err := conn.Activate(desktop); err != nil {
		return err
	}
	switch {
	case l.refusal != nil && l.refusal.atLogon:
		return errors.Join(l.refusal, conn.WriteLogonError(rdp.LogonBadPassword))
	case l.refusal != nil:
		return errors.Join(l.refusal, conn.SetErrorInfo(l.refusal.errorInfo))
	case l.full:
		return s.sendAway(conn, l)
	}
	s.seats.take(conn, func(int) bool { return true }) // if the gate has not given it one
	if !stop() {
		return ctx.Err()
	}
	return s.desk(ctx, g, conn, l, desktop) // says good-bye itself
}

// desktopFor is the desktop that a client gets for the one that it asks for.
func desktopFor(d rdp.Desktop) rdp.Desktop {
	return rdp.Desktop{
		Width:  min(max(d.Width, screen.MinWidth), screen.MaxWidth),
		Height: min(max(d.Height, screen.MinHeight), screen.MaxHeight),
		Bpp:    uint16(screen.NewEncoder(int(d.Bpp)).Depth()),
	}
}

// security names the connection's protection for people.
func security(c *rdpconn.Conn) string {
	switch s := c.Security(); s {
	case "TLS":
		return s
	case "NONE":
		return "RDP, not encrypted"
	default:
		return "RDP, " + s + " bit"
	}
}

// refuse says why a connection was not even begun.
func (s *Server) refuse(c net.Conn, why string) {
	c.Close()
	s.config.Events.Event(eventlog.ConnectionRefused, eventlog.F("peer", c.RemoteAddr().String()), eventlog.F("reason", why))
}
