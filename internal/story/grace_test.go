package story

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ts"
)

// By the letter of KB 326422 the grace period "provides a temporary license" itself: one
// that the terminal server signs, that ends with the grace period, and that admits
// nobody after it, nor to another terminal server (C18, knob grace_token).
//
// proves R171, R172
func TestGraceToken(t *testing.T) {
	for _, e := range edition.All() {
		t.Run(e.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { graceToken(t, edition.Of(e)) })
		})
	}
}

func graceToken(t *testing.T, p edition.Profile) {
	if err := p.SetAll([]string{"grace_token=ts-temp", "verify_min=20000", "retry_min=1440"}); err != nil {
		t.Fatal(err)
	}
	plain := p
	plain.GraceToken = edition.NoGraceToken
	f := newFarm(t)
	defer f.end()
	f.sell("ls1", plain, 5)
	f.wires.cut(f.ls.addr, true)
	f.ts = f.termServer("ts1", p, f.ls.addr)
	other := f.termServer("ts2", plain, f.ls.addr)
	defer other.stop()
	c1, c2 := f.pc("C1", "mac"), f.pc("C2", "9x")
	end := f.begin.Add(time.Duration(p.GraceDays) * day)
	for n, d := range []*pc{c1, c2, c1} {
		f.at(time.Duration(n) * day)
		out := f.connect(f.ts, d, true)
		l, ok := lastLicense(d)
		if out.rule != "M37t" || out.given != "temporary" || !ok || l.Issuer != "ts1" || l.Expires.Sub(end).Abs() > time.Minute {
			t.Errorf("day %d: %+v, holds %+v until %v, want until %v", n, out, l, l.Expires, end)
		}
		f.ts.restart(func(*ts.Config) {}) // it knows its tokens again
	}
	first, _ := lastLicense(c1)
	if out := f.connect(other, c1, true); out.rule != "M37" || out.given != "" {
		t.Errorf("at another terminal server: %+v", out)
	}
	f.at(80 * day)
	if out := f.connect(f.ts, c1, true); out.license.LicenseID != first.LicenseID || !out.license.Expires.Equal(first.Expires) {
		t.Errorf("day 80: %+v, want %+v again", out.license, first)
	}
	f.at(time.Duration(p.GraceDays)*day - time.Hour)
	if out := f.connect(f.ts, c2, true); out.rule != "M37t" {
		t.Errorf("an hour before the end: %+v", out)
	}
	f.at(time.Duration(p.GraceDays)*day + time.Hour)
	if out := f.connect(f.ts, c1, true); out.rule != "M38" || !out.refused {
		t.Errorf("after the grace period: %+v", out)
	}
	f.wires.cut(f.ls.addr, false)
	f.at(time.Duration(p.GraceDays+1) * day)
	want := map[edition.Edition]string{edition.RTM: "M43", edition.SP3: "M46", edition.Server2003: "M47"}[p.Edition]
	if out := f.connect(f.ts, c1, true); out.rule != want || out.license.Issuer == "ts1" {
		t.Errorf("with a license server: %+v, want %s as for a device that has nothing", out, want)
	}
}
