package onebox_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/onebox"
	"github.com/tslab/tslab/ts"
)

// withConnectors is a box of Windows 2000 RTM with Internet Connector licenses; few
// sessions are all that one of them allows.
func withConnectors(n uint32, sessions string) func(*onebox.Config) {
	return func(c *onebox.Config) {
		c.Profile, c.Connectors = edition.W2K(), n
		if err := c.Profile.Set("ic_limit", sessions); err != nil {
			panic(err)
		}
	}
}

// operate asks the terminal server as tscc would, over the operations of its control
// socket.
func (l *lab) operate(t *testing.T, op string, in any) string {
	t.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := l.TerminalServer().Controls()[op](t.Context(), text)
	if err != nil {
		t.Fatalf("%s %s: %v", op, text, err)
	}
	done := out.(ts.Operated)
	return done.Result + " " + done.Rule
}

func (l *lab) ic(t *testing.T, verb string, force bool) string {
	t.Helper()
	return l.operate(t, ts.ConnectorOperation, ts.ConnectorRequest{Verb: verb, Force: force})
}

// free is how many licenses of a kind are left.
func (l *lab) free(t *testing.T, kind string) (n uint32) {
	t.Helper()
	status, err := l.LicenseServer().Status()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range status.Packs {
		if p.Kind == kind && !p.Unlimited {
			n += p.Total - p.Issued
		}
	}
	return n
}

// await waits until so many events of that name are logged.
func (l *lab) await(t *testing.T, name string, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		news := l.log.written()
		if l.log.events(t)[name] >= n {
			return
		}
		select {
		case <-news:
		case <-ctx.Done():
			t.Fatalf("%d events %s, want %d", l.log.events(t)[name], name, n)
		}
	}
}

func (l *lab) text(t *testing.T, name string) (texts []string) {
	t.Helper()
	for _, e := range l.log.all(t) {
		if e.Name == name {
			texts = append(texts, e.Text)
		}
	}
	return texts
}

// TestInternetConnector is drill D20: the license is pulled onto the terminal server,
// so many sessions as it allows are anonymous, and it goes back.
//
// proves R31, R34, R122, R123, R124, R125, R128, R130, R131, R132, R133
func TestInternetConnector(t *testing.T) {
	t.Parallel()
	l := start(t, t.TempDir(), withConnectors(2, "3"))
	holder := l.device(t, "PC-CAL")
	if got := connect(t, holder); got != "CAL" {
		t.Fatalf("before the mode is on the device is given %s", got)
	}
	if got := l.ic(t, "disable", false); got != "no-op I11" {
		t.Errorf("disable when it is off: %s", got)
	}
	if got := l.ic(t, "enable", false); got != "ok I1" {
		t.Fatalf("enable: %s", got)
	}
	if got := l.ic(t, "enable", false); got != "no-op I4" {
		t.Errorf("enable again: %s", got)
	}
	if cals, connectors := l.free(t, "CAL"), l.free(t, "Internet Connector"); cals != 9 || connectors != 1 {
		t.Errorf("%d CALs and %d Internet Connector licenses are free, want 9 and 1", cals, connectors)
	}
	if got := l.operate(t, ts.ConfigureOperation, ts.Settings{Set: []string{"mode=admin"}}); got != "refuse " {
		t.Errorf("another mode while it is on: %s", got)
	}
	requests := l.requests(t)
	var sessions []*client.Session
	for _, device := range []*client.Config{holder, l.device(t, "PC-2"), l.device(t, "PC-3")} {
		s, err := client.Connect(t.Context(), device)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Licensed.Messages) != 1 || s.Licensed.Presented != nil {
			t.Errorf("%s: messages %v, want the alert alone", device.Name, s.Licensed.Messages)
		}
		sessions = append(sessions, s)
	}
	l.await(t, "session.started", 4)
	if now := l.requests(t); now != requests {
		t.Errorf("%d requests to the license server", now-requests)
	}
	for _, s := range l.TerminalServer().Status().SessionList {
		if s.User != "TSInternetUser" {
			t.Errorf("a session of %s", s.User)
		}
	}
	_, err := client.Connect(t.Context(), l.device(t, "PC-4"))
	var refused *client.RefusedError
	if !errors.As(err, &refused) || refused.Alert.Error() != "ERR_INVALID_CLIENT, ST_TOTAL_ABORT" {
		t.Errorf("one session too many: %v", err)
	}
	if got := l.ic(t, "disable", false); got != "refuse I8" {
		t.Errorf("disable with live sessions: %s", got)
	}
	sessions[0].Close()
	l.await(t, "session.ended", 2)
	connect(t, l.device(t, "PC-4"))
	if got := l.ic(t, "disable", true); got != "ok I6" {
		t.Errorf("disable with force: %s", got)
	}
	if n := l.free(t, "Internet Connector"); n != 2 {
		t.Errorf("%d Internet Connector licenses are free, want 2", n)
	}
	if got := connect(t, holder); got != "nothing" {
		t.Errorf("per device again, the holder of a CAL is given %s", got)
	}
	events := l.log.events(t)
	if events["termservice.cannot-issue"] != 0 || events["license.denied"] != 1 || events["connector.enabled"] != 1 || events["connector.disabled"] != 1 {
		t.Errorf("events: %v", events)
	}
}

// TestInternetConnectorRefused: there is no temporary license of the kind, and the
// grace period is not for it.
//
// proves R126, R127
func TestInternetConnectorRefused(t *testing.T) {
	t.Parallel()
	l := start(t, t.TempDir(), withConnectors(0, "200"))
	if got := l.ic(t, "enable", false); got != "refuse I2" {
		t.Errorf("with none in stock: %s", got)
	}
	if mode := l.TerminalServer().Status().Mode; mode != "device" {
		t.Errorf("mode %s", mode)
	}
	if n := l.log.events(t)["token.issued"]; n != 0 {
		t.Errorf("%d tokens were issued", n)
	}
	empty := start(t, t.TempDir(), func(c *onebox.Config) { c.CALs = 0 })
	if got := empty.ic(t, "enable", false); got != "refuse I3a" {
		t.Errorf("a license server that is not activated: %s", got)
	}
	if got := empty.operate(t, ts.ConfigureOperation, ts.Settings{Set: []string{"DefaultLicenseServer="}}); got != "ok " {
		t.Errorf("without a license server: %s", got)
	}
	if got := empty.ic(t, "enable", false); got != "refuse I3" {
		t.Errorf("no license server: %s", got)
	}
	later := start(t, t.TempDir(), func(c *onebox.Config) { c.Profile = edition.WS2003() })
	if got := later.ic(t, "enable", false); got != "refuse " {
		t.Errorf("Windows Server 2003: %s", got)
	}
}

// TestInternetUserBroken: when the account is changed nobody gets in, which is event
// 1007, once; the server puts it right within a minute, and an administrator can.
//
// proves R151, R152
func TestInternetUserBroken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := start(t, dir, withConnectors(1, "200"))
	if got := l.ic(t, "enable", false); got != "ok I1" {
		t.Fatalf("enable: %s", got)
	}
	l.breakAccount(t)
	for range 3 {
		_, err := client.Connect(t.Context(), l.device(t, "PC-1"))
		var logon *client.LogonError
		if !errors.As(err, &logon) || len(logon.Licensed.Messages) != 1 {
			t.Errorf("with a broken account: %v, want a failed logon after a licensing phase of one message", err)
		}
	}
	if err := l.clock.Advance(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := connect(t, l.device(t, "PC-1")); got != "nothing" {
		t.Errorf("a minute later: %s", got)
	}
	want := []string{"Unable to log in the Internet user as TSInternetUser.  If the problem is not corrected in 20 minutes, delete the account and run Setup again."}
	if diff := cmp.Diff(want, l.text(t, "termservice.internet-user")); diff != "" {
		t.Errorf("event 1007: -want +got\n%s", diff)
	}

	// What stands in the account's place cannot be replaced: the server gives up
	// after 20 minutes, the administrator deletes it.
	account := filepath.Join(dir, "termsrv", "TSInternetUser.json")
	if err := errors.Join(os.Remove(account), os.MkdirAll(filepath.Join(account, "in the way"), 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Connect(t.Context(), l.device(t, "PC-2")); err == nil {
		t.Error("logged on without an account")
	}
	if err := l.clock.AdvanceBySteps(t.Context(), 30*time.Minute, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(account); err != nil {
		t.Fatal(err)
	}
	if err := l.clock.AdvanceBySteps(t.Context(), 5*time.Minute, time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Connect(t.Context(), l.device(t, "PC-2")); err == nil {
		t.Error("the server has repaired the account after its 20 minutes")
	}
	if got := l.ic(t, "repair", false); got != "ok " {
		t.Errorf("repair: %s", got)
	}
	if got := l.ic(t, "repair", false); got != "no-op " {
		t.Errorf("repair again: %s", got)
	}
	connect(t, l.device(t, "PC-2"))
	if n := len(l.text(t, "termservice.internet-user")); n != 2 {
		t.Errorf("event 1007 was logged %d times, want once an incident", n)
	}
}

func (l *lab) breakAccount(t *testing.T) {
	t.Helper()
	if got := l.operate(t, ts.ConnectorOperation, ts.ConnectorRequest{Verb: "password", Password: "changed"}); got != "ok " {
		t.Fatalf("password: %s", got)
	}
}

// TestConnectorSurvivesRestart: mode, license and account lie on the terminal server.
func TestConnectorSurvivesRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := start(t, dir, withConnectors(1, "200"))
	if got := l.ic(t, "enable", false); got != "ok I1" {
		t.Fatalf("enable: %s", got)
	}
	was := l.TerminalServer().Status().Connector
	l.stop()
	l = start(t, dir, withConnectors(1, "200"))
	if diff := cmp.Diff(was, l.TerminalServer().Status().Connector); diff != "" || was == nil {
		t.Errorf("-before +after the restart\n%s", diff)
	}
	connect(t, l.device(t, "PC-1"))
}

// TestSessionsBeforeTheConnector: sessions that were there when the mode was turned on
// stay, and count (rule I5).
func TestSessionsBeforeTheConnector(t *testing.T) {
	t.Parallel()
	l := start(t, t.TempDir(), withConnectors(1, "2"))
	var before []*client.Session
	for _, name := range []string{"PC-1", "PC-2", "PC-3"} {
		s, err := client.Connect(t.Context(), l.device(t, name))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		before = append(before, s)
	}
	l.await(t, "session.started", 3)
	if got := l.ic(t, "enable", false); got != "ok I1" {
		t.Fatalf("enable: %s", got)
	}
	for ended, want := range []string{"G3", "G3", "G2"} { // 3, 2, 1 live
		if ended > 0 {
			before[ended-1].Close()
			l.await(t, "session.ended", ended)
		}
		s, err := client.Connect(t.Context(), l.device(t, "PC-4"))
		if (err == nil) != (want == "G2") {
			t.Errorf("%d sessions from before: %v", 3-ended, err)
		}
		if err == nil {
			defer s.Close()
		}
	}
	l.await(t, "session.started", 4)
	users := map[string]int{}
	for _, s := range l.TerminalServer().Status().SessionList {
		users[s.User]++
	}
	if users["lab"] != 1 || users["TSInternetUser"] != 1 {
		t.Errorf("sessions of %v", users)
	}
}

// TestConnectorLostWithTheDisk: when the terminal server's disk is lost with the license
// on it, the license stays taken: a new disk is a new terminal server (rule I10).
func TestConnectorLostWithTheDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := start(t, dir, withConnectors(1, "200"))
	if got := l.ic(t, "enable", false); got != "ok I1" {
		t.Fatalf("enable: %s", got)
	}
	l.stop()
	if err := os.RemoveAll(filepath.Join(dir, "termsrv")); err != nil {
		t.Fatal(err)
	}
	l = start(t, dir, withConnectors(1, "200"))
	if s := l.TerminalServer().Status(); s.Connector != nil || s.Mode != "device" {
		t.Errorf("on a new disk: mode %s, license %+v", s.Mode, s.Connector)
	}
	if n := l.free(t, "Internet Connector"); n != 0 {
		t.Errorf("%d Internet Connector licenses are free, want none", n)
	}
	if got := l.ic(t, "enable", false); got != "refuse I2" {
		t.Errorf("enable on a new disk: %s", got)
	}
}

// requests is how often the license server was asked for a license.
func (l *lab) requests(t *testing.T) int {
	t.Helper()
	count := l.log.events(t)
	n := 0
	for _, name := range []string{"token.issued", "token.upgraded", "token.renewed", "token.resent", "token.refused", "request.kept", "request.referred"} {
		n += count[name]
	}
	return n
}
