package policy

import (
	"time"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

const day = 24 * time.Hour

// Source draws a number from 0 to n-1, each as likely as the other;
// *rand.Rand of math/rand/v2 is one.
type Source interface{ IntN(n int) int }

// Expires is the end of a token that is issued or renewed now; the zero time means
// that it has none. A CAL's life is drawn from the edition's span of days, both
// ends included, and is stamped only if both ends know expiry.
func Expires(kind token.Kind, now time.Time, p *edition.Profile, f tsls.Features, draw Source) time.Time {
	switch kind {
	case token.Temporary:
		return now.Add(time.Duration(p.TempDays) * day)
	case token.CAL:
		if f.Has(tsls.FeatureExpiry) {
			return endOf(p.CALLife, now, draw)
		}
	case token.BuiltIn:
		return endOf(p.BuiltinExpiry, now, draw)
	}
	return time.Time{}
}

func endOf(l edition.Life, now time.Time, draw Source) time.Time {
	if l.Unlimited() {
		return time.Time{}
	}
	days := l.Min
	if span := l.Max - l.Min; span > 0 {
		days += draw.IntN(span + 1)
	}
	return now.Add(time.Duration(days) * day)
}

// Expired reports a token past its end; on the last second it is still valid.
func Expired(expires, now time.Time) bool {
	return !expires.IsZero() && now.After(expires)
}

// Returns reports whether what has expired is free again by itself: in an edition
// that returns no CAL an expired one stays taken (L14).
func Returns(kind token.Kind, p *edition.Profile) bool {
	return kind != token.CAL || p.AutoReturn
}

// StepTooLarge reports a calendar that jumped ahead further than the edition's
// max_step since the last look: the sweeper must then return nothing (L14).
func StepTooLarge(last, now time.Time, p *edition.Profile) bool {
	return !last.IsZero() && now.Sub(last) > p.MaxStep
}
