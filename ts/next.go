package ts

import (
	"fmt"
	"time"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/ts/screen"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// forecast tells what the next connection of a device will do, from now on and as
// time goes by: the rules are asked what they would do with the token then.
type forecast struct {
	profile   *edition.Profile
	server    policy.Server
	os        policy.OS
	token     *token.License // what the device holds, nil for nothing
	own       bool           // that is of this terminal server's grace period
	validated bool           // the temporary token is marked at its license server
}

// phases are the moments at which the answer changes.
func (f forecast) phases(now time.Time) []screen.Phase {
	moments := []time.Time{now}
	if f.token != nil && !f.token.Expires.IsZero() {
		near := f.token.Expires.Add(-time.Duration(f.profile.RenewWindowDays) * 24 * time.Hour)
		moments = append(moments, near, f.token.Expires.Add(time.Nanosecond))
	}
	if g := f.server.Grace; g.State == policy.GraceRunning {
		moments = append(moments, g.End)
	}
	var phases []screen.Phase
	for i, at := range moments {
		if i > 0 && !at.After(now) {
			continue
		}
		mood, next := f.at(at)
		if n := len(phases); n == 0 || phases[n-1].Next != next || phases[n-1].Mood != mood {
			phases = append(phases, screen.Phase{From: at, Mood: mood, Next: next})
		}
	}
	return phases
}

// at is the answer for a connection at that moment.
func (f forecast) at(at time.Time) (screen.Mood, string) {
	class := tsls.ClassNone
	if f.token != nil {
		class = policy.Classify(f.profile, at, policy.Evidence{
			Presented: true, License: *f.token, Rooted: !f.own, KnownSigner: !f.own, InCatalog: !f.own, Own: f.own, HardwareID: f.token.HardwareID,
		}).Class
	}
	server := f.server
	if server.Grace.Overdue(at) {
		server.Grace, _ = server.Grace.Due(f.profile, at)
	}
	d := policy.Before(at, server, policy.Client{Class: class, OS: f.os})
	switch {
	case d.Verb == policy.Admit && f.server.Mode == policy.ModeAdmin:
		return screen.Plain, "No license is asked for: this server is for remote administration."
	case d.Verb == policy.Admit && class == tsls.ClassNone:
		return screen.Plain, "It is admitted without a license: " + d.Outcome.Reason + "."
	case d.Verb == policy.Admit:
		return screen.Good, "It is admitted on this token alone; no license server is asked."
	case d.Verb == policy.Deny:
		return screen.Bad, "It is refused: " + d.Outcome.Reason + "."
	}
	return f.asked(class, d.Ask, server)
}

// asked is the answer where a license server has the say.
func (f forecast) asked(class tsls.Class, q policy.Question, server policy.Server) (screen.Mood, string) {
	covered := server.Grace.State != policy.GraceEnded
	switch {
	case f.server.Mode == policy.ModeUser && class != tsls.ClassNone:
		return screen.Good, "It is admitted on this token: licenses are counted per user."
	case q.Request == tsls.RequestBuiltIn:
		return screen.Warn, "It gets a token of the built-in pool, which its operating system brings along."
	case class == tsls.ClassTemporary && !f.validated && server.Features.Has(tsls.FeatureMark):
		return screen.Warn, "It keeps the temporary token, and its logon marks the token as validated; the connection after that gets a CAL."
	case class == tsls.ClassTemporary:
		return screen.Warn, "It gets a CAL if the license server has one free; if not, the temporary token serves until it expires."
	case class == tsls.ClassTemporaryExpired && !covered:
		return screen.Bad, "It gets a CAL if the license server has one free, and is refused if not: the temporary token has expired."
	case class == tsls.ClassTemporaryExpired:
		return screen.Warn, "It gets a CAL if the license server has one free; if not, the grace period admits it."
	case class == tsls.ClassPermNear:
		return screen.Warn, "It asks the license server to renew the CAL, which serves until it expires even if nobody answers."
	case class == tsls.ClassPermExpired && f.profile.ExpiredPermNoStock == edition.NoStockTemp:
		return screen.Bad, "It gets a CAL if the license server has one free, else a temporary token: this CAL has expired."
	case class == tsls.ClassPermExpired:
		return screen.Bad, "It gets a CAL if the license server has one free, and is refused if not: this CAL has expired."
	case covered:
		return screen.Warn, fmt.Sprintf("It gets a license once a license server answers; until then the grace period admits it%s.", graceEnd(server.Grace))
	case q.Request == tsls.RequestTemp:
		return screen.Plain, "It gets a temporary token, if the license server answers."
	}
	return screen.Plain, "It gets a CAL if the license server has one free, else a temporary token."
}

func graceEnd(g policy.Grace) string {
	if g.State != policy.GraceRunning {
		return ""
	}
	return ", until " + g.End.UTC().Format("2006-01-02 15:04 UTC")
}
