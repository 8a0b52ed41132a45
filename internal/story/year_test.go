package story

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// A year of one device that comes every third day: a temporary token, a CAL, and in
// the last seven days of each life the same CAL anew, for 52 to 89 days. No other
// connection makes the terminal server ask, and the device is never refused.
//
// proves R92, R107, R108, R109, R113, R114, R118
func TestYearOfOneDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		defer f.end()
		p := edition.W2KSP3()
		p.VerifyMin = 20000
		f.serve(p, 1)
		d := f.pc("C1", "9x")
		var held token.License
		renewals := 0
		for n := range 122 {
			f.at(time.Duration(3*n) * day)
			asked := f.ls.requests()
			out := f.connect(f.ts, d, true)
			left := time.Until(held.Expires)
			asks := f.ls.requests() - asked
			switch {
			case n == 0:
				if out.given != "temporary" || out.rule != "M46" {
					t.Fatalf("first connection: %+v", out)
				}
			case n == 1:
				if out.given != "CAL" || out.rule != "M19" {
					t.Fatalf("second connection: %+v", out)
				}
				held = out.license
			case left <= 7*day:
				renewals++
				if out.given != "CAL" || out.license.LicenseID != held.LicenseID {
					t.Fatalf("day %d, %v left: %+v", 3*n, left, out)
				}
				held = out.license
			case out.given != "" || out.refused || asks != 0:
				t.Fatalf("day %d, %v left: %+v after %d requests", 3*n, left, out, asks)
			}
			if n > 0 {
				if life := time.Until(held.Expires); life > 89*day || left <= 7*day && life < 52*day {
					t.Fatalf("day %d: the CAL has %v to live", 3*n, life)
				}
			}
		}
		if renewals < 4 || renewals > 8 {
			t.Errorf("%d renewals in a year", renewals)
		}
		if f.ls.free() != 0 {
			t.Errorf("%d CALs free", f.ls.free())
		}
	})
}

// requests is how many messages the license server has answered.
func (l *licenseServer) requests() uint64 {
	l.farm.t.Helper()
	stats, err := l.Stats()
	if err != nil {
		l.farm.t.Fatal(err)
	}
	return stats.Requests
}

// put gives the device a token of a license server that this farm's terminal servers
// cannot reach, as if it had been a client elsewhere.
func (f *farm) put(elsewhere *licenseServer, d *pc, request tsls.Request) token.License {
	f.t.Helper()
	id, ok := d.Store.HardwareID()
	if !ok {
		f.t.Fatalf("%s has no hardware id", d.Name)
	}
	a := elsewhere.tell(tsls.Allocate{Request: request, HardwareID: id, Machine: d.Name, Mode: "device",
		Edition: elsewhere.config.Edition.Edition.String(), Features: tsls.FeatureMark | tsls.FeatureExpiry}).(tsls.Allocated)
	parsed, err := token.Parse(a.License)
	if err != nil {
		f.t.Fatalf("%v: %v", a.Answer, err)
	}
	old := d.Store.Licenses()
	l := client.StoredLicense{Scope: "tslab.example", Company: "TSLab", Product: "LAB-TS", License: a.License}
	if len(old) > 0 {
		l.Scope, l.Company, l.Product = old[0].Scope, old[0].Company, old[0].Product
	}
	if err := d.Store.Put(l); err != nil {
		f.t.Fatal(err)
	}
	return parsed.License
}

// A terminal server that never finds a license server: everybody for ninety days, a
// failed search every quarter of an hour, fourteen warnings, the end; and then who
// has a valid token of a license server elsewhere, and nobody else.
//
// proves R24, R26, R29, R80, R83, R147, R150, R153, R154, R155, R156, R171, R172
func TestNeverFindsALicenseServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		defer f.end()
		f.sell("elsewhere", edition.W2KSP3(), 5)
		f.ts = f.termServer("ts1", edition.W2KSP3(), "ls1:3343")
		if synctest.Wait(); f.count(1010) != 1 {
			t.Errorf("%d failed searches at the start, want the first", f.count(1010))
		}
		f.ts.restartWithRoot()
		on := func(days int, name, persona string, want string) {
			t.Helper()
			f.at(time.Duration(days) * day)
			if out := f.connect(f.ts, f.pc(name, persona), true); out.rule != want {
				t.Errorf("day %d, %s: rule %s, want %s (%+v)", days, name, out.rule, want, out)
			}
		}
		on(0, "loopback", "9x", "M37")
		if licenses := f.pc("loopback", "9x").Store.Licenses(); len(licenses) != 0 {
			t.Errorf("the grace period gave %d licenses", len(licenses))
		}
		for _, name := range []string{"C1", "C2", "C3", "C4"} {
			on(1, name, "9x", "M37")
		}
		on(1, "mac", "mac", "M37")
		on(2, "C5", "w2k-pro", "M37")
		f.put(f.ls, f.pc("C4", "9x"), tsls.RequestTemp)
		on(60, "C4", "9x", "M24")
		f.at(85 * day)
		f.put(f.ls, f.pc("C3", "9x"), tsls.RequestTemp)
		f.put(f.ls, f.pc("C5", "w2k-pro"), tsls.RequestBuiltIn)
		f.ls.wins(f.pc("C2", "9x"))
		f.at(95 * day)
		on(95, "C1", "9x", "M38")
		on(95, "C2", "9x", "M3")
		on(95, "C3", "9x", "M24")
		on(95, "C4", "9x", "M32")
		on(95, "C5", "w2k-pro", "M4")
		on(95, "mac", "mac", "M38")
		if got, want := summary(f), "1009@76..89 1008@90 1004@95 1011@95 1004@95"; got != want {
			t.Errorf("events %s, want %s", got, want)
		}
		f.texts(map[int]string{
			1000: "Unable to acquire a license for user 'lab', domain ''.",
			1004: "The terminal server cannot issue a client license.",
			1008: "The terminal services licensing grace period has expired and the service has not registered with a license server.  A terminal services license server is required for continuous operation.  A terminal server can operate without a license server for 90 days after initial start up.",
			1009: "The terminal services licensing grace period is about to expire on " + f.begin.Add(90*day).Format("2006-01-02 15:04") + " and the service has not registered with a license server.  A terminal services license server is required for continuous operation.  A terminal server can operate without a license server for 90 days after initial start up.",
			1010: "The terminal services could not locate a license server. Confirm that all license servers on the network are registered in WINS\\DNS, accepting network requests, and the Terminal Services Licensing Service is running.",
			1011: "The terminal services client C4 has been disconnected because its temporary license has expired.",
		})
		if n := f.count(1010); n < 95*96 || n > 95*96+20 {
			t.Errorf("%d failed searches in 95 days, want one each quarter of an hour and a few on demand", n)
		}
	})
}

// restartWithRoot makes the farm's clearinghouse known to a terminal server that has
// never met a license server.
func (s *termServer) restartWithRoot() {
	s.farm.t.Helper()
	if err := s.stop(); err != nil {
		s.farm.t.Fatal(err)
	}
	s.config.Roots = append(s.config.Roots, s.farm.house.Root())
	s.start()
}

// wins takes a device the whole way to a CAL at this license server.
func (l *licenseServer) wins(d *pc) {
	f := l.farm
	f.t.Helper()
	temp := f.put(l, d, tsls.RequestTemp)
	l.tell(tsls.Mark{LicenseID: temp.LicenseID, HardwareID: temp.HardwareID, Issuer: temp.Issuer, Expires: temp.Expires})
	a := l.tell(tsls.Allocate{Request: tsls.RequestCAL, Presented: tsls.ClassTemporary, LicenseID: temp.LicenseID, Issuer: temp.Issuer,
		HardwareID: temp.HardwareID, Machine: d.Name, Mode: "device", Edition: l.config.Edition.Edition.String(),
		Features: tsls.FeatureMark | tsls.FeatureExpiry}).(tsls.Allocated)
	old := d.Store.Licenses()[0]
	old.License = a.License
	if err := d.Store.Put(old); err != nil || a.Answer != tsls.AnswerCALTake {
		f.t.Fatalf("%v, %v", a.Answer, err)
	}
}

func (f *farm) count(id int) (n int) {
	for _, e := range f.ts.journal.events(f.t) {
		if e.ID == id {
			n++
		}
	}
	return n
}

// texts holds every event with a number to its words, source and severity.
func (f *farm) texts(want map[int]string) {
	f.t.Helper()
	seen := map[int]bool{}
	for _, e := range f.ts.journal.events(f.t) {
		if e.ID == 0 || seen[e.ID] {
			continue
		}
		seen[e.ID] = true
		if e.Text != want[e.ID] || e.Source() != eventlog.SourceTermService || e.Severity != eventlog.Error {
			f.t.Errorf("%d from %s, %s: %s", e.ID, e.Source(), e.Severity, e.Text)
		}
	}
	if len(seen) != len(want) {
		f.t.Errorf("events %v, want %d kinds", seen, len(want))
	}
}

// A Macintosh row, before and after the hotfix: it starts the grace period, gets a
// CAL and never a built-in token, and keeps it in its folder; Professional systems
// draw on the built-in pool, once, all others on temporary tokens.
//
// proves R21, R22, R30, R32, R92, R165, R166, R167, R168, R169, R170, R176
func TestMacintosh(t *testing.T) {
	for _, p := range []edition.Profile{edition.W2K(), edition.W2KSP3()} {
		t.Run(p.Edition.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { macintosh(t, p) })
		})
	}
}

func macintosh(t *testing.T, p edition.Profile) {
	f := newFarm(t)
	defer f.end()
	f.sell("ls1", p, 1)
	f.wires.cut(f.ls.addr, true)
	f.ts = f.termServer("ts1", p, f.ls.addr)
	mac := f.pc("Mac1", "mac")
	if s := f.ts.Status().Grace.State; s != policy.GraceNotStarted {
		t.Errorf("before the Macintosh the grace period is %s", s)
	}
	if out := f.connect(f.ts, mac, true); out.rule != "M37" || len(mac.Store.Licenses()) != 0 {
		t.Errorf("day 0: %+v, %d licenses", out, len(mac.Store.Licenses()))
	}
	if s := f.ts.Status().Grace.State; s != policy.GraceRunning {
		t.Errorf("after the Macintosh the grace period is %s", s)
	}
	f.at(2 * day)
	f.wires.cut(f.ls.addr, false)
	f.at(3 * day)
	out := f.connect(f.ts, mac, true)
	if p.Edition != edition.RTM {
		out = f.connect(f.ts, mac, true)
	}
	if id, _ := mac.Store.HardwareID(); out.given != "CAL" || out.license.HardwareID != id || f.ls.free() != 0 {
		t.Errorf("day 3: %+v, %d free", out, f.ls.free())
	}
	if files, err := filepath.Glob(filepath.Join(mac.Store.String(), "*")); err != nil || len(files) == 0 ||
		!strings.Contains(filepath.ToSlash(mac.Store.String()), client.MacFolder) {
		t.Errorf("%s holds %v, %v", mac.Store, files, err)
	}
	if out := f.connect(f.ts, mac, true); out.given != "" || out.rule != "M3" {
		t.Errorf("again: %+v", out)
	}
	f.at(4 * day)
	for persona, want := range map[string]string{
		"w2k-pro": "built-in", "xp-pro": "built-in", "xp-home": "temporary", "nt4": "temporary", "9x": "temporary", "mac": "temporary",
	} {
		if out := f.connect(f.ts, f.pc("of "+persona, persona), true); out.given != want {
			t.Errorf("%s is given %q, want %s (%s)", persona, out.given, want, out.rule)
		}
	}
	before := f.ls.requests()
	if out := f.connect(f.ts, f.pc("of xp-pro", "xp-pro"), true); out.given != "" || out.rule != "M4" || f.ls.requests() != before {
		t.Errorf("the built-in token once more: %+v, %d questions to the license server", out, f.ls.requests()-before)
	}
	kinds := map[string]string{}
	for _, l := range f.ls.tell(tsls.Licenses{}).(tsls.LicenseList).Licenses {
		if l.State == "active" {
			kinds[l.Machine] = l.Kind
		}
	}
	if kinds["Mac1"] != "CAL" || kinds["of mac"] != "temporary" || kinds["of xp-pro"] != "built-in" {
		t.Errorf("issued: %v", kinds)
	}
	for _, pack := range f.ls.tell(tsls.KeyPacks{}).(tsls.KeyPackList).Packs {
		if pack.Kind == "built-in" && (pack.Total != tsls.Unlimited || pack.Issued != 2) {
			t.Errorf("built-in pool: %+v", pack)
		}
	}
}

// What one terminal server's client was given, any other accepts, without asking.
//
// proves R97, R98, R160, R182
func TestAnyTerminalServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		defer f.end()
		f.serve(edition.W2K(), 5)
		other := f.termServer("ts2", edition.W2K(), "nowhere:3343")
		other.restartWithRoot()
		defer other.stop()
		c1, c2 := f.pc("C1", "9x"), f.pc("C2", "9x")
		if out := f.connect(f.ts, c1, true); out.rule != "M43" || out.given != "CAL" {
			t.Errorf("at ts1: %+v", out)
		}
		before := f.wires.dials("nowhere:3343")
		if out := f.connect(other, c1, true); out.rule != "M3" || f.wires.dials("nowhere:3343") != before {
			t.Errorf("at ts2: %+v, %d questions", out, f.wires.dials("nowhere:3343")-before)
		}
		if out := f.connect(other, c2, true); out.rule != "M37" {
			t.Errorf("at ts2 without a token: %+v", out)
		}
		blob := c1.Store.Licenses()[0].License
		if parsed, err := token.Parse(blob); err != nil || !parsed.Chain[0].Equal(f.house.Root()) {
			t.Errorf("what is stored is no certificate under the clearinghouse's root: %v", err)
		}
	})
}

func (w *wires) dials(addr string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dialed[addr]
}

// Half-patched farms and the fence between the editions: what both ends can do is
// what happens; Windows Server 2003 is no client of Windows 2000.
//
// proves R59, R106, R119
func TestMixedFarms(t *testing.T) {
	rtm, sp3, net := edition.W2K(), edition.W2KSP3(), edition.WS2003()
	for _, tt := range []struct {
		name    string
		ts, ls  edition.Profile
		rules   [2]string // of the first two connections
		expires bool
		marks   int
	}{
		{"both without the hotfix", rtm, rtm, [2]string{"M43", "M3"}, false, 0},
		{"terminal server without", rtm, sp3, [2]string{"M43", "M3"}, false, 0},
		{"license server without", sp3, rtm, [2]string{"M43", "M3"}, false, 0},
		{"both with", sp3, sp3, [2]string{"M46", "M19"}, true, 1},
		{"2003", net, net, [2]string{"M47", "M19"}, true, 1},
		{"Windows 2000 at a license server of 2003", rtm, net, [2]string{"M43", "M3"}, false, 0},
		{"2003 at a license server of Windows 2000", net, sp3, [2]string{"M37", "M37"}, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFarm(t)
				defer f.end()
				f.sell("ls1", tt.ls, 5)
				f.ts = f.termServer("ts1", tt.ts, f.ls.addr)
				d := f.pc("C1", "9x")
				for i, want := range tt.rules {
					f.at(time.Duration(i) * day)
					if out := f.connect(f.ts, d, true); out.rule != want {
						t.Errorf("connection %d: %+v, want %s", i, out, want)
					}
				}
				if l, ok := lastLicense(d); ok && (l.Kind != token.CAL || l.Expires.IsZero() == tt.expires) {
					t.Errorf("holds %v that ends %v", l.Kind, l.Expires)
				}
				marked := 0
				for _, e := range f.ls.journal.events(t) {
					if e.Name == eventlog.TokenValidated.Name {
						marked++
					}
				}
				if marked != tt.marks {
					t.Errorf("%d marks, want %d", marked, tt.marks)
				}
				if fenced := tt.rules[0] == "M37"; fenced != (f.count(1010) > 0) {
					t.Errorf("%d failed searches", f.count(1010))
				}
			})
		})
	}
}

// The grace period of 2003 ends by the first CAL of the license server, whichever
// terminal server it went through; with the knob's other value by one's own only.
//
// proves R192, R205
func TestGraceEndsByAnyCAL(t *testing.T) {
	for scope, want := range map[string]string{"ls": "ended", "ts": "running"} {
		t.Run(scope, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFarm(t)
				defer f.end()
				p := edition.WS2003()
				if err := p.SetAll([]string{"grace_end_scope=" + scope}); err != nil {
					t.Fatal(err)
				}
				f.serve(p, 5)
				other := f.termServer("ts2", p, f.ls.addr)
				defer other.stop()
				for i := range 2 {
					f.at(time.Duration(i) * day)
					f.connect(f.ts, f.pc("C1", "9x"), true)
				}
				f.connect(other, f.pc("C2", "9x"), true)
				if got := other.Status().Grace.State.String(); got != want {
					t.Errorf("grace %s, want %s", got, want)
				}
				var names []string
				for _, e := range other.journal.events(t) {
					if slices.Contains([]string{eventlog.GraceStarted.Name, eventlog.GraceEnded.Name}, e.Name) {
						names = append(names, e.Name)
					}
				}
				if want := map[string][]string{"ls": {eventlog.GraceEnded.Name}, "ts": {eventlog.GraceStarted.Name}}[scope]; !slices.Equal(names, want) {
					t.Errorf("events %v, want %v", names, want)
				}
			})
		})
	}
}
