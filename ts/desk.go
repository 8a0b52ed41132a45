package ts

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"net"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/tslab/tslab/internal/crash"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/ts/screen"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// desk is what follows licensing: the logon, and the session that shows what the
// license system knows of the client.
type desk struct {
	server  *Server
	conn    *rdpconn.Conn
	guest   *guest
	license *licensed

	size  image.Point
	enc   *screen.Encoder
	shown *image.Paletted // what the client has on its screen
	user  string

	input chan []rdp.InputEvent // closed when the client has left; then left says why
	left  error
}

// desk runs until the client leaves or the server stops.
func (s *Server) desk(ctx context.Context, g *guest, conn *rdpconn.Conn, l *licensed, desktop rdp.Desktop) error {
	ctx, cancel := context.WithCancel(ctx)
	d := &desk{
		server: s, conn: conn, guest: g, license: l,
		size: image.Pt(int(desktop.Width), int(desktop.Height)), enc: screen.NewEncoder(int(desktop.Bpp)),
		input: make(chan []rdp.InputEvent),
	}
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		d.read(ctx)
	}()
	defer func() {
		cancel()
		conn.Close()
		<-reading
		s.screens.forget(d)
	}()
	if desktop.Bpp == 8 {
		if err := conn.WritePalette(screen.WirePalette()); err != nil {
			return err
		}
	}
	if err := d.logon(ctx); err != nil {
		return err
	}
	s.door.loggedOn(g)
	validated := d.mark(ctx)
	if err := conn.WriteLogon(); err != nil {
		return err
	}
	d.session(ctx, validated)
	return nil
}

// read hands on what the client does with keyboard and mouse, until it leaves.
func (d *desk) read(ctx context.Context) {
	defer close(d.input)
	defer func() {
		if p := recover(); p != nil {
			d.left = fmt.Errorf("internal error: %v\n%s", p, debug.Stack())
		}
	}()
	for {
		events, err := d.conn.ReadInput()
		if err != nil {
			d.left = err
			return
		}
		select {
		case d.input <- events:
		case <-ctx.Done():
			d.left = ctx.Err()
			return
		}
	}
}

// draw brings the client's screen up to date.
func (d *desk) draw(next *image.Paletted) error {
	rects := d.enc.Rects(d.shown, next)
	if len(rects) == 0 {
		return nil
	}
	d.shown = next
	if err := d.conn.WriteBitmap(rects); err != nil {
		return err
	}
	d.server.screens.show(d, next)
	return nil
}

// mark tells the license server that the holder of a temporary token has logged on.
// It is done before the client hears of its logon: who connects again at once is
// known to be validated.
func (d *desk) mark(ctx context.Context) (validated bool) {
	t, s := d.license.token, d.server
	if t == nil || t.Kind != token.Temporary {
		return false
	}
	if !d.license.outcome.Mark {
		return d.license.outcome.Pushed == policy.PushNone // kept and not to be marked: it was before
	}
	about := []eventlog.Field{
		eventlog.F("license_id", t.LicenseID), eventlog.F("hardware_id", d.license.hardware.String()),
		eventlog.F("device", d.license.machine), eventlog.F("user", d.user), eventlog.F("issuer", t.Issuer),
	}
	crash.Here("logon", crash.Asked)
	server, err := s.mark(ctx, tsls.Mark{
		LicenseID: t.LicenseID, HardwareID: d.license.hardware, Issuer: t.Issuer,
		Machine: d.license.machine, User: d.user, Expires: t.Expires,
	})
	crash.Here("logon", crash.Answered)
	if err != nil {
		s.config.Events.Event(eventlog.MarkFailed, append(about, eventlog.F("reason", err.Error()))...)
		return false
	}
	s.config.Events.Event(eventlog.LicenseMarked, append(about, eventlog.F("server", server))...)
	return true
}

// session draws until the client leaves.
func (d *desk) session(ctx context.Context, validated bool) {
	s := d.server
	s.seats.logOn(d.conn, Session{
		User: d.user, Device: d.license.machine, HardwareID: d.license.hardware.String(), Since: s.config.Clock.Now(),
	})
	about := []eventlog.Field{eventlog.F("user", d.user), eventlog.F("device", d.license.machine)}
	reason := d.show(ctx, validated, func() { s.config.Events.Event(eventlog.SessionStarted, about...) })
	s.seats.leave(d.conn) // who hears that it has ended can have its seat
	s.config.Events.Event(eventlog.SessionEnded, append(about, eventlog.F("reason", reason))...)
}

// show is the session itself; it calls began when the first screen was sent, or the
// connection broke under it: the user is logged on either way, and every session that
// ends has begun. It returns why it ended.
func (d *desk) show(ctx context.Context, validated bool, began func()) (reason string) {
	s := d.server
	f := forecast{
		profile: s.profile(), token: d.license.token, own: d.license.outcome.Pushed == policy.PushGrace,
		validated: validated, os: osOf(d.license.platform),
	}
	for {
		moved := s.moved()
		now := s.config.Clock.Now()
		f.server = s.facts(s.setup())
		page := d.page(f.phases(now))
		err := d.draw(s.painter.Session(page, now, d.size))
		if began != nil {
			began()
			began = nil
		}
		if err != nil {
			return d.broke(err)
		}
		if err := d.wait(ctx, page.NextChange(now), moved); err != nil {
			return d.farewell(ctx, err)
		}
	}
}

var errLeft = errors.New("the client left")

// wait returns nil when the calendar has come to t or was moved.
func (d *desk) wait(ctx context.Context, t time.Time, moved <-chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	due := make(chan error, 1)
	go func() { due <- d.server.config.Clock.SleepUntil(ctx, t) }()
	defer func() {
		cancel()
		<-due
	}()
	for {
		select {
		case _, ok := <-d.input:
			if !ok {
				return errLeft
			}
		case err := <-due:
			due <- nil
			return err
		case <-moved:
			return nil
		}
	}
}

// farewell ends the session in the protocol's way and says why it ended.
func (d *desk) farewell(ctx context.Context, err error) string {
	if errors.Is(err, errLeft) {
		return d.broke(d.left)
	}
	d.conn.SetErrorInfo(errInfoLogoff)
	d.conn.Close()
	if ctx.Err() != nil {
		return "the terminal server stopped"
	}
	return err.Error()
}

// clientLeft is why a session ends that its client ended.
const clientLeft = "the client left"

// broke says why the connection ended under the session.
func (d *desk) broke(err error) string {
	if errors.Is(err, rdpconn.ErrDisconnected) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return clientLeft
	}
	return "the connection broke: " + err.Error()
}

// page is what the session says.
func (d *desk) page(phases []screen.Phase) screen.Session {
	s, l := d.server, d.license
	page := screen.Session{
		Host: s.config.Host, Edition: s.profile().Edition.String(), Security: security(d.conn),
		User: d.user, Device: l.machine, Hardware: l.hardware, Reason: l.outcome.Reason, Phases: phases,
	}
	if t := l.token; t != nil {
		page.Kind, page.License, page.Issuer = kindName(t.Kind), t.LicenseID, t.Issuer
		page.Issued, page.Expires = t.Issued, t.Expires
	}
	return page
}

func kindName(k token.Kind) string {
	if k == token.CAL {
		return "CAL, permanent token"
	}
	return k.String() + " token"
}
