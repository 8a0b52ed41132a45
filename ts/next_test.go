package ts

import (
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/ts/screen"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

var start = time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)

const oneDay = 24 * time.Hour

func held(kind token.Kind, days int, e edition.Edition) *token.License {
	major, minor := e.Version()
	return &token.License{
		Kind: kind, LicenseID: "LAB-1", HardwareID: hwid.ID{1}, Version: token.Version{Major: major, Minor: minor},
		Issued: start, Expires: start.Add(time.Duration(days) * oneDay), Issuer: "LAB-LS",
	}
}

func TestForecast(t *testing.T) {
	ended := policy.Grace{State: policy.GraceEnded, Reason: policy.GraceLSContact}
	running := policy.Grace{State: policy.GraceRunning, Start: start, End: start.Add(90 * oneDay)}
	sp3, rtm := edition.W2KSP3(), edition.W2K()
	for name, tt := range map[string]struct {
		f    forecast
		want []string // a part of each phase's sentence
	}{
		"temporary, marked": {
			forecast{profile: &sp3, server: policy.Server{Grace: ended}, token: held(token.Temporary, 90, edition.SP3), validated: true},
			[]string{"a CAL if the license server has one free; if not, the temporary", "the temporary token has expired"},
		},
		"temporary, not marked": {
			forecast{profile: &sp3, server: policy.Server{Grace: ended}, token: held(token.Temporary, 90, edition.SP3)},
			[]string{"keeps the temporary token", "the temporary token has expired"},
		},
		"CAL": {
			forecast{profile: &sp3, server: policy.Server{Grace: ended}, token: held(token.CAL, 60, edition.SP3)},
			[]string{"no license server is asked", "renew the CAL", "this CAL has expired"},
		},
		"CAL of the first edition": {
			forecast{profile: &rtm, server: policy.Server{Grace: ended}, token: &token.License{Kind: token.CAL, HardwareID: hwid.ID{1}, Version: token.Version{Major: 5}, Issued: start}},
			[]string{"no license server is asked"},
		},
		"nothing, the grace period running": {
			forecast{profile: &sp3, server: policy.Server{Grace: running}},
			[]string{"the grace period admits it, until 2003-06-01 09:00 UTC", "gets a temporary token"},
		},
		"a token of the grace period": {
			forecast{profile: &sp3, server: policy.Server{Grace: running}, token: held(token.Temporary, 90, edition.SP3), own: true},
			[]string{"the grace period admits it, until 2003-06-01 09:00 UTC", "gets a temporary token"},
		},
		"nothing for an administrator": {
			forecast{profile: &sp3, server: policy.Server{Mode: policy.ModeAdmin}},
			[]string{"No license is asked for"},
		},
	} {
		f := tt.f
		f.server.Profile, f.server.Features = f.profile, tsls.Announced(f.profile.Edition)
		phases := f.phases(start)
		if len(phases) != len(tt.want) {
			t.Errorf("%s: phases %+v, want %d", name, phases, len(tt.want))
			continue
		}
		for i, want := range tt.want {
			if !strings.Contains(phases[i].Next, want) {
				t.Errorf("%s: phase %d says %q, want %q", name, i+1, phases[i].Next, want)
			}
		}
	}
}

// TestForecastIsASentence holds every text to the form of a sentence, for every
// edition, token and state.
func TestForecastIsASentence(t *testing.T) {
	for _, e := range edition.All() {
		for _, mode := range []policy.Mode{policy.ModeDevice, policy.ModeUser, policy.ModeInvalid, policy.ModeAdmin, policy.ModeInternetConnector} {
			for _, grace := range []policy.GraceState{policy.GraceNotStarted, policy.GraceRunning, policy.GraceEnded} {
				for _, kind := range []token.Kind{0, token.Temporary, token.CAL, token.BuiltIn} {
					for _, os := range []policy.OS{policy.OSOther, policy.OSProfessional, policy.OSMacintosh} {
						p := edition.Of(e)
						f := forecast{profile: &p, os: os, server: policy.Server{
							Profile: &p, Mode: mode, Features: tsls.Announced(e),
							Grace: policy.Grace{State: grace, Start: start, End: start.Add(90 * oneDay), Reason: "expired"},
						}}
						if kind != 0 {
							f.token = held(kind, 60, e)
						}
						for _, phase := range f.phases(start) {
							s := phase.Next
							if s == "" || !strings.HasSuffix(s, ".") || strings.Contains(s, "  ") || strings.Contains(s, ": .") || s[0] < 'A' || s[0] > 'Z' {
								t.Errorf("%v %v %v %v %v: %q", e, mode, grace, kind, os, s)
							}
						}
					}
				}
			}
		}
	}
}

func TestPhasesBeginNow(t *testing.T) {
	p := edition.W2KSP3()
	f := forecast{profile: &p, token: held(token.CAL, 60, edition.SP3), server: policy.Server{
		Profile: &p, Features: tsls.Announced(edition.SP3), Grace: policy.Grace{State: policy.GraceEnded},
	}}
	for after, want := range map[time.Duration]screen.Mood{0: screen.Good, 55 * oneDay: screen.Warn, 60 * oneDay: screen.Warn, 61 * oneDay: screen.Bad} {
		now := start.Add(after)
		phases := f.phases(now)
		if !phases[0].From.Equal(now) || phases[0].Mood != want {
			t.Errorf("after %v: %+v, want mood %v first", after, phases, want)
		}
	}
}
