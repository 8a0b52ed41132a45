package ls_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/wire/tsls"
)

// A mark may come again; the row tells what the token is worth.
//
// proves R33
func TestMarkTwice(t *testing.T) {
	l := newLab(t, edition.W2KSP3())
	d := newDevice(1)
	l.ask(d, tsls.RequestTemp, tsls.ClassNone)
	for i := range 3 {
		if m := l.mark(d); m.Created {
			t.Errorf("mark %d makes a row", i)
		}
	}
	n := 0
	for _, e := range l.logged() {
		if e.Name == eventlog.TokenValidated.Name {
			n++
		}
	}
	if n != 1 {
		t.Errorf("validated %d times in the log, want once", n)
	}
	if rows := must[tsls.LicenseList](l, tsls.Licenses{}).Licenses; len(rows) != 1 || !rows[0].Validated ||
		!rows[0].Issued.Equal(day0) || !rows[0].Expires.Equal(day0.AddDate(0, 0, 90)) {
		t.Errorf("rows %+v", rows)
	}
}

// A page of the longest rows still fits into a message.
func TestPageOfLongRows(t *testing.T) {
	l := newLab(t, edition.W2KSP3())
	long := strings.Repeat("x", 255)
	var work sync.WaitGroup
	for i := range 800 {
		work.Go(func() {
			_, err := l.tell(tsls.Mark{LicenseID: fmt.Sprintf("%0255d", i), HardwareID: newDevice(i).id, Issuer: long,
				Machine: long, User: long, Expires: day0.AddDate(0, 0, 30)})
			if err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	n, after := 0, ""
	for {
		page := must[tsls.LicenseList](l, tsls.Licenses{After: after})
		n += len(page.Licenses)
		if !page.More {
			break
		}
		after = page.Licenses[len(page.Licenses)-1].LicenseID
	}
	if n != 800 {
		t.Errorf("%d licenses on all pages, want 800", n)
	}
}

// A mark of a token without a row makes one, with the token's own id, issuer and
// date; the token is then this server's to upgrade.
//
// proves R108
func TestMarkOfUnknownToken(t *testing.T) {
	l := licensed(t, edition.W2KSP3(), 1)
	d := newDevice(1)
	d.license.LicenseID, d.license.Issuer, d.license.Expires = "LAB-OTHER-0000007", "ls2", day0.AddDate(0, 0, 40)
	if m := l.mark(d); !m.Created {
		t.Error("no row was made")
	}
	if rows := must[tsls.LicenseList](l, tsls.Licenses{}).Licenses; len(rows) != 1 || !rows[0].Validated {
		t.Errorf("the row that was made: %+v", rows)
	}
	if m := l.mark(d); m.Created {
		t.Error("a second row was made")
	}
	want := []tsls.LicenseInfo{{
		LicenseID: "LAB-OTHER-0000007", Kind: "temporary", Product: "Windows 2000", State: "active", HardwareID: d.id,
		Machine: "PC1", User: "lab", Issuer: "ls2", Issued: day0, Expires: day0.AddDate(0, 0, 40), Validated: true,
	}}
	if diff := cmp.Diff(want, must[tsls.LicenseList](l, tsls.Licenses{}).Licenses); diff != "" {
		t.Errorf("rows: -want +got\n%s", diff)
	}
	l.restart()
	if a := l.ask(d, tsls.RequestCAL, tsls.ClassTemporary); a.Answer != tsls.AnswerCALTake {
		t.Errorf("answer %v", a.Answer)
	}
	if diff := cmp.Diff([]string{"temporary closed", "CAL active"}, l.rows(d)); diff != "" {
		t.Errorf("rows: -want +got\n%s", diff)
	}
	l.sound()
}

// The token that the device shows counts, not the one that it was given before.
func TestMarkReplacesOlderToken(t *testing.T) {
	l := newLab(t, edition.W2KSP3())
	d := newDevice(1)
	l.ask(d, tsls.RequestTemp, tsls.ClassNone)
	d.license.LicenseID, d.license.Issuer = "LAB-OTHER-0000007", ""
	l.mark(d)
	if diff := cmp.Diff([]string{"temporary closed", "temporary active"}, l.rows(d)); diff != "" {
		t.Errorf("rows: -want +got\n%s", diff)
	}
	l.sound()
}

// A token without a date gets one here: no temporary token lives for ever.
func TestMarkWithoutDate(t *testing.T) {
	l := newLab(t, edition.W2KSP3())
	d := newDevice(1)
	d.license.LicenseID, d.license.Issuer = "LAB-OTHER-0000007", "ls2"
	l.mark(d)
	if rows := must[tsls.LicenseList](l, tsls.Licenses{}).Licenses; !rows[0].Expires.Equal(day0.AddDate(0, 0, 90)) {
		t.Errorf("rows %+v", rows)
	}
}

func TestMarkAfterUpgrade(t *testing.T) {
	l := licensed(t, edition.W2KSP3(), 1)
	d := newDevice(1)
	l.ask(d, tsls.RequestTemp, tsls.ClassNone)
	temp := d.license
	l.mark(d)
	l.ask(d, tsls.RequestCAL, tsls.ClassTemporary)
	d.license = temp
	if m := l.mark(d); m.Created || len(l.rows(d)) != 2 {
		t.Errorf("a late mark: %+v, rows %v", m, l.rows(d))
	}
}

func TestMarkRefuses(t *testing.T) {
	l := licensed(t, edition.W2KSP3(), 1)
	d, other := newDevice(1), newDevice(2)
	l.earn(d)
	for _, tt := range []struct {
		name string
		m    tsls.Mark
		code tsls.Code
	}{
		{"no license id", tsls.Mark{HardwareID: d.id}, tsls.CodeMalformed},
		{"a CAL", tsls.Mark{LicenseID: d.license.LicenseID, HardwareID: d.id}, tsls.CodeNoLicense},
		{"another device's", tsls.Mark{LicenseID: d.license.LicenseID, HardwareID: other.id}, tsls.CodeNoLicense},
		{"an id too long", tsls.Mark{LicenseID: strings.Repeat("x", 300), HardwareID: d.id}, tsls.CodeMalformed},
	} {
		if _, err := l.tell(tt.m); !errors.Is(err, tsls.Error{Code: tt.code}) {
			t.Errorf("%s: error %v, want %v", tt.name, err, tt.code)
		}
	}
	l.sound()
}

func TestReturn(t *testing.T) {
	l := licensed(t, edition.W2KSP3(), 1)
	d := newDevice(1)
	l.earn(d)
	cal := tsls.Return{LicenseID: d.license.LicenseID, HardwareID: d.id}
	if _, err := l.tell(tsls.Return{LicenseID: cal.LicenseID, HardwareID: newDevice(2).id}); !errors.Is(err, tsls.Error{Code: tsls.CodeNoLicense}) {
		t.Errorf("another device's: %v", err)
	}
	if _, err := l.tell(tsls.Return{LicenseID: "LAB-OTHER-0000001", HardwareID: d.id}); !errors.Is(err, tsls.Error{Code: tsls.CodeNoLicense}) {
		t.Errorf("another server's: %v", err)
	}
	for _, freed := range []bool{true, false, false} {
		if r := must[tsls.Returned](l, cal); r.Freed != freed || l.free() != 1 {
			t.Errorf("returned: freed %v, %d free; want %v, 1", r.Freed, l.free(), freed)
		}
	}
	if a := l.ask(d, tsls.RequestTemp, tsls.ClassNone); a.Answer != tsls.AnswerTempNew {
		t.Errorf("after the return: %v", a.Answer)
	}
	l.sound()
}

// An Internet Connector license is held by a terminal server: one each, none without
// a free one, and back by a return.
func TestInternetConnector(t *testing.T) {
	l := licensed(t, edition.W2KSP3(), 5)
	ts1, ts2 := newDevice(1), newDevice(2)
	if a := l.ask(ts1, tsls.RequestInternetConnector, tsls.ClassNone); a.Answer != tsls.AnswerDenyStock {
		t.Errorf("without a pack: %v", a.Answer)
	}
	l.install(connectorPack(1))
	for range 2 {
		if a := l.ask(ts1, tsls.RequestInternetConnector, tsls.ClassNone); a.Answer != tsls.AnswerCALTake || !ts1.license.Expires.IsZero() {
			t.Errorf("answer %v, expires %v", a.Answer, ts1.license.Expires)
		}
	}
	if a := l.ask(ts2, tsls.RequestInternetConnector, tsls.ClassNone); a.Answer != tsls.AnswerDenyStock {
		t.Errorf("second terminal server: %v", a.Answer)
	}
	must[tsls.Returned](l, tsls.Return{LicenseID: ts1.license.LicenseID, HardwareID: ts1.id})
	if a := l.ask(ts2, tsls.RequestInternetConnector, tsls.ClassNone); a.Answer != tsls.AnswerCALTake {
		t.Errorf("after the return: %v", a.Answer)
	}
	if diff := cmp.Diff([]string{"Internet Connector returned"}, l.rows(ts1)); diff != "" {
		t.Errorf("rows: -want +got\n%s", diff)
	}
	if l.free() != 5 {
		t.Errorf("%d CALs free, want 5", l.free())
	}
	l.sound()
}

func TestPages(t *testing.T) {
	l := newLab(t, edition.W2KSP3())
	for i := range 25 {
		l.ask(newDevice(i), tsls.RequestTemp, tsls.ClassNone)
		l.clock.mu.Lock()
		l.clock.now = l.clock.now.Add(time.Second)
		l.clock.mu.Unlock()
	}
	seen, after := 0, ""
	for pages := 1; ; pages++ {
		page := must[tsls.LicenseList](l, tsls.Licenses{After: after, Limit: 10})
		for _, r := range page.Licenses {
			if r.LicenseID <= after {
				t.Errorf("%s stands behind %s", r.LicenseID, after)
			}
			after = r.LicenseID
			seen++
		}
		if !page.More {
			if pages != 3 || seen != 25 {
				t.Errorf("%d pages with %d licenses, want 3 with 25", pages, seen)
			}
			break
		}
	}
	if _, err := l.tell(tsls.Licenses{After: "LAB-NONE"}); !errors.Is(err, tsls.Error{Code: tsls.CodeNoLicense}) {
		t.Errorf("after an unknown license: %v", err)
	}
}
