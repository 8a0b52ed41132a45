package story

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// A license server that was found is asked after every two hours; when it is gone it
// is sought every quarter of an hour, and found again.
//
// proves R85
func TestAsksAfterItsLicenseServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		defer f.end()
		f.serve(edition.W2KSP3(), 0)
		f.at(time.Minute)
		before, dialed := f.wires.writes(f.ls.addr), f.wires.dials(f.ls.addr)
		f.at(day + time.Minute)
		if n := f.wires.writes(f.ls.addr) - before; n != 12 {
			t.Errorf("asked %d times in a day, want 12", n)
		}
		if n := f.wires.dials(f.ls.addr) - dialed; n != 0 {
			t.Errorf("%d new connections in a day, want that of the first minute", n)
		}
		f.wires.cut(f.ls.addr, true)
		f.at(day + 3*time.Hour)
		if n := f.count(1010); n < 4 || n > 5 {
			t.Errorf("%d failed searches in an hour, want one each quarter", n)
		}
		f.wires.cut(f.ls.addr, false)
		f.at(day + 3*time.Hour + 16*time.Minute)
		found := 0
		for _, e := range f.ts.journal.events(t) {
			if e.Name == eventlog.ServerFound.Name {
				found++
			}
		}
		if found != 2 {
			t.Errorf("found %d times, want 2", found)
		}
	})
}

// DefaultLicenseServer down, and there but out of CALs: who has no token or an expired
// one is refused; a valid token admits.
//
// proves R89
func TestDefaultLicenseServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		defer f.end()
		p := edition.W2KSP3()
		p.VerifyMin = 20000
		f.serve(p, 0)
		if out := f.connect(f.ts, f.pc("old", "9x"), true); out.rule != "M46" {
			t.Errorf("before: %+v", out)
		}
		f.ts.restart(func(c *ts.Config) { c.DefaultLicenseServer = true })
		f.at(85 * day)
		if out := f.connect(f.ts, f.pc("new", "9x"), true); out.rule != "M35" || !out.refused {
			t.Errorf("a new device, no CAL: %+v", out)
		}
		if out := f.connect(f.ts, f.pc("old", "9x"), true); out.rule != "M22" {
			t.Errorf("a valid temporary token, no CAL: %+v", out)
		}
		f.wires.cut(f.ls.addr, true)
		if out := f.connect(f.ts, f.pc("old", "9x"), true); out.rule != "M24" {
			t.Errorf("a valid temporary token, nobody there: %+v", out)
		}
		f.at(91 * day)
		for name, want := range map[string]string{"new": "M33", "old": "M32"} {
			if out := f.connect(f.ts, f.pc(name, "9x"), true); out.rule != want || !out.refused {
				t.Errorf("%s, nobody there: %+v, want %s", name, out, want)
			}
		}
	})
}

// Per user, a temporary token stays one on any device, and the pool stays as it is.
//
// proves R184, R188, R189
func TestPerUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		defer f.end()
		p := edition.WS2003()
		p.VerifyMin = 20000
		f.serve(p, 2)
		f.ts.restart(func(c *ts.Config) { c.Mode = policy.ModeUser })
		for n := range 5 {
			f.at(time.Duration(30*n) * day)
			for _, name := range []string{"C1", "C2", "C3"} {
				out := f.connect(f.ts, f.pc(name, "9x"), true)
				if want := map[bool]string{true: "temporary"}[n == 0]; out.refused || out.given != want {
					t.Errorf("day %d, %s: %+v", 30*n, name, out)
				}
			}
		}
		if f.ls.free() != 2 {
			t.Errorf("%d CALs free, want 2", f.ls.free())
		}
		for _, l := range f.ls.tell(tsls.Licenses{}).(tsls.LicenseList).Licenses {
			if l.Kind != token.Temporary.String() {
				t.Errorf("issued: %+v", l)
			}
		}
	})
}

// A farm that is licensed per user never issues a CAL, so that its grace period runs
// out although all is well, with every warning; unless the knob says that a license
// server with a Per User pack is what the period was for. Its licenses are counted by
// nobody, and none goes to a device of a terminal server that is licensed per device
// (drill D30, rules U8, U9, S3a).
//
// proves R183, R185, R188, R189
func TestPerUserPackAndGrace(t *testing.T) {
	for knob, want := range map[string]string{"off": "1009@106..119 1008@120", "on": ""} {
		t.Run(knob, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFarm(t)
				defer f.end()
				p := edition.WS2003()
				if err := p.SetAll([]string{"verify_min=20000", "peruser_ends_grace=" + knob}); err != nil {
					t.Fatal(err)
				}
				f.ls = f.licenseServer("ls1", p)
				f.ls.activate()
				f.ls.install(token.PerUser, 2)
				f.ts = f.termServer("ts1", p, f.ls.addr)
				f.ts.restart(func(c *ts.Config) { c.Mode = policy.ModeUser })
				other := f.termServer("ts2", p, f.ls.addr) // per device
				defer other.stop()
				for _, n := range []int{0, 1, 60, 119, 121} {
					f.at(time.Duration(n) * day)
					for _, name := range []string{"C1", "C2", "C3"} {
						rule := map[bool]string{true: "U2", false: "U4"}[n == 0]
						if out := f.connect(f.ts, f.pc(name, "9x"), true); out.rule != rule {
							t.Errorf("day %d, %s: %+v, want %s", n, name, out, rule)
						}
					}
					if out := f.connect(other, f.pc("D1", "9x"), true); out.given == token.CAL.String() {
						t.Errorf("day %d, per device: %+v", n, out)
					}
				}
				if got := summary(f); got != want {
					t.Errorf("events %q, want %q", got, want)
				}
				if got, want := f.ts.Status().Grace.Reason, map[string]policy.GraceReason{"off": policy.GraceExpired, "on": policy.GraceCAL}[knob]; got != want {
					t.Errorf("the grace period of the terminal server per user: %q, want %q", got, want)
				}
				if got := other.Status().Grace.Reason; got != policy.GraceExpired {
					t.Errorf("of the one per device: %q", got)
				}
				for _, pack := range f.ls.tell(tsls.KeyPacks{}).(tsls.KeyPackList).Packs {
					if pack.Kind == token.PerUser.String() && (pack.Total != 2 || pack.Issued != 0 || pack.Available != 2) {
						t.Errorf("the pack: %+v", pack)
					}
				}
			})
		})
	}
}

// Deleting the hardware id repairs a device whose license is not sound.
//
// proves R148, R149
func TestRepairOfABrokenLicense(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		defer f.end()
		f.serve(edition.W2KSP3(), 0)
		d := f.pc("C1", "9x")
		f.connect(f.ts, d, true)
		l := d.Store.Licenses()[0]
		l.License[len(l.License)-20] ^= 1 // within the signature
		if err := d.Store.Put(l); err != nil {
			t.Fatal(err)
		}
		asked := f.ls.requests()
		if out := f.connect(f.ts, d, true); out.rule != "M1" || !out.refused || f.count(1003) != 1 || f.ls.requests() != asked {
			t.Errorf("a broken license: %+v, %d events", out, f.count(1003))
		}
		if err := d.Store.Wipe(true, true); err != nil {
			t.Fatal(err)
		}
		if out := f.connect(f.ts, d, true); out.rule != "M46" || out.given != "temporary" {
			t.Errorf("after the repair: %+v", out)
		}
	})
}
