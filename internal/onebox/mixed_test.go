package onebox_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/onebox"
	"github.com/tslab/tslab/wire/token"
)

func profile(t *testing.T, name string, knobs ...string) edition.Profile {
	t.Helper()
	p, err := edition.Parse(name)
	if err == nil {
		err = p.SetAll(knobs)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// held is the token in the device's store.
func held(t *testing.T, c *client.Config) token.License {
	t.Helper()
	all := c.Store.Licenses()
	if len(all) != 1 {
		t.Fatalf("%d licenses in the store", len(all))
	}
	parsed, err := token.Parse(all[0].License)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.License
}

// TestMixedFarm is drill D24: terminal server and license server do together what
// both can. Only where both have the hotfix is there a mark and an expiry.
//
// proves R106
func TestMixedFarm(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ts, ls  string
		given   []string
		marks   int
		expires bool
	}{
		"R-TS and H-LS": {"w2k-rtm", "w2k-sp3", []string{"CAL", "nothing"}, 0, false},
		"H-TS and R-LS": {"w2k-sp3", "w2k-rtm", []string{"CAL", "nothing"}, 0, false},
		"H and H":       {"w2k-sp3", "w2k-sp3", []string{"temporary", "CAL"}, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := start(t, t.TempDir(), func(c *onebox.Config) {
				c.Profile, c.LicenseServer = profile(t, tt.ts), profile(t, tt.ls)
			})
			device := l.device(t, "PC-1")
			var got []string
			for range 2 {
				got = append(got, connect(t, device))
				if err := l.clock.Advance(t.Context(), day); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(tt.given, got); diff != "" {
				t.Errorf("given: -want +got\n%s", diff)
			}
			if license := held(t, device); license.Expires.IsZero() == tt.expires {
				t.Errorf("the CAL expires %v", license.Expires)
			}
			if n := l.log.events(t)["license.marked"]; n != tt.marks {
				t.Errorf("%d marks, want %d", n, tt.marks)
			}
		})
	}
}

// TestPatchedLater is the second half of D24: a CAL that was issued before the
// license server had the hotfix never expires, a later one does.
//
// proves R119
func TestPatchedLater(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	farm := func(ls string) func(*onebox.Config) {
		return func(c *onebox.Config) { c.Profile, c.LicenseServer = profile(t, "w2k-sp3"), profile(t, ls) }
	}
	l := start(t, dir, farm("w2k-rtm"))
	early := l.device(t, "PC-EARLY")
	connect(t, early)
	if err := l.clock.AdvanceBySteps(t.Context(), 30*day, day); err != nil {
		t.Fatal(err)
	}
	l.stop()
	l = start(t, dir, farm("w2k-sp3"))
	early.Server = l.Addr().String()
	late := l.device(t, "PC-LATE")
	connect(t, late)
	if got := connect(t, late); got != "CAL" || held(t, late).Expires.IsZero() {
		t.Errorf("after the hotfix a device is given %s without an expiry", got)
	}
	if err := l.clock.AdvanceBySteps(t.Context(), 400*day, day); err != nil {
		t.Fatal(err)
	}
	if got := connect(t, early); got != "nothing" || !held(t, early).Expires.IsZero() {
		t.Errorf("400 days later the early device is given %s", got)
	}
}

// TestVersionFence is drill D26 as far as terminal servers meet it: a license server
// of Windows 2000 is none for 2003, one of 2003 gives Windows 2000 its own CALs.
//
// proves R59
func TestVersionFence(t *testing.T) {
	t.Parallel()
	t.Run("2003 finds no license server in one of Windows 2000", func(t *testing.T) {
		l := start(t, t.TempDir(), func(c *onebox.Config) {
			c.Profile, c.LicenseServer = profile(t, "ws2003"), profile(t, "w2k-sp3")
		})
		if got := connect(t, l.device(t, "PC-1")); got != "nothing" {
			t.Errorf("given %s", got)
		}
		events := l.log.events(t)
		if events["server.found"] != 0 || events["token.issued"] != 0 || events["termservice.no-license-server"] == 0 || events["license.none"] != 1 {
			t.Errorf("events: %v", events)
		}
	})
	t.Run("Windows 2000 is given CALs of 2003", func(t *testing.T) {
		l := start(t, t.TempDir(), func(c *onebox.Config) {
			c.Profile, c.LicenseServer = profile(t, "w2k-rtm"), profile(t, "ws2003")
		})
		device := l.device(t, "PC-1")
		if got := connect(t, device); got != "CAL" || held(t, device).Version.Minor != 2 {
			t.Errorf("given %s of version %v", got, held(t, device).Version)
		}
	})
	t.Run("not with prevent_upgrade", func(t *testing.T) {
		l := start(t, t.TempDir(), func(c *onebox.Config) {
			c.Profile, c.LicenseServer = profile(t, "w2k-rtm"), profile(t, "ws2003", "prevent_upgrade=on")
		})
		device := l.device(t, "PC-1")
		if got := connect(t, device); got != "temporary" {
			t.Errorf("given %s", got)
		}
		if err := l.clock.AdvanceBySteps(t.Context(), 91*day, day); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Connect(t.Context(), device); err == nil {
			t.Error("admitted with an expired temporary token")
		}
		if n := l.log.events(t)["termservice.temporary-expired"]; n != 1 {
			t.Errorf("event 1011 was logged %d times", n)
		}
	})
}
