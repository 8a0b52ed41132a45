package rules

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/edition"
	ts "github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/token"
)

// TestProperties lives through random years: whatever happens, in any order, what
// the white paper promises holds.
func TestProperties(t *testing.T) {
	for _, e := range edition.All() {
		for seed := range uint64(200) {
			live(t, e, seed)
		}
	}
}

// TestPropertiesOfKnobs lives through years with every knob at each value that is not
// its default.
func TestPropertiesOfKnobs(t *testing.T) {
	years := 0
	for _, k := range edition.Knobs() {
		for value := range strings.SplitSeq(k.Values, ", ") {
			switch {
			case strings.HasPrefix(k.Values, "a list of "):
				value = strings.TrimPrefix(value, "a list of ")
			case strings.HasPrefix(k.Values, "a duration"):
				value = "12h"
			case value == "a number":
				value = "3"
			}
			for _, e := range edition.All() {
				if def := k.Default(e); def == "-" || def == value {
					continue
				}
				for seed := range uint64(3) {
					live(t, e, seed, k.Name+"="+value)
					years++
				}
			}
		}
	}
	t.Logf("%d years", years)
}

// live is one random year.
func live(t *testing.T, e edition.Edition, seed uint64, settings ...string) {
	t.Helper()
	w := &watch{t: t, lab: newLab(e, settings...), rand: rand.New(rand.NewPCG(seed, uint64(e))), temps: map[string]string{}, marked: map[string]bool{}}
	for range 300 {
		if w.step(); t.Failed() {
			break
		}
	}
	if !t.Failed() {
		w.end()
	}
	if t.Failed() {
		t.Fatalf("%s %v, seed %d:\n%s", e, settings, seed, strings.Join(w.done, "\n"))
	}
}

// watch does random things to a lab and looks at what comes of them.
type watch struct {
	t    *testing.T
	lab  *lab
	rand *rand.Rand
	done []string
	// temps has the temporary token that a hardware id was given since it last had a
	// CAL or built-in token.
	temps map[string]string
	// marked has the temporary tokens whose holder logged on with success.
	marked map[string]bool
}

func (w *watch) step() {
	l := w.lab
	name := fmt.Sprintf("C%d", w.rand.IntN(8))
	what := w.rand.IntN(100)
	before := l.server.grace
	switch {
	case what < 60:
		w.connect(name, what < 50)
	case what < 85:
		hours := w.rand.IntN(24 * 15)
		w.did("%d hours pass", hours)
		l.at(l.now.Add(time.Duration(hours) * time.Hour))
	case what < 88:
		w.did("%s forgets", name)
		l.device(name).token = nil
	case what < 90:
		w.did("%s is reinstalled", name)
		l.reimage(name)
	case what < 94:
		l.license.up = !l.license.up
		w.did("license server up: %v", l.license.up)
	case what < 96:
		l.license.activated = true
		l.license.installed += w.rand.IntN(3)
		w.did("%d CALs", l.license.installed)
	case what < 98:
		l.device(name).os = ts.OS(w.rand.IntN(3))
		w.did("%s is now %s", name, l.device(name).os)
	default:
		l.poll()
		w.did("poll")
	}
	w.store()
	after := l.server.grace
	if after.State < before.State || before.State == ts.GraceRunning && !after.End.Equal(before.End) {
		w.t.Errorf("the grace period went from %+v to %+v", before, after)
	}
}

func (w *watch) did(format string, args ...any) {
	w.done = append(w.done, w.lab.now.Format("2006-01-02 15:04 ")+fmt.Sprintf(format, args...))
}

func (w *watch) connect(name string, logon bool) {
	l := w.lab
	d, p := l.device(name), &l.server.profile
	had, lsUp := d.token, l.license.up
	valid := had != nil && !d.own && had.HardwareID == d.id && (had.Expires.IsZero() || !l.now.After(had.Expires))
	near := valid && !had.Expires.IsZero() && had.Expires.Sub(l.now) <= time.Duration(p.RenewWindowDays)*24*time.Hour
	out, asked := l.connect(name, logon)
	w.did("%s connects with %v (logon %v): %s %s %s", name, had, logon, out.Rule, out.Pushed, out.Wire)
	switch {
	case valid && !out.Admit:
		w.t.Errorf("a valid token is refused")
	case valid && had.Kind != token.Temporary && !near && asked > 0:
		w.t.Errorf("a valid CAL makes the terminal server ask")
	case out.Admit && out.Wire.Pushes() != (out.Pushed != ts.PushNone):
		w.t.Errorf("wire %s with token %s", out.Wire, out.Pushed)
	case !out.Admit && (out.Pushed != ts.PushNone || out.Mark || len(out.Events) == 0):
		w.t.Errorf("a refusal that gives: %+v", out)
	case !lsUp && (asked > 0 || out.Pushed != ts.PushNone && out.Pushed != ts.PushGrace):
		w.t.Errorf("something from a license server that is down")
	}
	if valid && had.Kind == token.Temporary && out.Pushed == ts.PushCAL && marked(p) && !w.marked[had.LicenseID] {
		w.t.Errorf("a CAL for a device whose user never logged on")
	}
	if out.Admit && out.Mark && logon && l.license.up {
		w.marked[d.token.LicenseID] = true
	}
	w.temporary(d, out)
}

// temporary holds that a device gets one temporary token, until a CAL or built-in
// token has closed it.
func (w *watch) temporary(d *device, out ts.Outcome) {
	id := d.id.String()
	switch out.Pushed {
	case ts.PushCAL, ts.PushBuiltIn, ts.PushCALPeer:
		delete(w.temps, id)
	case ts.PushTemp:
		var issued []string
		for _, r := range w.lab.license.rows {
			if r.Kind == token.Temporary && r.HardwareID == d.id && !r.closed {
				issued = append(issued, r.LicenseID)
			}
		}
		if w.lab.license.profile.TempsPerHWID == 0 {
			return // nobody counts them
		}
		if len(issued) != 1 {
			w.t.Errorf("device %s holds the temporary tokens %v", id, issued)
		}
		if first := w.temps[id]; first != "" && first != d.token.LicenseID {
			w.t.Errorf("device %s had the temporary token %s and got %s", id, first, d.token.LicenseID)
		}
		w.temps[id] = d.token.LicenseID
	}
}

// store looks at the license server's rows.
func (w *watch) store() {
	s := w.lab.license
	if s.free() < 0 {
		w.t.Errorf("%d CALs are issued beyond the %d installed", -s.free(), s.installed)
	}
	live := map[string]int{}
	for _, r := range s.rows {
		if r.Kind == token.CAL && !r.returned {
			live[r.HardwareID.String()]++
		}
	}
	for id, n := range live {
		// Before the hotfix a CAL that its device lost stays taken, and so does one that
		// has expired.
		if n > 1 && s.profile.ResendLiveRow && s.profile.AutoReturn {
			w.t.Errorf("device %s holds %d CALs", id, n)
		}
	}
}

// end: when everything has expired the pool is whole again, where CALs expire.
func (w *watch) end() {
	l := w.lab
	l.at(l.now.AddDate(0, 0, 90))
	if life := l.license.profile.CALLife; l.license.profile.AutoReturn && !life.Unlimited() && l.license.free() != l.license.installed {
		w.t.Errorf("%d of %d CALs after all have expired", l.license.free(), l.license.installed)
	}
	warned := slices.ContainsFunc(l.server.events, func(e logged) bool { return e.event == ts.EventGraceExpired })
	if warned && l.server.grace.Reason != ts.GraceExpired {
		w.t.Errorf("event 1008 and a grace period that ended by %s", l.server.grace.Reason)
	}
}
