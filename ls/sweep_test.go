package ls_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// inYear starts a license server with n CALs and its duties, on the calendar of a
// synctest bubble.
func inYear(t *testing.T, p edition.Profile, n uint32) *lab {
	t.Helper()
	l := licensed(t, p, n)
	l.live()
	return l
}

// live moves the server to the bubble's own calendar and runs its duties.
func (l *lab) live() {
	l.t.Helper()
	if err := l.Close(); err != nil {
		l.t.Fatal(err)
	}
	l.config.Clock = clock.System{}
	l.config.Log = eventlog.New(l.events, "ls1", ls.Program, clock.System{}, nil)
	l.start()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, nil, nil) }()
	l.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			l.t.Errorf("Run: %v", err)
		}
		l.Close()
	})
	<-l.Ready()
}

// until sleeps to a moment of the bubble's calendar and lets everything due be done.
func until(t time.Time) {
	<-time.After(time.Until(t))
	synctest.Wait()
}

// What is not renewed goes back to the pool on its own second, and not before.
//
// proves R116
func TestExpiryReturnsToPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := inYear(t, edition.W2KSP3(), 2)
		d := newDevice(1)
		l.earn(d)
		l.earn(newDevice(2))
		expires := d.license.Expires
		if days := expires.Sub(d.license.Issued).Hours() / 24; days < 52 || days > 89 {
			t.Errorf("the CAL lives %v days", days)
		}
		until(expires)
		if rows := l.rows(d); !cmp.Equal(rows, []string{"temporary closed", "CAL active"}) {
			t.Errorf("on the last second: %v", rows)
		}
		until(expires.Add(time.Nanosecond))
		if rows := l.rows(d); !cmp.Equal(rows, []string{"temporary closed", "CAL expired"}) {
			t.Errorf("a moment later: %v", rows)
		}
		e := l.last(eventlog.TokenExpired)
		if e.Fields["license_id"] != d.license.LicenseID || !e.Lab.Equal(expires.Add(time.Nanosecond)) {
			t.Errorf("event %+v, want one of %s at %v", e, d.license.LicenseID, expires)
		}
		until(expires.AddDate(0, 3, 0))
		if l.free() != 2 {
			t.Errorf("%d free after all expiries, want 2", l.free())
		}
	})
}

// A year of 40 devices with 10 CALs: some renew, some vanish, everybody asks again
// and again; never more than 10 are out, every expiry is told once, and at the end of
// it all the pool is whole.
func TestYear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := inYear(t, edition.W2KSP3(), 10)
		begin := time.Now()
		devices := make([]*device, 40)
		for i := range devices {
			devices[i] = newDevice(i)
		}
		for day := range 365 {
			until(begin.AddDate(0, 0, day))
			for i, d := range devices {
				if (day+i)%(3+i%9) == 0 && day < 300-5*i {
					l.connect(d)
				}
			}
			if free := l.free(); free > 10 {
				t.Fatalf("day %d: %d free of 10", day, free)
			}
		}
		until(begin.AddDate(0, 0, 365+90))
		if l.free() != 10 {
			t.Errorf("%d free in the end, want 10", l.free())
		}
		taken, expired := 0, map[string]int{}
		for _, e := range l.logged() {
			switch {
			case e.Name == eventlog.TokenExpired.Name:
				expired[e.Fields["license_id"]+e.Fields["expires"]]++
			case e.Fields["answer"] == tsls.AnswerCALTake.String():
				taken++
			}
		}
		for id, n := range expired {
			if n != 1 {
				t.Errorf("%s expired %d times", id, n)
			}
		}
		if taken <= 10 || len(expired) < taken {
			t.Errorf("%d CALs taken, %d expiries: want the pool used more than once", taken, len(expired))
		}
	})
}

// connect does for a device what a terminal server does, in broad strokes.
func (l *lab) connect(d *device) {
	l.t.Helper()
	now, left := time.Now(), time.Until(d.license.Expires)
	switch {
	case len(d.blob) == 0:
		l.ask(d, tsls.RequestTemp, tsls.ClassNone)
	case d.license.Kind == token.Temporary && now.After(d.license.Expires):
		l.ask(d, tsls.RequestCAL, tsls.ClassTemporaryExpired)
	case d.license.Kind == token.Temporary:
		l.mark(d)
		l.ask(d, tsls.RequestCAL, tsls.ClassTemporary)
	case now.After(d.license.Expires):
		l.ask(d, tsls.RequestCAL, tsls.ClassPermExpired)
	case left <= 7*24*time.Hour:
		if a := l.ask(d, tsls.RequestRenew, tsls.ClassPermNear); a.Answer != tsls.AnswerCALRenew {
			l.t.Errorf("%s: %v to a renewal in time", d.name, a.Answer)
		}
	}
}

// The white paper's example: a device with a CAL of 89 days is reinstalled, gets a
// temporary token because no CAL is left, and the CAL again when it has come back.
//
// proves R117, R118
func TestReinstalledDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := inYear(t, knob(t, edition.W2KSP3(), "cal_life_days=89", "resend_live_row=off"), 1)
		begin := time.Now()
		d := newDevice(1)
		l.earn(d)
		first := d.license.LicenseID
		until(begin.AddDate(0, 0, 30))
		d.blob = nil // reinstalled
		if a := l.ask(d, tsls.RequestTemp, tsls.ClassNone); a.Answer != tsls.AnswerTempNew {
			t.Fatalf("day 30: %v, want a temporary token", a.Answer)
		}
		l.mark(d)
		until(begin.AddDate(0, 0, 88))
		if a := l.ask(d, tsls.RequestCAL, tsls.ClassTemporary); a.Answer != tsls.AnswerKeep {
			t.Errorf("day 88: %v", a.Answer)
		}
		until(begin.AddDate(0, 0, 89).Add(time.Second))
		if e := l.last(eventlog.TokenExpired); e.Fields["license_id"] != first || l.free() != 1 {
			t.Errorf("day 89: %v expired, %d free", e.Fields, l.free())
		}
		if a := l.ask(d, tsls.RequestCAL, tsls.ClassTemporary); a.Answer != tsls.AnswerCALTake || l.free() != 0 {
			t.Errorf("day 89: %v, %d free", a.Answer, l.free())
		}
	})
}

// An edition that returns nothing by itself keeps an expired CAL taken.
//
// proves R119
func TestNoAutoReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := inYear(t, knob(t, edition.W2KSP3(), "auto_return=no"), 1)
		d := newDevice(1)
		l.earn(d)
		until(d.license.Expires.AddDate(0, 1, 0))
		if l.free() != 0 || l.rows(d)[1] != "CAL superseded" {
			t.Errorf("%d free, rows %v", l.free(), l.rows(d))
		}
		status, err := l.Status()
		if err != nil || !status.NextExpiry.IsZero() {
			t.Errorf("status %+v, %v; want nothing due", status, err)
		}
		a := must[tsls.Returned](l, tsls.Return{LicenseID: d.license.LicenseID, HardwareID: d.id})
		if !a.Freed || l.free() != 1 {
			t.Errorf("return: %+v, %d free", a, l.free())
		}
	})
}

// Without Run a request still sees the pool of its moment.
func TestRequestSweepsFirst(t *testing.T) {
	l := licensed(t, edition.W2KSP3(), 1)
	l.earn(newDevice(1))
	l.clock.days(90)
	d := newDevice(2)
	l.ask(d, tsls.RequestTemp, tsls.ClassNone)
	l.mark(d)
	if a := l.ask(d, tsls.RequestCAL, tsls.ClassTemporary); a.Answer != tsls.AnswerCALTake {
		t.Errorf("answer %v, want the CAL that has expired", a.Answer)
	}
	var names []string
	for _, e := range l.logged()[len(l.logged())-4:] {
		names = append(names, e.Name)
	}
	want := []string{"token.expired", "token.issued", "token.validated", "token.upgraded"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("events: -want +got\n%s", diff)
	}
	l.sound()
}

// The lab's calendar waits for the sweep: once a move returns, what was due is done.
func TestLabBarrier(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock")
	if err := clock.CreateLab(path, day0); err != nil {
		t.Fatal(err)
	}
	lab, err := clock.OpenLab(path)
	if err != nil {
		t.Fatal(err)
	}
	defer lab.Close()
	l := licensed(t, edition.W2KSP3(), 1)
	l.Close()
	l.config.Clock = lab
	l.start()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, nil, nil) }()
	<-l.Ready()
	l.earn(newDevice(1))
	for day := range 90 {
		if err := lab.Advance(t.Context(), 24*time.Hour); err != nil {
			t.Fatalf("day %d: %v", day, err)
		}
	}
	if l.free() != 1 {
		t.Errorf("%d free after 90 days, want 1", l.free())
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestPinnedLife(t *testing.T) {
	for life, want := range map[string]string{"60": "1440h0m0s", "unlimited": "never"} {
		l := licensed(t, knob(t, edition.W2KSP3(), "cal_life_days="+life), 1)
		d := newDevice(1)
		l.earn(d)
		got := "never"
		if !d.license.Expires.IsZero() {
			got = fmt.Sprint(d.license.Expires.Sub(d.license.Issued))
		}
		if got != want {
			t.Errorf("cal_life_days=%s: the CAL lives %s, want %s", life, got, want)
		}
	}
}

// A pack of another version: a 2003 server gives a Windows 2000 terminal server its
// own kind of CAL first, and a newer one if it has none and may.
func TestVersions(t *testing.T) {
	w2k := enroll.KeyPack{PackID: packID(1), Count: 1}
	newer := enroll.KeyPack{PackID: packID(2), Count: 1, Product: "Windows Server 2003", Major: 5, Minor: 2}
	asW2K := func(r *tsls.Allocate) { r.Edition = "w2k-rtm"; r.Features = 0 }
	for _, tt := range []struct {
		name  string
		p     edition.Profile
		packs []enroll.KeyPack
		want  string
	}{
		{"own first", edition.WS2003(), []enroll.KeyPack{newer, w2k}, "5.0"},
		{"newer if there is no own", edition.WS2003(), []enroll.KeyPack{newer}, "5.2"},
		{"not if that is prevented", knob(t, edition.WS2003(), "prevent_upgrade=on"), []enroll.KeyPack{newer}, "none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := licensed(t, tt.p, 0)
			for _, k := range tt.packs {
				l.install(k)
			}
			d := newDevice(1)
			got := "none"
			if a := l.ask(d, tsls.RequestCAL, tsls.ClassNone, asW2K); a.Answer == tsls.AnswerCALTake {
				got = d.license.Version.String()
			}
			if got != tt.want {
				t.Errorf("CAL of version %s, want %s", got, tt.want)
			}
		})
	}
}

// A calendar that was set back after a CAL was issued: renewed, the CAL ends after it
// begins, and is good at once.
func TestRenewalBeforeTheIssue(t *testing.T) {
	for _, tt := range []struct {
		name    string
		request tsls.Request
		class   tsls.Class
		ahead   int // days, before the calendar goes back
		want    tsls.Answer
	}{
		{"renewed", tsls.RequestRenew, tsls.ClassPermNear, 0, tsls.AnswerCALRenew},
		{"revived", tsls.RequestCAL, tsls.ClassPermExpired, 90, tsls.AnswerCALTake},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := licensed(t, edition.W2KSP3(), 1)
			d := newDevice(1)
			l.earn(d)
			id := d.license.LicenseID
			l.clock.days(tt.ahead)
			l.restart()                                           // it takes the calendar as it finds it
			l.ask(newDevice(2), tsls.RequestTemp, tsls.ClassNone) // and ends what has ended
			l.clock.days(-tt.ahead - 100)
			l.restart()
			a := l.ask(d, tt.request, tt.class)
			if a.Answer != tt.want || d.license.LicenseID != id || d.license.Issued.After(l.clock.Now()) || !d.license.Expires.After(l.clock.Now()) {
				t.Errorf("%v: %+v", a.Answer, d.license)
			}
			l.sound()
		})
	}
}

// Who renews a license that was copied is who the row names from then on.
func TestRenewalNamesTheRenewer(t *testing.T) {
	l := licensed(t, edition.W2KSP3(), 1)
	d := newDevice(1)
	l.earn(d)
	clone := &device{id: d.id, name: strings.Repeat("Ä", 200), license: d.license}
	if a := l.ask(clone, tsls.RequestRenew, tsls.ClassPermNear, func(a *tsls.Allocate) { a.User = "other" }); a.Answer != tsls.AnswerCALRenew {
		t.Fatal(a.Answer)
	}
	for _, r := range must[tsls.LicenseList](l, tsls.Licenses{}).Licenses {
		if r.Kind == token.CAL.String() && (!strings.HasPrefix(clone.name, r.Machine) || len(r.Machine) < 250 || r.User != "other") {
			t.Errorf("the row names %s and %s", r.Machine, r.User)
		}
	}
	if !strings.HasPrefix(clone.name, clone.license.Machine) || clone.license.User != "other" {
		t.Errorf("the token names %s and %s", clone.license.Machine, clone.license.User)
	}
	l.sound()
}
