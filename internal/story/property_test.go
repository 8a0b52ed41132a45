package story

import (
	"fmt"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// shm is a new folder, in memory where the system has such a place.
func shm(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "story-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// onlooker sees connections and tokens and nothing of how they are decided on. What
// it holds the two servers to is written down here once more, from the white paper
// and not from the rules.
type onlooker struct {
	*thin
	rt      *rapid.T
	pcs     []*thinPC
	temps   map[hwid.ID]string // the temporary token of a device since it last had more
	lapsed  map[hwid.ID]bool   // its CAL has ended: then it may have one again
	logged  map[string]bool    // license ids of temporary tokens with a good logon
	out     map[string]token.License
	expires bool // the edition's CALs do
}

// Any sequence of connections, failed logons, reinstallations, days, jumps of the
// calendar, license servers that are away, restarts and power cuts, in any edition:
// no more CALs than there are, one live row a device and kind, no valid token is
// refused, nobody gets a second temporary one, no CAL without a logon after the
// hotfix, and the pool is whole when all has expired.
//
// proves R15, R95, R96, R103, R104, R108, R111, R116
func TestAnySequence(t *testing.T) {
	for _, p := range []edition.Profile{edition.W2K(), edition.W2KSP3(), edition.WS2003()} {
		t.Run(p.Edition.String(), func(t *testing.T) {
			t.Parallel()
			house := newHouse(t)
			rapid.Check(t, func(rt *rapid.T) {
				o := &onlooker{thin: newThin(t, house, shm(t), p), rt: rt, temps: map[hwid.ID]string{}, lapsed: map[hwid.ID]bool{},
					logged: map[string]bool{}, out: map[string]token.License{}, expires: p.Edition != edition.RTM}
				defer func() { o.server.Close() }()
				for i := range 4 {
					o.pcs = append(o.pcs, o.pc(fmt.Sprintf("C%d", i)))
				}
				rt.Repeat(map[string]func(*rapid.T){
					"connect":        func(rt *rapid.T) { o.connects(rt, true) },
					"connect more":   func(rt *rapid.T) { o.connects(rt, true) },
					"fail to log on": func(rt *rapid.T) { o.connects(rt, false) },
					"reimage":        func(rt *rapid.T) { o.reimage(o.pick(rt)) },
					"forget":         func(rt *rapid.T) { d := o.pick(rt); d.blob, d.held = nil, token.License{} },
					"wait":           func(rt *rapid.T) { o.days(rapid.IntRange(0, 50).Draw(rt, "days")) },
					"jump":           o.jump,
					"cut":            func(*rapid.T) { o.up = !o.up },
					"kill":           func(*rapid.T) { o.kill() },
					"install":        o.installs,
					"":               o.look,
				})
				o.end()
			})
		})
	}
}

func (o *onlooker) pick(rt *rapid.T) *thinPC { return rapid.SampledFrom(o.pcs).Draw(rt, "device") }

// jump sets the calendar wrong for a moment: ahead at once, and back.
func (o *onlooker) jump(rt *rapid.T) {
	by := time.Duration(rapid.IntRange(3, 200).Draw(rt, "days")) * day
	before := o.free()
	o.clock.add(by)
	if _, err := o.server.Status(); err != nil {
		rt.Fatal(err)
	}
	o.tell(tsls.Allocate{Request: tsls.RequestTemp, HardwareID: o.pc("passer-by").id, Mode: "device",
		Edition: o.profile.Edition.String(), Features: policy.Features(o.profile.Edition)})
	if free := o.free(); free != before {
		rt.Fatalf("a calendar %v ahead made %d free CALs of %d", by, free, before)
	}
	o.clock.add(-by)
}

func (o *onlooker) installs(rt *rapid.T) {
	if o.cals < 4 {
		o.install(rapid.Uint32Range(1, 2).Draw(rt, "CALs"))
	}
}

func (o *onlooker) connects(rt *rapid.T, logon bool) {
	d, now := o.pick(rt), o.clock.Now()
	had, sound := d.held, len(d.blob) > 0
	valid := sound && (had.Expires.IsZero() || !now.After(had.Expires))
	if sound && had.Kind == token.CAL && !valid {
		o.lapsed[d.id] = true
	}
	result := o.connect(d, logon)
	rt.Logf("%s with %v valid %v logon %v: %s %v", d.name, had.Kind, valid, logon, result.Rule, result.Pushed)
	if valid && !result.Admit {
		rt.Fatalf("%s: a valid %v is refused by %s", d.name, had.Kind, result.Rule)
	}
	switch {
	case !result.Admit || result.Pushed == policy.PushNone:
	case d.held.Kind == token.Temporary:
		if first := o.temps[d.id]; first != "" && first != d.held.LicenseID && !o.lapsed[d.id] {
			rt.Fatalf("%s had the temporary token %s and is given %s", d.name, first, d.held.LicenseID)
		}
		o.temps[d.id] = d.held.LicenseID
	case d.held.Kind == token.CAL:
		if had.Kind == token.Temporary && valid && o.expires && !o.logged[had.LicenseID] {
			rt.Fatalf("%s: a CAL, and nobody ever logged on", d.name)
		}
		o.out[d.held.LicenseID] = d.held
		delete(o.temps, d.id)
		delete(o.lapsed, d.id)
	}
	if result.Admit && logon && o.up && d.held.Kind == token.Temporary {
		o.logged[d.held.LicenseID] = true
	}
}

// look is what must hold in every state.
func (o *onlooker) look(rt *rapid.T) {
	now, valid := o.clock.Now(), uint32(0)
	for _, l := range o.out {
		if l.Expires.IsZero() || !now.After(l.Expires) {
			valid++
		}
	}
	if valid > o.cals {
		rt.Fatalf("%d valid CALs of %d", valid, o.cals)
	}
	live := map[string]string{}
	for _, r := range o.tell(tsls.Licenses{}).(tsls.LicenseList).Licenses {
		key := fmt.Sprint(r.HardwareID, r.Kind)
		if r.State == "active" && live[key] != "" {
			rt.Fatalf("%s has %s and %s", r.Machine, live[key], r.LicenseID)
		}
		if r.State == "active" {
			live[key] = r.LicenseID
		}
	}
}

// end lets everything expire that does.
func (o *onlooker) end() {
	kept := uint32(0)
	for _, l := range o.out {
		if l.Expires.IsZero() {
			kept++
		}
	}
	o.up = true
	o.days(100)
	o.connect(o.pc("last"), true) // any request sees to what is due
	last := uint32(0)
	if !o.expires && o.cals > kept {
		last = 1 // who comes last before the hotfix takes one
	}
	if free := o.free(); free != o.cals-kept-last {
		o.rt.Fatalf("%d free of %d after all expiries, %d kept", free, o.cals, kept+last)
	}
}
