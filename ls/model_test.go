package ls_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// world is a license server with a few devices, and what an onlooker knows who sees
// the tokens only.
type world struct {
	*lab
	rt        *rapid.T
	p         edition.Profile
	devices   []*device
	installed uint32
	packs     int
	// temps counts the temporary tokens that a device was given since it last had a
	// CAL: a second one is what nobody may get.
	temps    map[*device]int
	returned map[string]bool    // license ids
	out      map[string]cal     // CALs given and not returned
	ever     map[string]*device // license id -> the only device that may hold it
}

type cal struct {
	device  *device
	expires time.Time
}

// Any sequence of connects, logons, reinstallations, returns, installations, clock
// steps and restarts: the promises of a license server hold in every state.
//
// proves R96, R101, R104, R110, R116
func TestAnySequence(t *testing.T) {
	for _, p := range []edition.Profile{edition.W2K(), edition.W2KSP3(), edition.WS2003()} {
		t.Run(p.Edition.String(), func(t *testing.T) {
			t.Parallel() // it waits for the disk most of the time
			rapid.Check(t, func(rt *rapid.T) {
				w := &world{lab: licensed(t, p, 0), rt: rt, p: p, temps: map[*device]int{}, returned: map[string]bool{},
					out: map[string]cal{}, ever: map[string]*device{}}
				for i := range 5 {
					w.devices = append(w.devices, newDevice(i))
				}
				rt.Repeat(map[string]func(*rapid.T){
					"connect":   w.connect,
					"log on":    w.logOn,
					"reinstall": w.reinstall,
					"return":    w.giveBack,
					"install":   w.installPack,
					"wait":      w.wait,
					"restart":   func(*rapid.T) { w.restart() },
					"":          w.check,
				})
				w.wholeAgain()
				w.sound()
				w.Close()
			})
		})
	}
}

func (w *world) pick(rt *rapid.T) *device { return rapid.SampledFrom(w.devices).Draw(rt, "device") }

// class is what a terminal server finds in the device's token.
func (w *world) class(d *device) tsls.Class {
	l, now := d.license, w.clock.Now()
	over := !l.Expires.IsZero() && now.After(l.Expires)
	switch {
	case len(d.blob) == 0:
		return tsls.ClassNone
	case l.Kind == token.Temporary && over:
		return tsls.ClassTemporaryExpired
	case l.Kind == token.Temporary:
		return tsls.ClassTemporary
	case over:
		return tsls.ClassPermExpired
	case !l.Expires.IsZero() && l.Expires.Sub(now) <= 7*24*time.Hour:
		return tsls.ClassPermNear
	}
	return tsls.ClassPermFresh
}

// connect asks what a terminal server of the same edition would ask.
func (w *world) connect(rt *rapid.T) {
	d := w.pick(rt)
	class := w.class(d)
	request := tsls.RequestCAL
	switch class {
	case tsls.ClassPermFresh:
		return
	case tsls.ClassPermNear:
		request = tsls.RequestRenew
	case tsls.ClassNone:
		if w.p.FirstIssue == edition.FirstTemp {
			request = tsls.RequestTemp
		}
	}
	was := d.license
	a := w.ask(d, request, class)
	rt.Logf("%s %v %v: %v", d.name, request, class, a.Answer)
	switch a.Answer {
	case tsls.AnswerTempNew:
		w.temps[d]++
		if class == tsls.ClassPermExpired { // the paper gives it one (C38)
			w.temps[d] = 1
		}
		if w.temps[d] > 1 {
			rt.Fatalf("%s is given its temporary token number %d", d.name, w.temps[d])
		}
	case tsls.AnswerCALTake, tsls.AnswerCALOwn, tsls.AnswerCALRenew:
		w.given(rt, d)
	}
	if class == tsls.ClassPermNear && !w.returned[was.LicenseID] && a.Answer != tsls.AnswerCALRenew {
		rt.Fatalf("%s: %v to the renewal of its own CAL", d.name, a.Answer)
	}
}

// given notes a CAL that came to a device.
func (w *world) given(rt *rapid.T, d *device) {
	id := d.license.LicenseID
	if owner := w.ever[id]; owner != nil && owner != d {
		rt.Fatalf("%s was %s's and is given to %s", id, owner.name, d.name)
	}
	w.ever[id] = d
	w.out[id] = cal{d, d.license.Expires}
	w.temps[d] = 0
}

func (w *world) logOn(rt *rapid.T) {
	if d := w.pick(rt); len(d.blob) > 0 && d.license.Kind == token.Temporary && w.p.UpgradeNeedsValidated {
		w.mark(d)
	}
}

func (w *world) reinstall(rt *rapid.T) {
	d := w.pick(rt)
	d.blob, d.license = nil, token.License{}
}

func (w *world) giveBack(rt *rapid.T) {
	d := w.pick(rt)
	if len(d.blob) == 0 || d.license.Kind != token.CAL {
		return
	}
	must[tsls.Returned](w.lab, tsls.Return{LicenseID: d.license.LicenseID, HardwareID: d.id})
	w.returned[d.license.LicenseID] = true
	delete(w.out, d.license.LicenseID)
	d.blob, d.license = nil, token.License{}
}

func (w *world) installPack(rt *rapid.T) {
	if w.packs == 3 {
		return
	}
	w.packs++
	k := enroll.KeyPack{PackID: packID(w.packs), Count: rapid.Uint32Range(1, 2).Draw(rt, "CALs")}
	k.Product = "Windows 2000"
	k.Major, k.Minor = w.p.Edition.Version()
	w.install(k)
	w.installed += k.Count
}

func (w *world) wait(rt *rapid.T) { w.clock.days(rapid.IntRange(0, 60).Draw(rt, "days")) }

// check is what must hold in every state.
func (w *world) check(rt *rapid.T) {
	now, valid := w.clock.Now(), uint32(0)
	for _, c := range w.out {
		if c.expires.IsZero() || !now.After(c.expires) {
			valid++
		}
	}
	if valid > w.installed {
		rt.Fatalf("%d valid CALs of %d: %v", valid, w.installed, w.out)
	}
	live := map[string]string{}
	for _, r := range must[tsls.LicenseList](w.lab, tsls.Licenses{}).Licenses {
		if r.State != "active" {
			continue
		}
		key := fmt.Sprint(r.HardwareID, r.Kind)
		if live[key] != "" {
			rt.Fatalf("%s has %s and %s", r.Machine, live[key], r.LicenseID)
		}
		live[key] = r.LicenseID
	}
}

// wholeAgain lets everything expire that does: the pool is whole then, but for what
// an edition without expiry keeps.
func (w *world) wholeAgain() {
	kept := uint32(0)
	for _, c := range w.out {
		if c.expires.IsZero() {
			kept++
		}
	}
	w.clock.days(200)
	w.ask(newDevice(1000), tsls.RequestTemp, tsls.ClassNone) // any request sees to what is due
	if free := w.free(); free != w.installed-kept {
		w.rt.Fatalf("%d free of %d after all expiries, with %d kept", free, w.installed, kept)
	}
}
