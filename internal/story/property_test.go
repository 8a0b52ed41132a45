package story

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// shm is a new folder, in memory where the system has such a place.
func shm(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "story-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// Any sequence of connections, failed logons, reinstallations, days, calendars that
// are set wrong for a moment or for good, ahead and back, on one server or both,
// modes, license servers that are away, restarts and power cuts; in any edition, and
// in farms of two: no more CALs than there are, one live row a device and kind, no
// valid token is refused, nobody gets a second temporary one, no CAL without a logon
// after the hotfix, a grace period that never goes backwards, a restart and a power
// cut that change nothing, and a pool that is whole when all has expired.
//
// proves R15, R95, R96, R103, R104, R108, R111, R116
func TestAnySequence(t *testing.T) {
	rtm, sp3, net := edition.W2K(), edition.W2KSP3(), edition.WS2003()
	for _, tt := range []struct {
		name  string
		farms [][2]edition.Profile // terminal server, license server
	}{
		{"w2k-rtm", [][2]edition.Profile{{rtm, rtm}}},
		{"w2k-sp3", [][2]edition.Profile{{sp3, sp3}}},
		{"ws2003", [][2]edition.Profile{{net, net}}},
		{"mixed", [][2]edition.Profile{{rtm, sp3}, {sp3, rtm}, {rtm, net}, {sp3, net}, {net, sp3}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			house := newHouse(t)
			rapid.Check(t, func(rt *rapid.T) {
				farm := tt.farms[rapid.IntRange(0, len(tt.farms)-1).Draw(rt, "farm")]
				o := newOnlooker(newThin(rt, house, shm(t), farm[0], farm[1]), rt)
				defer func() { o.server.Close() }()
				rt.Repeat(o.steps())
				o.end()
			})
		})
	}
}

// steps are what may happen.
func (o *onlooker) steps() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"connect":        func(rt *rapid.T) { o.connects(rt, o.pick(rt), true) },
		"connect more":   func(rt *rapid.T) { o.connects(rt, o.pick(rt), true) },
		"fail to log on": func(rt *rapid.T) { o.connects(rt, o.pick(rt), false) },
		"reimage":        func(rt *rapid.T) { o.reimage(o.pick(rt)) },
		"forget":         func(rt *rapid.T) { d := o.pick(rt); d.blob, d.held = nil, token.License{} },
		"wait":           func(rt *rapid.T) { o.days(rapid.IntRange(0, 50).Draw(rt, "days")) },
		"jump":           o.jump,
		"wrong ts":       o.wrongTerminalServer,
		"set":            o.set,
		"confirm":        func(rt *rapid.T) { o.confirm(rt) },
		"cut":            func(*rapid.T) { o.up = !o.up },
		"mode":           o.changeMode,
		"kill":           func(rt *rapid.T) { o.unchanged(rt, o.kill) },
		"restart":        func(rt *rapid.T) { o.unchanged(rt, o.restart) },
		"install":        o.installs,
		"":               o.look,
	}
}

func (o *onlooker) pick(rt *rapid.T) *thinPC {
	return o.pcs[rapid.IntRange(0, len(o.pcs)-1).Draw(rt, "device")]
}

// jump sets all calendars wrong for a moment, ahead or back: no CAL becomes free but
// those that have ended before.
func (o *onlooker) jump(rt *rapid.T) {
	by := o.draw(rt)
	if o.doubts() { // back may be where it was believed
		return
	}
	o.passer()
	before := o.free()
	o.clock.add(by)
	o.status()
	o.passer()
	if free := o.free(); free != before {
		rt.Fatalf("a calendar that is %v wrong made %d free CALs of %d", by, free, before)
	}
	o.clock.add(-by)
	o.status()
}

// draw is by how much a calendar is set: by more than the license server believes.
func (o *onlooker) draw(rt *rapid.T) time.Duration {
	by := time.Duration(rapid.IntRange(3, 200).Draw(rt, "days")) * day
	if rapid.Bool().Draw(rt, "back") {
		return -by
	}
	return by
}

// wrongTerminalServer lets a device meet a terminal server whose calendar alone is
// wrong.
func (o *onlooker) wrongTerminalServer(rt *rapid.T) {
	o.ahead = o.draw(rt)
	o.connects(rt, o.pick(rt), rapid.Bool().Draw(rt, "logon"))
	o.ahead = 0
}

// set sets the calendars, and leaves them so.
func (o *onlooker) set(rt *rapid.T) {
	o.clock.add(o.draw(rt))
	o.status()
}

// confirm is an administrator who says that the calendar is right.
func (o *onlooker) confirm(rt *rapid.T) {
	doubted := o.doubts()
	if did := o.server.ConfirmClock(); did != doubted {
		rt.Fatalf("the calendar was in doubt: %v, want %v", did, doubted)
	}
	o.believed = o.clock.Now()
}

func (o *onlooker) changeMode(rt *rapid.T) {
	modes := []policy.Mode{policy.ModeDevice, policy.ModeDevice, policy.ModeAdmin}
	if o.profile.Edition == edition.Server2003 {
		modes = append(modes, policy.ModeUser, policy.ModeInvalid)
	}
	o.mode = rapid.SampledFrom(modes).Draw(rt, "mode")
}

func (o *onlooker) installs(rt *rapid.T) {
	if o.cals < 4 {
		o.install(rapid.Uint32Range(1, 2).Draw(rt, "CALs"))
	}
}

// state is all that a license server shows of itself.
type state struct {
	Info     tsls.Message
	Packs    tsls.Message
	Licenses tsls.Message
	Status   ls.Status
}

func (o *onlooker) state() state {
	o.t.Helper()
	return state{o.tell(tsls.Ping{}), o.tell(tsls.KeyPacks{}), o.tell(tsls.Licenses{}), o.status()}
}

// unchanged does what must change nothing; only that the calendar was in doubt is
// forgotten.
func (o *onlooker) unchanged(rt *rapid.T, f func()) {
	before, grace := o.state(), o.grace
	f()
	o.believed = o.clock.Now()
	before.Status.ClockDoubted = false
	if diff := cmp.Diff(before, o.state()); diff != "" {
		rt.Fatalf("the license server before and after (-before +after):\n%s", diff)
	}
	if o.grace != grace {
		rt.Fatalf("the grace period was %+v and is %+v", grace, o.grace)
	}
}

func (o *onlooker) connects(rt *rapid.T, d *thinPC, logon bool) {
	now, up, grace := o.now(), o.serves(), o.grace
	had := d.held
	valid := o.valid(d, now)
	if had.Kind == token.CAL && over(had, now) {
		o.lapsed[d.id] = true
	}
	for id, l := range o.out { // who asks gives its own back, whatever is thought of the calendar
		o.over[id] = o.over[id] || up && l.HardwareID == d.id && over(l, o.clock.Now())
	}
	result := o.connect(d, logon)
	rt.Logf("%s %s with %v valid %v logon %v: %s %v", o.mode, d.name, had.Kind, valid, logon, result.Rule, result.Pushed)
	if valid && !result.Admit {
		rt.Fatalf("%s: a valid %v is refused by %s", d.name, had.Kind, result.Rule)
	}
	if o.grace.State < grace.State || grace.State == policy.GraceRunning && !o.grace.End.Equal(grace.End) {
		rt.Fatalf("the grace period went from %+v to %+v", grace, o.grace)
	}
	if result.Admit && result.Pushed != policy.PushNone {
		o.given(rt, d, had, valid)
	}
	if result.Admit && logon && up && d.held.Kind == token.Temporary && o.mode != policy.ModeAdmin {
		o.logged[d.held.LicenseID] = true
	}
}

// given is a token that the device has got, for the one that it had.
func (o *onlooker) given(rt *rapid.T, d *thinPC, had token.License, valid bool) {
	switch d.held.Kind {
	case token.Temporary:
		if first := o.temps[d.id]; first != "" && first != d.held.LicenseID && !o.lapsed[d.id] {
			rt.Fatalf("%s had the temporary token %s and is given %s", d.name, first, d.held.LicenseID)
		}
		o.temps[d.id] = d.held.LicenseID
	case token.CAL:
		switch {
		case o.mode != policy.ModeDevice:
			rt.Fatalf("%s: a CAL in mode %v", d.name, o.mode)
		case had.Kind == token.Temporary && valid && o.marks && !o.logged[had.LicenseID]:
			rt.Fatalf("%s: a CAL, and nobody ever logged on", d.name)
		}
		o.out[d.held.LicenseID] = d.held
		delete(o.over, d.held.LicenseID)
		delete(o.temps, d.id)
		delete(o.lapsed, d.id)
	case token.BuiltIn:
		if d.os != policy.OSProfessional || o.profile.Edition == edition.Server2003 {
			rt.Fatalf("%s (%v) is given a built-in token", d.name, d.os)
		}
		delete(o.temps, d.id)
	}
}

// end lets everything expire that does.
func (o *onlooker) end() {
	o.confirm(o.rt)
	kept, last := uint32(0), o.clock.Now()
	for _, l := range o.out {
		switch {
		case l.Expires.IsZero():
			kept++
		case l.Expires.After(last):
			last = l.Expires
		}
	}
	o.days(int(last.Sub(o.clock.Now())/day) + 1)
	o.passer() // any request sees to what is due
	if free := o.free(); free != o.cals-kept {
		o.rt.Fatalf("%d free of %d after all expiries, %d kept", free, o.cals, kept)
	}
}
