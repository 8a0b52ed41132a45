package rules

import (
	"fmt"
	"time"

	"github.com/tslab/tslab/internal/edition"
	ls "github.com/tslab/tslab/ls/policy"
	ts "github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// A lab is a terminal server, a license server and devices in memory, which do
// what the two policies decide: no wire, no disk, any calendar.
type lab struct {
	server  *termServer
	license *licenseServer
	devices map[string]*device
	ids     uint32 // hardware ids given out
	now     time.Time
}

type device struct {
	id    hwid.ID
	os    ts.OS
	token *token.License
	// trusted is what vouches for the token at any terminal server: the
	// clearinghouse, or at least a known signer.
	rooted bool
	own    bool // the terminal server made it in its grace period
}

type termServer struct {
	profile edition.Profile
	mode    ts.Mode
	grace   ts.Grace
	events  []logged
}

// logged is an event with the day since the lab's start.
type logged struct {
	event ts.Event
	day   int
}

type licenseServer struct {
	profile   edition.Profile
	up        bool
	activated bool
	installed int // CALs
	rows      []*row
	ever      bool // has issued a permanent CAL
	next      int
}

// row is a line of the license server's store.
type row struct {
	token.License
	validated, closed, returned bool
}

func newLab(e edition.Edition, settings ...string) *lab {
	p := edition.Of(e)
	if err := p.SetAll(settings); err != nil {
		panic(err)
	}
	return &lab{
		server:  &termServer{profile: p},
		license: &licenseServer{profile: p, up: true, activated: true},
		devices: map[string]*device{},
		now:     now(),
	}
}

// device is the device of a name, new if it is not there yet.
func (l *lab) device(name string) *device {
	d := l.devices[name]
	if d == nil {
		d = &device{}
		l.devices[name] = d
		l.reimage(name)
	}
	return d
}

// reimage gives a device a new system: a new hardware id, and nothing stored.
func (l *lab) reimage(name string) {
	d := l.device(name)
	l.ids++
	d.id, d.token = hwid.New(l.ids, [16]byte{}), nil
}

// at moves the calendar to a moment, doing what is due on the way, in order.
func (l *lab) at(when time.Time) {
	p := &l.server.profile
	for {
		due := l.server.grace.NextDue(p)
		if due.IsZero() || due.After(when) {
			break
		}
		l.now = later(l.now, due)
		var duties []ts.Duty
		l.server.grace, duties = l.server.grace.Due(p, l.now)
		for _, d := range duties {
			l.log(d.Event)
		}
	}
	l.now = later(l.now, when)
	l.license.sweep(l.now)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (l *lab) log(e ts.Event) {
	l.server.events = append(l.server.events, logged{e, int(l.now.Sub(now()) / (24 * time.Hour))})
}

// poll is the terminal server's look for a license server.
func (l *lab) poll() {
	if l.license.up {
		l.server.grace = l.server.grace.ServerFound(&l.server.profile, l.license.ever)
	}
}

// connect is a client's connection with its logon. It returns the outcome and how
// many questions went to the license server.
func (l *lab) connect(name string, logon bool) (ts.Outcome, int) {
	d, s := l.device(name), l.server
	evidence := ts.Evidence{HardwareID: d.id, Rooted: d.rooted, KnownSigner: !d.own, Own: d.own}
	if d.token != nil {
		evidence.Presented, evidence.License = true, *d.token
	}
	features := tsls.Announced(s.profile.Edition) & tsls.Announced(l.license.profile.Edition)
	class := ts.Classify(&s.profile, l.now, evidence)
	decision := ts.Before(l.now, ts.Server{Profile: &s.profile, Mode: s.mode, Grace: s.grace, Features: features},
		ts.Client{Class: class.Class, OS: d.os})
	var answer ts.Answer
	var sent *row
	asked := 0
	if decision.Verb == ts.Ask && l.license.up {
		asked++
		answer, sent = l.license.answer(l.now, decision.Ask, d, &s.profile, features)
	}
	out := ts.After(decision, answer)
	s.grace = out.Grace
	for _, e := range out.Events {
		l.log(e)
	}
	switch {
	case out.Pushed == ts.PushGrace:
		major, minor := s.profile.Edition.Version()
		d.token = &token.License{Kind: token.Temporary, HardwareID: d.id, Version: token.Version{Major: major, Minor: minor}, Issued: out.Grace.Start, Expires: out.Grace.End}
		d.rooted, d.own = false, true
	case out.Admit && out.Pushed != ts.PushNone:
		held := sent.License
		d.token, d.rooted, d.own = &held, l.license.activated, false
	}
	if out.Admit && out.Mark && logon && l.license.up {
		l.license.mark(d)
	}
	return out, asked
}

// answer decides on a question and carries the decision out.
func (s *licenseServer) answer(at time.Time, q ts.Question, d *device, asker *edition.Profile, f tsls.Features) (ts.Answer, *row) {
	a := ts.Answer{Up: true, Activated: s.activated, CALIssuedEver: s.ever}
	if q.Ping {
		return a, nil
	}
	req := tsls.Allocate{Request: q.Request, Presented: q.Presented, HardwareID: d.id, Mode: q.Mode, Edition: asker.Edition.String()}
	st := ls.State{Activated: s.activated, Free: s.free() > 0}
	var held []ls.Held
	var mine []*row
	for _, r := range s.rows {
		if r.HardwareID == d.id {
			mine = append(mine, r)
			presented := d.token != nil && d.token.LicenseID == r.LicenseID
			held = append(held, ls.Held{Kind: r.Kind, Expires: r.Expires, Closed: r.closed, Presented: presented})
			if presented {
				st.Validated = r.validated
			}
		}
	}
	place := -1
	st.Row, place = ls.RowOf(held, at, &s.profile)
	got := ls.Decide(req, st, &s.profile, f)
	a.Code, a.Validated = got.Answer, got.Validated
	return a, s.carryOut(at, got, mine, place, d, f)
}

func (s *licenseServer) carryOut(at time.Time, got ls.Decision, mine []*row, place int, d *device, f tsls.Features) *row {
	if got.Kind == 0 {
		return nil
	}
	if got.CloseTemp {
		for _, r := range mine {
			r.closed = r.closed || r.Kind == token.Temporary
		}
	}
	if !got.NewRow {
		r := mine[place]
		if got.Redate {
			r.Issued, r.Expires = at, ls.Expires(got.Kind, at, &s.profile, f, shortest{})
		}
		return r
	}
	s.next++
	s.ever = s.ever || got.Kind == token.CAL
	major, minor := s.profile.Edition.Version()
	r := &row{License: token.License{
		Kind: got.Kind, LicenseID: fmt.Sprintf("LAB-%d", s.next), HardwareID: d.id,
		Version: token.Version{Major: major, Minor: minor},
		Issued:  at, Expires: ls.Expires(got.Kind, at, &s.profile, f, shortest{}),
	}}
	s.rows = append(s.rows, r)
	return r
}

// shortest is a source that draws the shortest life.
type shortest struct{}

func (shortest) IntN(int) int { return 0 }

func (s *licenseServer) mark(d *device) {
	for _, r := range s.rows {
		if d.token != nil && r.LicenseID == d.token.LicenseID {
			r.validated = true
		}
	}
}

// sweep returns what has expired to the pool.
func (s *licenseServer) sweep(at time.Time) {
	for _, r := range s.rows {
		r.returned = r.Kind == token.CAL && s.profile.AutoReturn && ls.Expired(r.Expires, at)
	}
}

// free is the number of CALs in the pool.
func (s *licenseServer) free() int {
	n := s.installed
	for _, r := range s.rows {
		if r.Kind == token.CAL && !r.returned {
			n--
		}
	}
	return n
}
