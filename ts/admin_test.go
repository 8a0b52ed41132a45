package ts_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/tsls"
)

// talked counts what a license server hears from now on.
func (ls *licenseServer) talked() func() int64 {
	var n atomic.Int64
	ls.script(func(tsls.Message) tsls.Message { n.Add(1); return nil })
	return n.Load
}

// TestRemoteAdministration: no license, no license server, no grace period; and two
// sessions, the third is sent away with the protocol's own reason.
//
// proves R6
func TestRemoteAdministration(t *testing.T) {
	var l *lab
	ls := serveLicenses(t, "127.0.0.1:0", func() time.Time { return l.clock.Now() })
	talked := ls.talked()
	l = newLab(t, func(c *ts.Config) { c.Mode, c.LicenseServer = policy.ModeAdmin, ls.addr })
	for _, name := range []string{"PC-1", "PC-2"} {
		s, err := client.Connect(t.Context(), l.device(t, name))
		if err != nil || len(s.Licensed.Messages) != 1 {
			t.Fatalf("%s: %v", name, err)
		}
		defer s.Close()
	}
	_, err := client.Connect(t.Context(), l.device(t, "PC-3"))
	var refused *client.RefusedError
	if !errors.As(err, &refused) || refused.ErrorInfo != 0x10A {
		t.Errorf("third session: %v, want error info 0x10A", err)
	}
	if err := l.clock.AdvanceBySteps(t.Context(), 100*day, day); err != nil {
		t.Fatal(err)
	}
	if n := talked(); n != 0 {
		t.Errorf("the license server heard %d messages", n)
	}
	if s := l.Status(); s.Grace.State != policy.GraceNotStarted || s.Sessions != 2 {
		t.Errorf("grace period %+v, %d sessions", s.Grace, s.Sessions)
	}
	count := l.count()
	if count["session.refused"] != 1 || count["license.denied"] != 0 || count["termservice.no-license-server"] != 0 {
		t.Errorf("events: %v", count)
	}
}

// configure sets what tscc would and returns the result and its text.
func (l *lab) configure(t *testing.T, set ...string) (result, text string) {
	t.Helper()
	done, err := l.Configure(ts.Settings{Set: set})
	if err != nil {
		t.Fatalf("%v: %v", set, err)
	}
	return done.Result, done.Text
}

// TestConfigure sets what can be set, and is told why not.
//
// proves R90
func TestConfigure(t *testing.T) {
	w2k := newLab(t, nil)
	net := startLab(t, w2k.clock, func(c *ts.Config) { c.Profile = edition.WS2003() })
	for _, tt := range []struct {
		l            *lab
		set          []string
		result, text string
	}{
		{w2k, []string{"mode=device"}, "no-op", ""},
		{w2k, []string{"mode=user"}, "refuse", "Windows Server 2003"},
		{w2k, []string{"mode=ic"}, "refuse", "tscc ic enable"},
		{w2k, []string{"mode=sometimes"}, "refuse", "want device"},
		{w2k, []string{"mode=admin", "grace_days=x"}, "refuse", "grace_days"},
		{w2k, []string{"mode=device"}, "no-op", ""}, // all or none
		{w2k, []string{"mode=admin"}, "ok", "mode=admin"},
		{w2k, []string{"mode=device"}, "ok", ""},
		{w2k, []string{"DefaultLicenseServer=LS1 LS2"}, "refuse", "exactly one"},
		{w2k, []string{"DefaultLicenseServer=LS1,LS2"}, "refuse", "exactly one"},
		{w2k, []string{"LicenseServers=LS1"}, "refuse", "DefaultLicenseServer"},
		{w2k, []string{"DefaultLicenseServer=127.0.0.9:1"}, "ok", ""},
		{w2k, []string{"DefaultLicenseServer=127.0.0.9:1"}, "no-op", ""},
		{w2k, []string{"temp_days=3"}, "refuse", "it is the license server's; start lserver with --set temp_days=3"},
		{w2k, []string{"failback=on"}, "ok", ""},
		{w2k, []string{"advance_step=1h"}, "refuse", "it is the calendar's"},
		{w2k, []string{"builtin_expiry=30"}, "refuse", "it is the license server's"},
		{w2k, []string{"bogus=3"}, "refuse", "not known"},
		{w2k, []string{"retry_min=20"}, "ok", ""},
		{net, []string{"mode=user"}, "ok", ""},
		{net, []string{"mode=device"}, "ok", ""},
		{net, []string{"DefaultLicenseServer=LS1"}, "refuse", "LicenseServers"},
		{net, []string{"LicenseServers=127.0.0.9:1"}, "ok", ""},
		{net, []string{"LicenseServers=127.0.0.9:1,LS2"}, "ok", ""},
		{net, []string{"override=DefaultLicenseServer"}, "refuse", "names exactly one"},
		{net, []string{"LicenseServers=127.0.0.9:1", "override=DefaultLicenseServer"}, "ok", ""},
		{net, []string{"LicenseServers=127.0.0.9:1"}, "refuse", "reads the value DefaultLicenseServer"},
		{net, []string{"override=LicenseServers"}, "ok", ""},
		{net, []string{"dls_beats_grace=yes"}, "refuse", "does not apply"},
	} {
		if result, text := tt.l.configure(t, tt.set...); result != tt.result || !strings.Contains(text, tt.text) {
			t.Errorf("%v at %s: %s %q, want %s %q", tt.set, tt.l.Status().Edition, result, text, tt.result, tt.text)
		}
	}
	if s := w2k.Status(); s.LicenseServer != "127.0.0.9:1" || !s.ViaDefault || s.Knobs["retry_min"] != "20" {
		t.Errorf("%+v", s)
	}
	w2k.await(t, "termservice.no-license-server") // it was sought at once
}

// TestEveryKnobHasItsReason: a knob that cannot be set on a running terminal server
// is refused with why; only those that the license server's packages read are said
// to be its.
func TestEveryKnobHasItsReason(t *testing.T) {
	theirs := []string{
		"upgrade_needs_validated", "temp_days", "temps_per_hwid", "cal_life_days", "auto_return", "resend_live_row",
		"builtin_expiry", "default_ls_empty", "default_ls_referral", "serves_ts", "prevent_upgrade", "ls_upgrade",
		"max_step", "announce_min", "ls_host",
	}
	labs := map[edition.Edition]*lab{edition.SP3: newLab(t, nil)}
	labs[edition.Server2003] = startLab(t, labs[edition.SP3].clock, func(c *ts.Config) { c.Profile = edition.WS2003() })
	for _, k := range edition.Knobs() {
		e := edition.SP3
		if k.Default(e) == "-" {
			e = edition.Server2003
		}
		value := k.Default(e)
		result, text := labs[e].configure(t, k.Name+"="+value)
		settable := slices.Contains(ts.Knobs(), k.Name) || k.Name == "license_mode"
		switch {
		case settable && result == "refuse":
			t.Errorf("%s: %s", k.Name, text)
		case !settable && (result != "refuse" || !strings.Contains(text, "cannot be set here: ")):
			t.Errorf("%s: %s %q", k.Name, result, text)
		case !settable && strings.Contains(text, "it is the license server's") && !slices.Contains(theirs, k.Name):
			t.Errorf("%s is called the license server's", k.Name)
		}
	}
}

// TestSettingsSurviveRestart: what an administrator has set counts before what the
// server is started with.
func TestSettingsSurviveRestart(t *testing.T) {
	dir := t.TempDir()
	l := newLab(t, func(c *ts.Config) { c.Dir = dir })
	l.configure(t, "mode=admin", "DefaultLicenseServer=ls7", "warn_days=3")
	was := l.Status()
	l.stop()
	l = startLab(t, l.clock, func(c *ts.Config) { c.Dir, c.LicenseServer = dir, "192.0.2.1:1" })
	now := l.Status()
	if diff := cmp.Diff(was.Set, now.Set); diff != "" || now.Mode != "admin" || now.LicenseServer != "ls7:3343" || now.Knobs["warn_days"] != "3" {
		t.Errorf("%s after a restart: %+v", diff, now)
	}
}

// TestAddresses: a license server is named in any of three ways, and is one.
//
// proves R88
func TestAddresses(t *testing.T) {
	for name, want := range map[string]string{
		"": "", "LS1": "LS1:3343", "ls1.lab.example": "ls1.lab.example:3343", "192.0.2.7": "192.0.2.7:3343",
		"192.0.2.7:99": "192.0.2.7:99", "2001:db8::7": "[2001:db8::7]:3343", "[2001:db8::7]": "[2001:db8::7]:3343",
		"a b": "!", "a;b": "!", "http://ls1": "!", "a:b:c": "!",
	} {
		got, err := ts.LicenseServerAddress(name)
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("%q: %q, %v, want %q", name, got, err, want)
		}
	}
}

// TestGraceTexts: the dated events say their dates, on their days, at the hour at
// which the period began; the last one is written once, whoever comes.
//
// proves R25, R26, R153, R154
func TestGraceTexts(t *testing.T) {
	l := newLab(t, nil)
	if s := l.Status().Grace.State; s != policy.GraceNotStarted {
		t.Errorf("before any client the grace period is %s", s)
	}
	if _, err := connect(t, l.device(t, "PC-1")); err != nil {
		t.Fatal(err)
	}
	end := l.Status().Grace.End
	if err := l.clock.AdvanceBySteps(t.Context(), 89*day, day); err != nil {
		t.Fatal(err)
	}
	const about = "The terminal services licensing grace period is about to expire on %1 and the service has not registered with a license server.  A terminal services license server is required for continuous operation.  A terminal server can operate without a license server for 90 days after initial start up."
	for n := 14; n >= 1; n-- {
		e := l.await(t, "termservice.grace-expiring")
		if want := strings.Replace(about, "%1", end.Format("2006-01-02 15:04"), 1); e.Text != want || e.ID != 1009 {
			t.Errorf("%d: %q, want %q", e.ID, e.Text, want)
		}
		if due := end.Add(-time.Duration(n) * day); e.Lab.Before(due) || e.Lab.After(due.Add(time.Minute)) {
			t.Errorf("%d days before the end: at %v, want %v", n, e.Lab, due)
		}
	}
	l.count()
	// The end, while clients come.
	done := make(chan error, 8)
	for range cap(done) {
		device := l.device(t, "PC-2")
		go func() {
			s, err := client.Connect(t.Context(), device)
			if err == nil {
				err = s.Close()
			}
			done <- err
		}()
	}
	if err := l.clock.Advance(t.Context(), 2*day); err != nil {
		t.Fatal(err)
	}
	for range cap(done) {
		<-done
	}
	if _, err := connect(t, l.device(t, "PC-3")); err == nil {
		t.Error("admitted after the grace period")
	}
	l.stop()
	var expired []string
	for _, e := range l.rest() {
		if e.ID == 1008 {
			expired = append(expired, e.Text)
		}
	}
	want := []string{"The terminal services licensing grace period has expired and the service has not registered with a license server.  A terminal services license server is required for continuous operation.  A terminal server can operate without a license server for 90 days after initial start up."}
	if diff := cmp.Diff(want, expired); diff != "" {
		t.Errorf("event 1008: -want +got\n%s", diff)
	}
}

// TestExpiryIsClientsToo: the client that comes first after the end, before the
// calendar's duties are done, writes event 1008, whole and once.
func TestExpiryIsClientsToo(t *testing.T) {
	calendar := &jumping{}
	calendar.now.Store(&day0)
	l := newLab(t, func(c *ts.Config) { c.Clock = calendar })
	if _, err := connect(t, l.device(t, "PC-1")); err != nil {
		t.Fatal(err)
	}
	later := day0.Add(91 * day)
	calendar.now.Store(&later) // no duty wakes for it
	for range 2 {
		if _, err := connect(t, l.device(t, "PC-2")); err == nil {
			t.Error("admitted after the grace period")
		}
	}
	l.stop()
	n := 0
	for _, e := range l.rest() {
		if e.ID == 1008 && strings.Contains(e.Text, "90 days") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("event 1008 was written %d times", n)
	}
}

// jumping is a calendar that somebody moves and nobody is told.
type jumping struct {
	clock.System
	now atomic.Pointer[time.Time]
}

func (j *jumping) Now() time.Time { return *j.now.Load() }
