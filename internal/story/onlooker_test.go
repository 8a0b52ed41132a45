package story

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// onlooker sees connections and tokens and nothing of how they are decided on. What
// it holds the two servers to is written down here once more, from the white paper
// and not from the rules.
type onlooker struct {
	*thin
	rt     *rapid.T
	pcs    []*thinPC
	temps  map[hwid.ID]string // the temporary token of a device since it last had more
	lapsed map[hwid.ID]bool   // its CAL has ended: then it may have one again
	logged map[string]bool    // license ids of temporary tokens with a good logon
	out    map[string]token.License
	over   map[string]bool // of out: by a calendar that was believed, they have ended
	marks  bool            // both ends know the hotfix
	// believed is the calendar that the license server last believed.
	believed time.Time
}

func newOnlooker(w *thin, rt *rapid.T) *onlooker {
	o := &onlooker{thin: w, rt: rt, temps: map[hwid.ID]string{}, lapsed: map[hwid.ID]bool{}, logged: map[string]bool{},
		out: map[string]token.License{}, over: map[string]bool{}, believed: w.clock.Now(),
		marks: w.profile.Edition != edition.RTM && w.config.Edition.Edition != edition.RTM}
	for i, os := range []policy.OS{policy.OSOther, policy.OSOther, policy.OSProfessional, policy.OSMacintosh} {
		d := o.pc(fmt.Sprintf("C%d", i))
		d.os = os
		o.pcs = append(o.pcs, d)
	}
	return o
}

// over reports a license that is past its date.
func over(l token.License, now time.Time) bool { return !l.Expires.IsZero() && now.After(l.Expires) }

// valid reports whether the device shows a token of its own that is good by the
// calendar, or will be within a day.
func (o *onlooker) valid(d *thinPC, now time.Time) bool {
	return len(d.blob) > 0 && d.held.HardwareID == d.id && !over(d.held, now) && !d.held.Issued.After(now.Add(day))
}

// doubts reports whether the license server must not believe its calendar: it went
// ahead by more than two days at once.
func (o *onlooker) doubts() bool { return o.clock.Now().Sub(o.believed) > 2*day }

// status looks at the license server, which looks at its calendar.
func (o *onlooker) status() ls.Status {
	o.t.Helper()
	status, err := o.server.Status()
	if err != nil {
		o.t.Fatal(err)
	}
	if status.ClockDoubted != o.doubts() {
		o.rt.Fatalf("the calendar %v after %v is in doubt: %v", o.clock.Now(), o.believed, status.ClockDoubted)
	}
	if !status.ClockDoubted {
		o.believed = o.clock.Now()
	}
	return status
}

// lapse notes what has ended by a calendar that is believed: it may be somebody
// else's from then on, even when the calendar is set back. The license server's sweep
// does not run here; it looks when somebody asks.
func (o *onlooker) lapse() {
	news := false
	for id, l := range o.out {
		if !o.over[id] && over(l, o.believed) {
			o.over[id], news = true, true
		}
	}
	if news {
		o.passer()
	}
}

// days lets the calendar run, a day at a time, as a lab does.
func (o *onlooker) days(n int) {
	for range n {
		o.thin.days(1)
		o.status()
	}
}

// passer is somebody who never came before: the license server sees to what is due.
func (o *onlooker) passer() {
	own := o.config.Edition.Edition
	o.tell(tsls.Allocate{Request: tsls.RequestTemp, HardwareID: o.pc("passer-by").id, Mode: "device",
		Edition: own.String(), Features: tsls.Announced(own)})
}

// look is what must hold in every state.
func (o *onlooker) look(rt *rapid.T) {
	o.status()
	o.lapse()
	taken := uint32(0)
	for id := range o.out {
		if !o.over[id] {
			taken++
		}
	}
	if taken > o.cals {
		rt.Fatalf("%d CALs are out, and there are %d", taken, o.cals)
	}
	issued := uint32(0)
	for _, p := range o.status().Packs {
		if p.Kind == token.CAL.String() {
			issued += p.Issued
		}
		if !p.Unlimited && p.Issued > p.Total {
			rt.Fatalf("key pack %s has issued %d of %d", p.ID, p.Issued, p.Total)
		}
	}
	if issued < taken {
		rt.Fatalf("%d CALs are out, and the license server knows of %d", taken, issued)
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
