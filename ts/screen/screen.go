// Package screen draws what a session of the terminal server shows: who the
// client is to the license system, and the logon before it. It is pure: what is to
// be said goes in, with the time, and pixels come out; [Rects] turns pixels into
// the bitmap updates of MS-RDPBCGR 2.2.9.1.1.3.1.2.
package screen

import (
	"image"
	"time"

	"github.com/tslab/tslab/wire/hwid"
)

// Smallest and largest desktop that is drawn; others are drawn as the nearest.
const (
	MinWidth, MinHeight = 200, 150
	MaxWidth, MaxHeight = 4096, 4096
)

// Painter draws screens. It keeps the letters it has drawn and may be used by
// many sessions at once.
type Painter struct{ fonts *fonts }

// NewPainter reads the fonts, which are part of the program.
func NewPainter() (*Painter, error) {
	f, err := newFonts()
	if err != nil {
		return nil, err
	}
	return &Painter{fonts: f}, nil
}

// Mood is the color in which the state of a license is told.
type Mood uint8

// The moods.
const (
	Plain Mood = iota
	Good
	Warn
	Bad
)

func (m Mood) tone() tone {
	return [...]tone{Plain: whiteOnPlain, Good: whiteOnGood, Warn: whiteOnWarn, Bad: whiteOnBad}[m]
}

// Phase is what holds from a moment on.
type Phase struct {
	From time.Time // the first phase holds from the beginning whatever it says
	Mood Mood
	Next string // what the next connection will do, one sentence
}

// Session is what the screen of a session says.
type Session struct {
	Host     string // the terminal server
	Edition  string // "w2k-sp3"
	Security string // "RDP 128 bit", "TLS"
	User     string
	Device   string // the client's machine name
	Hardware hwid.ID
	Kind     string // "temporary", "CAL", ...; empty when the client holds no license
	License  string // license id
	Issuer   string
	Issued   time.Time
	Expires  time.Time // zero when the license does not expire, or there is none
	Reason   string    // why the client was admitted, when there is no license
	Phases   []Phase   // in the order of time
}

// phase is the phase that holds at now.
func (s Session) phase(now time.Time) Phase {
	var current Phase
	for i, p := range s.Phases {
		if i == 0 || !now.Before(p.From) {
			current = p
		}
	}
	return current
}

const day = 24 * time.Hour

// NextChange is the first moment after now at which the screen says something
// else: the next full minute, or the end of a license or of a phase before that.
func (s Session) NextChange(now time.Time) time.Time {
	next := now.Truncate(time.Minute).Add(time.Minute)
	sooner := func(t time.Time) {
		if t.After(now) && t.Before(next) {
			next = t
		}
	}
	for i, p := range s.Phases {
		if i > 0 {
			sooner(p.From)
		}
	}
	if left := s.Expires.Sub(now); !s.Expires.IsZero() && left >= 0 {
		begun := (left - 1) / day // whole days that remain after the begun one
		if begun > 0 {
			sooner(s.Expires.Add(-begun * day))
		} else {
			sooner(s.Expires.Add(1))
		}
	}
	return next
}

// Session draws the screen of a session as it is at now.
func (p *Painter) Session(s Session, now time.Time, size image.Point) *image.Paletted {
	out := p.session(s, now, clamp(size))
	return out.paint(p.fonts)
}

func clamp(size image.Point) image.Point {
	return image.Pt(min(max(size.X, MinWidth), MaxWidth), min(max(size.Y, MinHeight), MaxHeight))
}
