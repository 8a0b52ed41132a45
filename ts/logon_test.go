package ts_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdp"
)

// atLogon is a client that came through licensing without a password.
func (l *lab) atLogon(t *testing.T, user, password string) *peer {
	t.Helper()
	p := l.peer(t, func(c *rdpconn.ClientConfig) { c.User, c.Password = user, password }).begin()
	data := licensing.AppendResponseData(nil, licensing.ResponseData{Form: licensing.FormEcho, Challenge: p.challenged()})
	p.write(licensing.SealResponse(p.keys, data, peerID))
	if alert, ok := p.read().(*licensing.ErrorAlert); !ok || !alert.IsValidClient() {
		t.Fatalf("answered with %v", alert)
	}
	if err := p.Activate(rdp.Desktop{}); err != nil {
		t.Fatal(err)
	}
	return p
}

// keys types scancodes.
func (p *peer) typing(codes ...uint16) {
	p.t.Helper()
	for _, code := range codes {
		press := rdp.InputEvent{Kind: rdp.InputKey, Code: code}
		release := press
		release.Flags = rdp.KeyRelease
		if err := p.WriteInput([]rdp.InputEvent{press, release}); err != nil {
			p.t.Fatal(err)
		}
	}
}

// until reads what is drawn until the user is logged on, a logon has failed, or the
// connection ends.
func (p *peer) until() string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { p.Abort() })
	defer stop()
	for {
		u, err := p.ReadUpdate()
		switch {
		case ctx.Err() != nil:
			return "nothing"
		case err != nil:
			return "the end"
		case u.LogonFailed:
			return "failed: " + u.LogonReason.String()
		case u.Logon:
			return "logged on"
		}
	}
}

// lab is the scancodes of the three letters.
var labKeys = []uint16{0x26, 0x1e, 0x30}

const (
	tabKey   = 0x0f
	enterKey = 0x1c
	wrongKey = 0x2d // x
)

func TestTypedLogon(t *testing.T) {
	l := newLab(t, nil)
	p := l.atLogon(t, "", "")
	p.typing(labKeys...)
	p.typing(tabKey)
	p.typing(labKeys...)
	p.typing(enterKey)
	if got := p.until(); got != "logged on" {
		t.Errorf("after typing: %s", got)
	}
	if e := l.await(t, "session.started"); e.Fields["user"] != "lab" {
		t.Errorf("event: %+v", e)
	}
	if screens := l.Screens(); len(screens) != 1 || screens[0].User != "lab" || screens[0].Image.Rect.Dx() != 640 {
		t.Errorf("screens: %+v", screens)
	}
}

func TestUnicodeLogon(t *testing.T) {
	users, err := ts.NewUsers("lab", "p😀ß")
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, func(c *ts.Config) { c.Users = users })
	p := l.atLogon(t, "lab", "")
	var events []rdp.InputEvent
	for _, unit := range []uint16{'p', 0xd83d, 0xde00, 'ß', '\r'} {
		events = append(events, rdp.InputEvent{Kind: rdp.InputUnicode, Code: unit}, rdp.InputEvent{Kind: rdp.InputUnicode, Flags: rdp.KeyRelease, Code: unit})
	}
	if err := p.WriteInput(events); err != nil {
		t.Fatal(err)
	}
	if got := p.until(); got != "logged on" {
		t.Errorf("after typing: %s", got)
	}
}

// TestThreeTries sends a user away who does not know the password.
func TestThreeTries(t *testing.T) {
	l := newLab(t, nil)
	p := l.atLogon(t, "lab", "wrong")
	for try := range 3 {
		if got := p.until(); got != "failed: unknown user name or wrong password" {
			t.Fatalf("try %d: %s", try+1, got)
		}
		if try < 2 {
			p.typing(wrongKey, enterKey)
		}
	}
	if got := p.until(); got != "the end" {
		t.Errorf("after three tries: %s", got)
	}
	l.stop()
	if count := l.count(); count["logon.failed"] != 3 || count["session.started"] != 0 || count["connection.refused"] != 1 {
		t.Errorf("events: %v", count)
	}
}

// closings is a listener that tells when the server has closed a connection.
type closings struct {
	net.Listener
	closed chan struct{}
}

func (c closings) Accept() (net.Conn, error) {
	nc, err := c.Listener.Accept()
	return closing{nc, sync.OnceFunc(func() { close(c.closed) })}, err
}

type closing struct {
	net.Conn
	tell func()
}

func (c closing) Close() error {
	defer c.tell()
	return c.Conn.Close()
}

// TestLeavesAfterWrong: who leaves after a failed logon is not refused besides; who
// leaves without a try is, as nothing else tells of it.
func TestLeavesAfterWrong(t *testing.T) {
	for password, refused := range map[string]int{"wrong": 0, "": 1} {
		closed := make(chan struct{})
		l := newLab(t, func(c *ts.Config) { c.Listener = closings{c.Listener, closed} })
		p := l.atLogon(t, "lab", password)
		if password != "" {
			p.until()
		}
		p.Close()
		<-closed
		l.stop()
		if count := l.count(); count["connection.refused"] != refused || count["logon.failed"] != 1-refused {
			t.Errorf("password %q: events %v", password, count)
		}
	}
}

// TestRightAfterWrong logs on at the second try, and only then counts as logged on.
func TestRightAfterWrong(t *testing.T) {
	l := newLab(t, nil)
	p := l.atLogon(t, "lab", "wrong")
	if got := p.until(); got != "failed: unknown user name or wrong password" {
		t.Fatal(got)
	}
	p.typing(labKeys...)
	p.typing(enterKey)
	if got := p.until(); got != "logged on" {
		t.Errorf("at the second try: %s", got)
	}
}

func TestNobodyLogsOn(t *testing.T) {
	l := newLab(t, func(c *ts.Config) { c.Limits.Logon = 50 * time.Millisecond })
	p := l.atLogon(t, "lab", "")
	if got := p.until(); got != "the end" {
		t.Errorf("at an empty logon screen: %s", got)
	}
}

// TestScreenFollowsTheCalendar moves the calendar under a session.
func TestScreenFollowsTheCalendar(t *testing.T) {
	l := newLab(t, nil)
	p := l.atLogon(t, "lab", "lab")
	if got := p.until(); got != "logged on" {
		t.Fatal(got)
	}
	drawn := func() (n int) {
		for {
			u, err := p.ReadUpdate()
			if err != nil {
				t.Fatal(err)
			}
			if n += len(u.Rects); n > 0 {
				return n
			}
		}
	}
	whole := 0
	for whole < 100 { // 640 by 480 in tiles of 64 by 48
		whole += drawn()
	}
	for _, by := range []time.Duration{day, 40 * day, -time.Hour} {
		if err := l.clock.Advance(t.Context(), by); err != nil {
			t.Fatal(err)
		}
		if n := drawn(); n >= whole {
			t.Errorf("moved by %v: %d tiles", by, n)
		}
	}
}
