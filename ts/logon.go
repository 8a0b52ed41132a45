package ts

import (
	"context"
	"errors"
	"fmt"
	"image"
	"time"
	"unicode/utf16"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ts/screen"
	"github.com/tslab/tslab/wire/rdp"
)

// maxTries is how often a client may fail to log on before it is sent away.
const maxTries = 3

// internetUser is the account of all anonymous sessions in Internet Connector mode.
const internetUser = "TSInternetUser"

// logon lets the user in: by the password in Client Info if there is one, else by
// the logon screen.
func (d *desk) logon(ctx context.Context) error {
	if d.license.outcome.AsInternetUser {
		d.user = internetUser
		d.loggedOn()
		return nil
	}
	info := d.conn.Info()
	form := screen.NewLogon(d.server.config.Host, d.license.machine, d.known(info.User), security(d.conn))
	form.Hint = d.server.config.LogonHint
	tries := 0
	if info.User != "" && info.Password != "" {
		if d.try(info.User, info.Password) {
			return nil
		}
		tries++
		if err := d.failed(form, tries); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, d.server.config.Limits.Logon)
	defer cancel()
	for ; tries < maxTries; tries++ {
		if err := d.ask(ctx, form); err != nil {
			return d.gaveUp(err, tries)
		}
		if d.try(form.User, form.Password) {
			return nil
		}
		if err := d.failed(form, tries+1); err != nil {
			return err
		}
	}
	return fmt.Errorf("%d failed logons from %s", maxTries, d.license.machine)
}

// gaveUp is why nobody logged on. Of who leaves after a failed logon that is told, and
// the server refuses nothing.
func (d *desk) gaveUp(err error, tries int) error {
	if tries > 0 && d.broke(err) == clientLeft {
		return &refusal{cause: err, decided: true}
	}
	return err
}

// known is the name that the client sent if it is a user's here. Clients that were
// told none send that of whoever sits at them, which would only stand in the way.
func (d *desk) known(name string) string {
	if d.server.config.Users.Has(name) {
		return name
	}
	return ""
}

// failed tells the user that a logon failed, and the client if it understands.
func (d *desk) failed(form *screen.Logon, tries int) error {
	form.Fail(left(tries))
	return d.conn.WriteLogonError(rdp.LogonBadPassword)
}

func left(tries int) string {
	if n := maxTries - tries; n > 1 {
		return fmt.Sprintf("Unknown user name or wrong password. %d tries left.", n)
	}
	return "Unknown user name or wrong password. One try left."
}

// try checks one password.
func (d *desk) try(user, password string) bool {
	name, err := d.server.config.Users.Check(user, password)
	if err != nil {
		d.server.config.Events.Event(eventlog.LogonFailed, eventlog.F("user", user),
			eventlog.F("device", d.license.machine), eventlog.F("reason", err.Error()))
		return false
	}
	d.user = name
	d.loggedOn()
	return true
}

func (d *desk) loggedOn() {
	d.server.config.Events.Event(eventlog.LogonSucceeded, eventlog.F("user", d.user),
		eventlog.F("device", d.license.machine), eventlog.F("hardware_id", d.license.hardware.String()))
}

// ask shows the logon screen until the user wants to log on.
func (d *desk) ask(ctx context.Context, form *screen.Logon) error {
	var keys keys
	for {
		if err := d.draw(d.server.painter.Logon(form, d.size)); err != nil {
			return err
		}
		select {
		case events, ok := <-d.input:
			if !ok {
				return fmt.Errorf("at the logon screen: %w", d.left)
			}
			for _, e := range events {
				if d.press(form, &keys, e) {
					return nil
				}
			}
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("nobody logged on within %v", d.server.config.Limits.Logon.Round(time.Second))
			}
			return ctx.Err()
		}
	}
}

// keys is the client's keyboard.
type keys struct {
	screen.Keyboard
	surrogate rune // first half of a Unicode character
}

// toggleCaps is the flag of Caps Lock in a synchronize event, MS-RDPBCGR 2.2.8.1.1.3.1.1.5.
const toggleCaps = 0x0004

// press gives one input event to the form and reports whether it asks to log on.
func (d *desk) press(form *screen.Logon, k *keys, e rdp.InputEvent) bool {
	switch e.Kind {
	case rdp.InputSync:
		k.Sync(e.Code&toggleCaps != 0)
	case rdp.InputKey:
		return form.Press(k.Scan(uint8(e.Code), e.Flags&rdp.KeyExtended != 0, e.Flags&rdp.KeyRelease != 0))
	case rdp.InputUnicode:
		if e.Flags&rdp.KeyRelease == 0 {
			return form.Press(k.unicode(rune(e.Code)))
		}
	case rdp.InputMouse:
		if e.Flags&rdp.PointerDown != 0 && e.Flags&rdp.PointerButton1 != 0 {
			return d.server.painter.Click(form, image.Pt(int(e.X), int(e.Y)), d.size)
		}
	}
	return false
}

// unicode makes a key of a UTF-16 code unit.
func (k *keys) unicode(unit rune) screen.Key {
	first := k.surrogate
	k.surrogate = 0
	switch {
	case unit == '\t':
		return screen.Key{Name: screen.Tab}
	case unit == '\r' || unit == '\n':
		return screen.Key{Name: screen.Enter}
	case unit == '\b':
		return screen.Key{Name: screen.Backspace}
	case unit < ' ':
		return screen.Key{}
	case !utf16.IsSurrogate(unit):
		return screen.Key{Name: screen.Rune, Rune: unit}
	case first != 0:
		return screen.Key{Name: screen.Rune, Rune: utf16.DecodeRune(first, unit)}
	}
	k.surrogate = unit
	return screen.Key{}
}
