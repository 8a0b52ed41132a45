package screen

import (
	"fmt"
	"strings"
	"time"
)

// row is one line of the table.
type row struct {
	label, value string
	mono         bool
	spare        int // rows of a higher number go first where space is short; 0 never goes
}

// boundary stands at the foot of every screen.
const boundary = "A lab's license: no Windows server issued it, and none accepts it."

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func longDate(t time.Time) string { return t.UTC().Format("Monday 2 January 2006, 15:04 UTC") }

// rows is the table.
func (s Session) rows(now time.Time) []row {
	rows := []row{
		{label: "Device", value: s.Device},
		{label: "Hardware id", value: grouped(s.Hardware.String()), mono: true, spare: 4},
	}
	if s.Kind == "" {
		rows = append(rows, row{label: "License", value: "none: " + orElse(s.Reason, "not needed")})
	} else {
		rows = append(rows,
			row{label: "Token kind", value: s.Kind, spare: 1},
			row{label: "License id", value: s.License, mono: true, spare: 2},
			row{label: "Issuer", value: s.Issuer, spare: 3},
			row{label: "Issued", value: date(s.Issued), spare: 6},
			row{label: "Expires", value: s.expires(now)},
		)
	}
	return append(rows,
		row{label: "Lab date", value: date(now), spare: 5},
		row{label: "User", value: s.User, spare: 7},
		row{label: "Edition", value: s.Edition, spare: 9},
		row{label: "Security", value: s.Security, spare: 8},
	)
}

func (s Session) expires(now time.Time) string {
	if s.Expires.IsZero() {
		return "never"
	}
	return date(s.Expires) + "  (" + s.left(now) + ")"
}

// left is the time left in days, a begun one counting. A license holds through its
// last moment.
func (s Session) left(now time.Time) string {
	switch left := s.Expires.Sub(now); {
	case left < 0:
		return "expired"
	case left <= day:
		return "last day"
	default:
		return fmt.Sprintf("%d days left", (left+day-1)/day)
	}
}

// headline is the license in three words.
func (s Session) headline(now time.Time) string {
	switch {
	case s.Kind == "":
		return "No license"
	case s.Expires.IsZero():
		return upperFirst(s.Kind)
	}
	return upperFirst(s.Kind) + ", " + s.left(now)
}

// upperFirst needs nothing but ASCII: the kinds are our own words.
func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// grouped puts a space after every eighth character.
func grouped(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 && i%8 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
