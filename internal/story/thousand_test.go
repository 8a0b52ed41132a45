package story

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/wire/rdpsec"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// A year of a thousand devices with a hundred CALs, twenty of them at once: over RDP,
// at a terminal server that asks its license server over TLS, with whatever either
// does by itself: the sweep, the pings. Exactly a hundred are upgraded, and who comes
// every week keeps its CAL. The others live on their temporary tokens for ninety days
// and are refused after them. Ten stop coming: each of their CALs is in the pool a
// moment after its date, whether anybody asks or not, and the next device gets it.
// When nobody comes any more, the pool is whole.
//
// Left out is nothing of licensing: the connections are not encrypted under RDP, and
// the screens have 64 by 64 pixels, because at 800 by 600 nine tenths of the work is
// drawing. Devices without a CAL come once in four weeks, and the terminal server asks
// after its license server once a day, not every two hours.
//
// proves R10, R23, R96, R104, R110, R114, R116
func TestThousandDevices(t *testing.T) {
	devices, cals := 1000, 100
	if testing.Short() {
		devices, cals = 100, 10
	}
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		defer f.end()
		p := edition.W2KSP3()
		p.VerifyMin = 1440
		f.serve(p, uint32(cals))
		f.ts.journal.silence(true) // of so many connections it is large
		y := &year{farm: f, cals: cals, holds: map[*pc]bool{}, gone: map[*pc]bool{}}
		for i := range devices {
			y.all = append(y.all, f.small(fmt.Sprintf("C%d", i)))
		}
		y.begins()
		for n := 2; n < 53; n++ {
			y.week(n)
		}
		y.ends()
	})
}

// small is a device with nothing to hide.
func (f *farm) small(name string) *pc {
	d := f.pc(name, "9x")
	d.Security, d.Encryption = rdpconn.RDPOnly, []rdpsec.Method{rdpsec.MethodNone}
	return d
}

// year is the year of many devices.
type year struct {
	*farm
	cals  int
	all   []*pc
	holds map[*pc]bool // a CAL that is renewed
	gone  map[*pc]bool // held one and stopped coming
}

const (
	goneWeek = 20 // ten stop coming
	backWeek = 40 // and come again
)

// day0 is the moment of a week's connections: a minute later each week, so that no
// license ends while anybody is there.
func day0(week int) time.Duration { return time.Duration(week) * (7*day + time.Minute) }

func (y *year) begins() {
	y.t.Helper()
	y.at(day0(0))
	y.want(0, y.wave(y.all), map[string]int{"temporary": len(y.all)})
	y.at(day0(1))
	y.want(1, y.wave(y.all), map[string]int{"CAL": y.cals, "nothing": len(y.all) - y.cals})
	for _, d := range y.all {
		if l, ok := lastLicense(d); ok && l.Kind == token.CAL {
			y.holds[d] = true
		}
	}
	if len(y.holds) != y.cals || y.ls.free() != 0 {
		y.t.Fatalf("%d devices hold a CAL, %d are free", len(y.holds), y.ls.free())
	}
}

func (y *year) want(week int, got, want map[string]int) {
	y.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		y.t.Errorf("week %d: %v, want %v", week, got, want)
	}
}

// week lets those come whose week it is.
func (y *year) week(n int) {
	y.t.Helper()
	y.at(day0(n))
	if n == goneWeek {
		y.stop()
	}
	var holders, others []*pc
	for i, d := range y.all {
		switch {
		case y.holds[d]:
			holders = append(holders, d)
		case y.gone[d] && n < backWeek:
		case (i+n)%4 == 0:
			others = append(others, d)
		}
	}
	got := y.wave(holders)
	if got["CAL"]+got["nothing"] != len(holders) {
		y.t.Fatalf("week %d: of %d that hold a CAL: %v", n, len(holders), got)
	}
	free, good := int(y.ls.free()), 0
	for _, d := range others {
		if l, ok := lastLicense(d); ok && l.Kind == token.Temporary && time.Until(l.Expires) > 0 {
			good++
		}
	}
	got = y.wave(others)
	took := min(free, len(others))
	want := map[string]int{"CAL": took, "temporary": got["temporary"], "nothing": good}
	want["refused"] = len(others) - took - got["temporary"] - good
	maps.DeleteFunc(want, func(_ string, n int) bool { return n == 0 })
	y.want(n, got, want)
	for _, d := range others {
		l, ok := lastLicense(d)
		y.holds[d] = ok && l.Kind == token.CAL && time.Until(l.Expires) > 0
	}
	y.temporaries(n, got["temporary"])
	if n%13 == 0 {
		y.rows(n)
	}
}

// stop makes a tenth of those who hold a CAL stay away.
func (y *year) stop() {
	for _, d := range y.all {
		if y.holds[d] && len(y.gone) < y.cals/10 {
			y.gone[d] = true
			delete(y.holds, d)
		}
	}
}

// temporaries: after ninety days only those get a temporary token who had a CAL and
// lost it by staying away.
func (y *year) temporaries(week, got int) {
	y.t.Helper()
	if got > 0 && week < backWeek || got > len(y.gone) {
		y.t.Errorf("week %d: %d temporary tokens", week, got)
	}
}

// rows are what the license server has written down: one live row a device and kind.
func (y *year) rows(week int) {
	y.t.Helper()
	live := map[string]bool{}
	cals := 0
	for after := ""; ; {
		page := y.ls.tell(tsls.Licenses{After: after}).(tsls.LicenseList)
		for _, l := range page.Licenses {
			after = l.LicenseID
			if l.State != "active" {
				continue
			}
			key := fmt.Sprint(l.HardwareID, l.Kind)
			if live[key] {
				y.t.Errorf("week %d: %s has two live %s tokens", week, l.Machine, l.Kind)
			}
			if live[key] = true; l.Kind == token.CAL.String() {
				cals++
			}
		}
		if !page.More {
			break
		}
	}
	if free := int(y.ls.free()); cals+free != y.cals {
		y.t.Errorf("week %d: %d CALs are out and %d free, of %d", week, cals, free, y.cals)
	}
}

// ends lets everything expire, with nobody there.
func (y *year) ends() {
	y.t.Helper()
	taken := 0
	for _, d := range y.all {
		if y.holds[d] {
			taken++
		}
	}
	if taken != y.cals {
		y.t.Errorf("%d devices hold a CAL in the end, want %d", taken, y.cals)
	}
	y.at(day0(52) + 90*day)
	if free := y.ls.free(); int(free) != y.cals {
		y.t.Errorf("%d free of %d after all expiries", free, y.cals)
	}
	lapsed := 0
	for _, e := range y.ls.journal.events(y.t) {
		if e.Name != eventlog.TokenExpired.Name || e.Fields["kind"] != token.CAL.String() {
			continue
		}
		lapsed++
		at, err := time.Parse(time.RFC3339, e.Fields["expires"])
		if late := e.Lab.Sub(at); err != nil || late < 0 || late > time.Second {
			y.t.Errorf("%s went back to the pool %v after its date, %v", e.Fields["license_id"], late, err)
		}
	}
	if want := y.cals + len(y.gone); lapsed != want {
		y.t.Errorf("%d CALs have gone back to the pool by themselves, want %d", lapsed, want)
	}
}

// wave lets devices connect, twenty at once, and counts what they are given.
func (f *farm) wave(which []*pc) map[string]int {
	f.t.Helper()
	var mu sync.Mutex
	count := map[string]int{}
	var next atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for n := int(next.Add(1)) - 1; n < len(which); n = int(next.Add(1)) - 1 {
				what := visit(which[n])
				mu.Lock()
				count[what]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	synctest.Wait()
	return count
}

// visit connects, logs on and leaves; it returns the kind of token that came, or what
// became of the device instead.
func visit(d *pc) string {
	s, err := client.Connect(context.Background(), d.Config)
	var refused *client.RefusedError
	switch {
	case errors.As(err, &refused):
		return "refused"
	case err != nil:
		return err.Error()
	}
	defer s.Close()
	if s.Licensed.Stored == nil {
		return "nothing"
	}
	parsed, err := token.Parse(s.Licensed.Stored.License)
	if err != nil {
		return err.Error()
	}
	return parsed.Kind.String()
}
