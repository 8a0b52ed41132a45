package ls_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// jump is a calendar that a test sets wrong: the bubble's own, and an offset.
type jump struct {
	hand
	offset time.Duration
}

func (j *jump) Now() time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	return time.Now().UTC().Round(0).Add(j.offset)
}

func (j *jump) by(d time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.offset += d
}

// A calendar that jumps by more than max_step frees no CAL, neither by the sweep nor
// by somebody's request, until it goes back, is confirmed, or the server restarts.
// Time that really passes, however long nobody looks, is no jump.
//
// proves R116
func TestStepGuard(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(l *lab, j *jump)
		free uint32
	}{
		{"held", func(*lab, *jump) {}, 0},
		{"back", func(l *lab, j *jump) { j.by(-100 * 24 * time.Hour) }, 0},
		{"confirmed", func(l *lab, j *jump) {
			if !l.ConfirmClock() || l.ConfirmClock() {
				l.t.Error("the confirmation does not say that there was doubt, once")
			}
		}, 1},
		{"restarted", func(l *lab, j *jump) { l.restart() }, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, j := licensed(t, edition.W2KSP3(), 2), &jump{}
				l.config.Clock, l.config.Edition = j, edition.W2KSP3()
				l.config.Log = eventlog.New(l.events, "ls1", ls.Program, j, nil)
				l.restart()
				d := newDevice(1)
				l.earn(d)
				until(time.Now().AddDate(0, 0, 40)) // nobody looks, and nothing is wrong
				l.ask(newDevice(2), tsls.RequestTemp, tsls.ClassNone)
				j.by(100 * 24 * time.Hour)
				other := newDevice(3)
				l.ask(other, tsls.RequestTemp, tsls.ClassNone)
				if l.free() != 1 {
					t.Fatalf("%d free right after the jump, want 1", l.free())
				}
				if status, err := l.Status(); err != nil || !status.ClockDoubted {
					t.Errorf("status %+v, %v", status, err)
				}
				tt.end(l, j)
				l.ask(other, tsls.RequestTemp, tsls.ClassNone)
				if free := l.free(); free != 1+tt.free {
					t.Errorf("%d free, want %d", free, 1+tt.free)
				}
				n := 0
				for _, e := range l.logged() {
					if e.Name == eventlog.SweepHeld.Name {
						n++
					}
				}
				if n != 1 {
					t.Errorf("%d events of the jump, want 1", n)
				}
				l.sound()
			})
		})
	}
}

// While the calendar is in doubt the device that asks still gets its own expired CAL
// revived, and burns no second one.
func TestStepGuardSparesTheAsker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, j := licensed(t, edition.W2KSP3(), 2), &jump{}
		l.config.Clock, l.config.Edition = j, edition.W2KSP3()
		l.restart()
		d, other := newDevice(1), newDevice(2)
		l.earn(d)
		l.earn(other)
		was := d.license.LicenseID
		j.by(100 * 24 * time.Hour)
		if a := l.ask(d, tsls.RequestCAL, tsls.ClassPermExpired); a.Answer != tsls.AnswerCALTake || d.license.LicenseID != was {
			t.Errorf("%v, %s; want the CAL %s again", a.Answer, d.license.LicenseID, was)
		}
		if rows := l.rows(other); !cmp.Equal(rows, []string{"temporary closed", "CAL active"}) {
			t.Errorf("the other device: %v", rows)
		}
		l.sound()
	})
}

// The sweep itself: in the lab's calendar it looks at each step of a day and frees
// what is due; one step of 100 days it refuses.
func TestSweepRefusesAJump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, j := licensed(t, edition.W2KSP3(), 1), &jump{}
		l.config.Clock, l.config.Edition = j, edition.W2KSP3()
		l.restart()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		l.earn(newDevice(1))
		j.by(100 * 24 * time.Hour)
		go func() { ended <- l.Run(ctx, nil, nil) }()
		<-l.Ready()
		until(time.Now().Add(time.Hour))
		if l.free() != 0 {
			t.Error("the sweep freed a CAL after a jump")
		}
		if e := l.last(eventlog.SweepHeld); !strings.Contains(e.Text, "licmgr confirm-clock") {
			t.Errorf("event %q", e.Text)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// An upgraded license server must be activated again: until then temporary tokens
// only, packs and rows stay, former certificates are announced, and the activation of
// before is refused. There is no way back.
//
// proves R72, R193, R200, R201
func TestUpgrade(t *testing.T) {
	l := newLab(t, edition.W2KSP3())
	document := l.ca.activate(t, must[tsls.ActivationRequest](l, tsls.GetActivationRequest{Company: "Test"}).Document)
	before := must[tsls.ServerInfo](l, tsls.Activate{Document: document})
	l.install(enroll.KeyPack{Count: 2})
	old := newDevice(1)
	l.earn(old)
	l.config.Edition = edition.WS2003()
	l.restart()
	info := must[tsls.ServerInfo](l, tsls.Ping{})
	if info.Activated || info.ServerID != "" || !cmp.Equal(info.Certificates[1], before.Certificates[0]) {
		t.Errorf("after the upgrade: %+v", info)
	}
	if status, err := l.Status(); err != nil || !status.NeedsReactivation {
		t.Errorf("status %+v, %v", status, err)
	}
	l.last(eventlog.ServerUpgraded)
	if a := l.ask(newDevice(2), tsls.RequestTemp, tsls.ClassNone); a.Answer != tsls.AnswerTempNew {
		t.Errorf("a new device gets %v", a.Answer)
	}
	if a := l.ask(newDevice(3), tsls.RequestCAL, tsls.ClassNone); a.Answer != tsls.AnswerTempNew {
		t.Errorf("a new device that wants a CAL gets %v", a.Answer)
	}
	if l.free() != 1 || !cmp.Equal(l.rows(old), []string{"temporary closed", "CAL active"}) {
		t.Errorf("%d free, rows %v", l.free(), l.rows(old))
	}
	l.restart() // still not activated
	if _, err := l.tell(tsls.Activate{Document: document}); !errors.Is(err, tsls.Error{Code: tsls.CodeActivated}) {
		t.Errorf("the activation of before: %v", err)
	}
	after := l.activate()
	if !after.Activated || after.ServerID == before.ServerID {
		t.Errorf("after the activation: %+v", after)
	}
	if status, err := l.Status(); err != nil || status.NeedsReactivation {
		t.Errorf("status %+v, %v", status, err)
	}
	l.sound()
	l.Close()
	l.config.Edition = edition.W2KSP3()
	if _, err := ls.New(l.config); err == nil || !strings.Contains(err.Error(), "--edition ws2003") {
		t.Errorf("back to Windows 2000: %v", err)
	}
	l.config.Edition = edition.WS2003()
	l.start()
}

// TestUpgradeKeeps: by the knob the upgrade leaves the activation.
func TestUpgradeKeeps(t *testing.T) {
	l := licensed(t, edition.W2KSP3(), 2)
	before := must[tsls.ServerInfo](l, tsls.Ping{})
	l.config.Edition = edition.WS2003()
	if err := l.config.Edition.Set("ls_upgrade", "keep"); err != nil {
		t.Fatal(err)
	}
	l.restart()
	info := must[tsls.ServerInfo](l, tsls.Ping{})
	if !info.Activated || info.ServerID != before.ServerID {
		t.Errorf("after the upgrade: %+v", info)
	}
	if status, err := l.Status(); err != nil || status.NeedsReactivation {
		t.Errorf("status %+v, %v", status, err)
	}
}

// The hotfix is no upgrade in this sense.
func TestHotfixKeepsTheActivation(t *testing.T) {
	l := licensed(t, edition.W2K(), 2)
	before := must[tsls.ServerInfo](l, tsls.Ping{})
	l.config.Edition = edition.W2KSP3()
	l.restart()
	if info := must[tsls.ServerInfo](l, tsls.Ping{}); info.ServerID != before.ServerID {
		t.Errorf("after the hotfix: %+v", info)
	}
}

// Deactivation leaves packs and licenses; only temporary tokens are issued until the
// next activation, under another License Server ID (L27, L28).
//
// proves R16, R64, R73
func TestDeactivate(t *testing.T) {
	l := newLab(t, edition.W2KSP3())
	if _, err := l.Deactivate(t.Context()); err == nil {
		t.Error("a server that is not activated is deactivated")
	}
	request := must[tsls.ActivationRequest](l, tsls.GetActivationRequest{Company: "Test"})
	document := l.ca.activate(t, request.Document)
	first := must[tsls.ServerInfo](l, tsls.Activate{Document: document})
	l.install(enroll.KeyPack{Count: 2})
	d, waiting := newDevice(1), newDevice(2)
	l.earn(d)
	id, err := l.Deactivate(t.Context())
	if err != nil || id != first.ServerID {
		t.Fatalf("%s, %v; want %s", id, err, first.ServerID)
	}
	if _, err := l.tell(tsls.Activate{Document: document}); !errors.Is(err, tsls.Error{Code: tsls.CodeActivated}) {
		t.Errorf("the same activation again: %v", err)
	}
	l.restart()
	l.ask(waiting, tsls.RequestTemp, tsls.ClassNone)
	l.mark(waiting)
	if a := l.ask(waiting, tsls.RequestCAL, tsls.ClassTemporary); a.Answer != tsls.AnswerKeep {
		t.Errorf("a validated temporary token: %v, want that it is kept", a.Answer)
	}
	if a := l.ask(newDevice(3), tsls.RequestBuiltIn, tsls.ClassNone); a.Answer != tsls.AnswerTempNew {
		t.Errorf("built-in: %v", a.Answer)
	}
	again := l.activate()
	if again.ServerID == first.ServerID || len(again.Certificates) != 3 {
		t.Errorf("%s with %d certificates; want another than %s, with 2 former ones", again.ServerID, len(again.Certificates), first.ServerID)
	}
	if a := l.ask(waiting, tsls.RequestCAL, tsls.ClassTemporary); a.Answer != tsls.AnswerCALTake || l.free() != 0 {
		t.Errorf("%v, %d free", a.Answer, l.free())
	}
	l.sound()
}

// Activation and deactivation at once: what the server says of itself is what it has
// stored, in whichever order they came.
func TestActivateAndDeactivateAtOnce(t *testing.T) {
	l := newLab(t, edition.W2KSP3())
	request := must[tsls.ActivationRequest](l, tsls.GetActivationRequest{})
	for range 20 {
		document := l.ca.activate(t, request.Document)
		var both sync.WaitGroup
		both.Go(func() { l.tell(tsls.Activate{Document: document}) })
		both.Go(func() { l.Deactivate(t.Context()) })
		both.Wait()
		said := must[tsls.ServerInfo](l, tsls.Ping{})
		l.restart()
		if stored := must[tsls.ServerInfo](l, tsls.Ping{}); said.ServerID != stored.ServerID {
			t.Fatalf("it says that it is %q, and has stored that it is %q", said.ServerID, stored.ServerID)
		}
	}
}

// A terminal server of an edition that is not served is turned away at its first
// word, and by each request (rule L1).
//
// proves R59, R206
func TestTurnsAway(t *testing.T) {
	for _, tt := range []struct {
		p       edition.Profile
		edition string
		served  bool
	}{
		{edition.W2KSP3(), "w2k-rtm", true},
		{edition.W2KSP3(), "w2k-sp3", true},
		{edition.W2KSP3(), "ws2003", false},
		{edition.W2K(), "ws2003", false},
		{edition.WS2003(), "ws2003", true},
		{edition.WS2003(), "w2k-rtm", true},
		{edition.W2K(), "nt4-tse", false},
		{edition.WS2003(), "nt4-tse", false},
		{edition.WS2003(), "", true}, // a tool
	} {
		l := newLab(t, tt.p)
		_, err := l.tell(tsls.Hello{Version: tsls.Version, Name: "ts1", Edition: tt.edition})
		if served := err == nil; served != tt.served {
			t.Errorf("%v welcomes %q: %v", tt.p.Edition, tt.edition, err)
		}
		if tt.edition == "" {
			continue
		}
		a := l.ask(newDevice(1), tsls.RequestTemp, tsls.ClassNone, func(r *tsls.Allocate) { r.Edition = tt.edition })
		if denied := a.Answer == tsls.AnswerDenyServed; denied == tt.served {
			t.Errorf("%v answers %q with %v", tt.p.Edition, tt.edition, a.Answer)
		}
	}
}

// Two Internet Connector licenses for three terminal servers: one each, the same one
// when it is asked for again, none for the third and nothing temporary in its place,
// and the third gets what the first gives back.
//
// proves R79, R125, R126, R128, R129, R133
func TestInternetConnectorTokens(t *testing.T) {
	l := licensed(t, edition.W2KSP3(), 5)
	l.install(enroll.KeyPack{PackID: packID(9), Kind: token.InternetConnector.String(), Count: 2})
	ts1, ts2, ts3 := newDevice(1), newDevice(2), newDevice(3)
	take := func(d *device, want tsls.Answer) {
		t.Helper()
		d.blob = nil
		if a := l.ask(d, tsls.RequestInternetConnector, tsls.ClassNone); a.Answer != want {
			t.Errorf("%s: %v, want %v (%s)", d.name, a.Answer, want, a.Reason)
		}
	}
	free := func(want uint32) {
		t.Helper()
		for _, p := range must[tsls.KeyPackList](l, tsls.KeyPacks{}).Packs {
			if p.Kind == token.InternetConnector.String() && p.Available != want {
				t.Errorf("%d free, want %d", p.Available, want)
			}
		}
	}
	take(ts1, tsls.AnswerCALTake)
	first := ts1.license.LicenseID
	if k := ts1.license.Kind; k != token.InternetConnector || !ts1.license.Expires.IsZero() {
		t.Errorf("the token is %v, and ends %v", k, ts1.license.Expires)
	}
	take(ts1, tsls.AnswerCALTake)
	if ts1.license.LicenseID != first {
		t.Errorf("ts1 has %s and %s", first, ts1.license.LicenseID)
	}
	free(1)
	take(ts2, tsls.AnswerCALTake)
	take(ts3, tsls.AnswerDenyStock)
	free(0)
	if rows := l.rows(ts3); rows != nil {
		t.Errorf("ts3 has %v", rows)
	}
	l.restart()
	must[tsls.Returned](l, tsls.Return{LicenseID: first, HardwareID: ts1.id})
	free(1)
	take(ts3, tsls.AnswerCALTake)
	take(ts1, tsls.AnswerDenyStock)
	if l.free() != 5 {
		t.Errorf("%d CALs free, want all 5", l.free())
	}
	if _, err := l.tell(tsls.Return{LicenseID: ts3.license.LicenseID, HardwareID: ts1.id}); !errors.Is(err, tsls.Error{Code: tsls.CodeNoLicense}) {
		t.Errorf("ts1 returns what is ts3's: %v", err)
	}
	inert := newLab(t, edition.W2KSP3())
	if a := inert.ask(ts1, tsls.RequestInternetConnector, tsls.ClassNone); a.Answer != tsls.AnswerDenyStock {
		t.Errorf("a server that is not activated answers %v", a.Answer)
	}
	l.sound()
}
