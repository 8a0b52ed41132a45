package ls_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/ls/inventory"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// village is the other license servers, as a test wants them.
type village struct {
	mu       sync.Mutex
	known    inventory.Map
	said     []inventory.Entry
	repeated int
	doubted  []string
}

func (v *village) Announce(e inventory.Entry, again bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.said = append(v.said, e)
	if again {
		v.repeated++
	}
}

func (v *village) Beliefs() []inventory.Belief {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.known.Beliefs("")
}

func (v *village) Doubt(names ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.doubted = append(v.doubted, names...)
	v.known.Doubt(names...)
}

func (v *village) Group() string { return "workgroup/TEST" }

// has makes a license server be believed to have so many CALs.
func (v *village) has(name string, free uint32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.known.Renew(inventory.Entry{Owner: name, Name: name, ServerID: "LAB-S-" + name, Address: name + ":3343", Edition: "w2k-sp3",
		Scope: "workgroup", Activated: true,
		Pools: []inventory.Pool{{Kind: token.CAL, Product: token.Version{Major: 5}, Total: 10, Free: free}}}, 1)
}

func (v *village) last() inventory.Entry {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.said) == 0 {
		return inventory.Entry{}
	}
	return v.said[len(v.said)-1]
}

// neighborly is an activated license server with n CALs, among others.
func neighborly(t *testing.T, p edition.Profile, n uint32) (*lab, *village) {
	t.Helper()
	l := licensed(t, p, n)
	v := &village{}
	l.config.Peers = v
	l.restart()
	return l, v
}

// referred repeats what the terminal server repeats of a referral.
func referred(r tsls.Referral) func(*tsls.Allocate) {
	return func(m *tsls.Allocate) { m.Hops, m.ReferredBy, m.Validated = 1, "LAB-S-OTHER", r.Validated }
}

// TestEmptyServerRefers is L5, L22 and L24: an empty license server names those that
// have stock, the fullest first, vouches for the mark, and counts those as empty where
// the terminal server was in vain.
//
// proves R99
// proves R100
func TestEmptyServerRefers(t *testing.T) {
	l, v := neighborly(t, edition.W2KSP3(), 0)
	v.has("ls2", 3)
	v.has("ls3", 7)
	v.has("ls4", 0)
	d := newDevice(1)
	if a := l.ask(d, tsls.RequestTemp, tsls.ClassNone); a.Answer != tsls.AnswerTempNew {
		t.Fatalf("a new device: %v", a.Answer)
	}
	if a := l.ask(d, tsls.RequestCAL, tsls.ClassTemporary); a.Answer != tsls.AnswerKeep {
		t.Errorf("not validated: %v", a.Answer)
	}
	l.mark(d)
	a := l.ask(d, tsls.RequestCAL, tsls.ClassTemporary)
	want := []tsls.Referral{
		{Name: "ls3", ServerID: "LAB-S-ls3", Address: "ls3:3343", Validated: true},
		{Name: "ls2", ServerID: "LAB-S-ls2", Address: "ls2:3343", Validated: true},
	}
	if diff := cmp.Diff(want, a.Referrals); diff != "" || a.Answer != tsls.AnswerRefer {
		t.Errorf("%v, -want +got:\n%s", a.Answer, diff)
	}
	if e := l.last(eventlog.RequestReferred); e.Fields["server"] != "ls3, ls2" || e.Fields["rule"] != "L5" {
		t.Errorf("logged %+v", e.Fields)
	}
	final := func(m *tsls.Allocate) { m.Final, m.Failed = true, []string{"ls3", "ls2"} }
	if a := l.ask(d, tsls.RequestCAL, tsls.ClassTemporary, final); a.Answer != tsls.AnswerKeep || len(a.Referrals) > 0 {
		t.Errorf("asked in the end: %v, %v", a.Answer, a.Referrals)
	}
	if a := l.ask(d, tsls.RequestCAL, tsls.ClassTemporary); a.Answer != tsls.AnswerKeep {
		t.Errorf("nobody is believed to have any: %v", a.Answer)
	}
	v.has("ls2", 3) // it announces its inventory again
	if a := l.ask(d, tsls.RequestCAL, tsls.ClassTemporary); a.Answer != tsls.AnswerRefer || len(a.Referrals) != 1 {
		t.Errorf("after its next announcement: %v", a.Answer)
	}
}

// TestFailedWithoutFinal: only who comes back at the end is believed about others.
func TestFailedWithoutFinal(t *testing.T) {
	l, v := neighborly(t, edition.W2KSP3(), 0)
	v.has("ls2", 3)
	l.ask(newDevice(1), tsls.RequestTemp, tsls.ClassNone, func(m *tsls.Allocate) { m.Failed = []string{"ls2"} })
	if len(v.doubted) > 0 {
		t.Errorf("doubted %v", v.doubted)
	}
}

// TestReferralThatFindsNothing is L21: EMPTY, and nothing is written down.
func TestReferralThatFindsNothing(t *testing.T) {
	for _, p := range []edition.Profile{edition.W2K(), edition.W2KSP3(), edition.WS2003()} {
		l, v := neighborly(t, p, 0)
		v.has("ls2", 3)
		d := newDevice(1)
		for _, kind := range []tsls.Request{tsls.RequestCAL, tsls.RequestTemp, tsls.RequestRenew} {
			a := l.ask(d, kind, tsls.ClassNone, referred(tsls.Referral{}))
			if a.Answer != tsls.AnswerDenyEmpty || len(a.Referrals) > 0 || len(l.rows(d)) > 0 {
				t.Errorf("%v, %v: %v, rows %v", p.Edition, kind, a.Answer, l.rows(d))
			}
		}
		if e := l.last(eventlog.TokenRefused); e.Fields["rule"] != "L21" {
			t.Errorf("%v: logged %+v", p.Edition, e.Fields)
		}
	}
}

// TestReferralIsServed: the target takes the referring server's word for the mark, and
// gives a CAL to who had its temporary token elsewhere.
func TestReferralIsServed(t *testing.T) {
	l, _ := neighborly(t, edition.W2KSP3(), 2)
	d := newDevice(1)
	d.license = token.License{LicenseID: "LAB-T-9", Issuer: "LAB-S-OTHER", Expires: day0.AddDate(0, 0, 90)}
	if a := l.ask(d, tsls.RequestCAL, tsls.ClassTemporary, referred(tsls.Referral{Validated: true})); a.Answer != tsls.AnswerCALTake {
		t.Errorf("with a temporary token of another: %v", a.Answer)
	}
	if a := l.ask(newDevice(2), tsls.RequestTemp, tsls.ClassNone, referred(tsls.Referral{})); a.Answer != tsls.AnswerCALTake {
		t.Errorf("whose temporary token expired elsewhere: %v", a.Answer)
	}
}

// TestIssuerIsAsked is L23: whether a temporary token of another license server is
// validated says that server; where it cannot be asked, the token counts as validated.
func TestIssuerIsAsked(t *testing.T) {
	for name, tt := range map[string]struct {
		answer tsls.Message
		err    error
		issuer string
		want   tsls.Answer
		asked  int
	}{
		"validated":            {tsls.Inquired{Known: true, Validated: true}, nil, "LAB-S-ls2", tsls.AnswerCALTake, 1},
		"not validated":        {tsls.Inquired{Known: true}, nil, "LAB-S-ls2", tsls.AnswerKeep, 1},
		"it knows of no token": {tsls.Inquired{}, nil, "LAB-S-ls2", tsls.AnswerCALTake, 1},
		"it does not answer":   {nil, errors.New("no route"), "LAB-S-ls2", tsls.AnswerCALTake, 1},
		"an older server":      {tsls.Error{Code: tsls.CodeUnknownType}, nil, "LAB-S-ls2", tsls.AnswerCALTake, 1},
		"nobody knows it":      {tsls.Inquired{Known: true}, nil, "LAB-S-lost", tsls.AnswerCALTake, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l, v := neighborly(t, edition.W2KSP3(), 2)
			v.has("ls2", 0)
			var asked []string
			l.config.Ask = func(_ context.Context, addr string, m tsls.Message) (tsls.Message, error) {
				asked = append(asked, fmt.Sprintf("%s %s", addr, m.(tsls.Inquire).LicenseID))
				return tt.answer, tt.err
			}
			l.restart()
			d := newDevice(1)
			d.license = token.License{LicenseID: "LAB-T-9", Issuer: tt.issuer, Expires: day0.AddDate(0, 0, 90)}
			a := l.ask(d, tsls.RequestCAL, tsls.ClassTemporary)
			if a.Answer != tt.want || len(asked) != tt.asked {
				t.Errorf("%v after asking %v", a.Answer, asked)
			}
			if tt.asked > 0 && asked[0] != "ls2:3343 LAB-T-9" {
				t.Errorf("asked %v", asked)
			}
		})
	}
}

// TestIssuerIsNotAsked: an own token, an expired one, a referral and an edition without
// marks need nobody's word.
func TestIssuerIsNotAsked(t *testing.T) {
	for name, tt := range map[string]struct {
		p      edition.Profile
		class  tsls.Class
		change func(*tsls.Allocate)
		own    bool
	}{
		"its own":    {edition.W2KSP3(), tsls.ClassTemporary, func(*tsls.Allocate) {}, true},
		"expired":    {edition.W2KSP3(), tsls.ClassTemporaryExpired, func(*tsls.Allocate) {}, false},
		"referred":   {edition.W2KSP3(), tsls.ClassTemporary, referred(tsls.Referral{Validated: true}), false},
		"w2k":        {edition.W2K(), tsls.ClassTemporary, func(*tsls.Allocate) {}, false},
		"half a mix": {edition.W2KSP3(), tsls.ClassTemporary, func(m *tsls.Allocate) { m.Features = 0 }, false},
	} {
		l, v := neighborly(t, tt.p, 2)
		v.has("ls2", 0)
		l.config.Ask = func(context.Context, string, tsls.Message) (tsls.Message, error) {
			t.Errorf("%s: somebody is asked", name)
			return nil, errors.New("no")
		}
		l.restart()
		d := newDevice(1)
		d.license = token.License{LicenseID: "LAB-T-9", Issuer: "LAB-S-ls2", Expires: day0.AddDate(0, 0, 90)}
		if tt.own {
			l.ask(d, tsls.RequestTemp, tsls.ClassNone)
		}
		l.ask(d, tsls.RequestCAL, tt.class, tt.change)
	}
}

// TestInquired: the issuer's answer about its own tokens.
func TestInquired(t *testing.T) {
	l, _ := neighborly(t, edition.W2KSP3(), 1)
	d := newDevice(1)
	l.ask(d, tsls.RequestTemp, tsls.ClassNone)
	temp := d.license.LicenseID
	inquire := func(id string, of *device) tsls.Inquired {
		return must[tsls.Inquired](l, tsls.Inquire{LicenseID: id, HardwareID: of.id})
	}
	if got := inquire(temp, d); got != (tsls.Inquired{Known: true}) {
		t.Errorf("before the logon: %+v", got)
	}
	l.mark(d)
	if got := inquire(temp, d); got != (tsls.Inquired{Known: true, Validated: true}) {
		t.Errorf("after it: %+v", got)
	}
	for name, got := range map[string]tsls.Inquired{"another's": inquire(temp, newDevice(2)), "no such": inquire("LAB-T-0", d)} {
		if got.Known {
			t.Errorf("%s: %+v", name, got)
		}
	}
	l.ask(d, tsls.RequestCAL, tsls.ClassTemporary)
	if got := inquire(temp, d); !got.Validated {
		t.Errorf("after the upgrade: %+v", got)
	}
	if got := inquire(d.license.LicenseID, d); got.Known {
		t.Errorf("a CAL: %+v", got)
	}
}

// TestCloseOnReport is L26 by referral: the temporary token of who got its CAL
// elsewhere is closed, so that it may have another when the CAL ends.
func TestCloseOnReport(t *testing.T) {
	l, _ := neighborly(t, edition.W2KSP3(), 0)
	d := newDevice(1)
	l.ask(d, tsls.RequestTemp, tsls.ClassNone)
	report := tsls.Close{HardwareID: d.id, Machine: d.name, LicenseID: "LAB-C-7", Server: "ls2"}
	for i, want := range []bool{true, false} {
		if got := must[tsls.Closed](l, report); got.Closed != want {
			t.Errorf("report %d: %+v", i+1, got)
		}
	}
	if got := l.rows(d); !slices.Equal(got, []string{"temporary closed"}) {
		t.Errorf("rows %v", got)
	}
	if e := l.last(eventlog.TokenClosed); e.Fields["server"] != "ls2" || e.Fields["new_license_id"] != "LAB-C-7" {
		t.Errorf("logged %+v", e.Fields)
	}
	if a := l.ask(d, tsls.RequestCAL, tsls.ClassPermExpired); a.Answer != tsls.AnswerTempNew {
		t.Errorf("after the CAL: %v", a.Answer)
	}
	if got := must[tsls.Closed](l, tsls.Close{HardwareID: newDevice(2).id}); got.Closed {
		t.Error("a token of a device that has none")
	}
	l.sound()
}

// TestAnnounces is L20: what changes is announced when it is committed, and everything
// again after announce_min.
func TestAnnounces(t *testing.T) {
	p := edition.W2KSP3()
	l := newLab(t, p)
	v := &village{}
	l.config.Peers = v
	l.restart()
	stop := l.run(t)
	want := func(what string, activated bool, pools ...inventory.Pool) {
		t.Helper()
		e := v.last()
		if e.Name != "ls1" || e.Activated != activated || e.Edition != "w2k-sp3" || !slices.Equal(e.Pools, pools) {
			t.Errorf("%s: announced %+v", what, e)
		}
	}
	cal := func(total, free uint32) inventory.Pool {
		return inventory.Pool{Kind: token.CAL, Product: token.Version{Major: 5}, Total: total, Free: free}
	}
	want("at the start", false)
	l.activate()
	want("activated", true)
	l.install(enroll.KeyPack{Count: 1})
	want("a pack", true, cal(1, 1))
	l.install(enroll.KeyPack{Count: 2, PackID: packID(5)})
	l.install(enroll.KeyPack{Count: 1, PackID: packID(6), Kind: token.InternetConnector.String()})
	ic := inventory.Pool{Kind: token.InternetConnector, Product: token.Version{Major: 5}, Total: 1, Free: 1}
	want("packs of a kind", true, cal(3, 3), ic)
	d := newDevice(1)
	l.earn(d)
	want("one is taken", true, cal(3, 2), ic)
	must[tsls.Returned](l, tsls.Return{LicenseID: d.license.LicenseID, HardwareID: d.id})
	want("and given back", true, cal(3, 3), ic)
	if v.repeated != 1 {
		t.Errorf("%d times said again within the hour", v.repeated)
	}
	stop()
	if _, err := l.Deactivate(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("deactivated", false, cal(3, 3), ic)
}

// TestAnnouncesAgain: the calendar brings an announcement every announce_min, however
// far it goes at once.
func TestAnnouncesAgain(t *testing.T) {
	l := newLab(t, edition.W2KSP3())
	v := &village{}
	l.config.Peers = v
	l.restart()
	l.clock.days(0)
	if due := ls.AnnounceDue(l.Server); !due.IsZero() {
		t.Errorf("due at %v before it runs", due)
	}
	ls.AnnounceAgain(l.Server, day0)
	if due := ls.AnnounceDue(l.Server); !due.Equal(day0.Add(time.Hour)) {
		t.Errorf("due at %v", due)
	}
	ls.AnnounceAgain(l.Server, day0.AddDate(0, 3, 0))
	if due := ls.AnnounceDue(l.Server); !due.Equal(day0.AddDate(0, 3, 0).Add(time.Hour)) || v.repeated != 2 {
		t.Errorf("due at %v, said %d times", due, v.repeated)
	}
}

// TestPeerList shows beliefs as they are.
func TestPeerList(t *testing.T) {
	l, v := neighborly(t, edition.W2KSP3(), 0)
	v.has("ls2", 3)
	v.has("ls3", 1)
	v.Doubt("ls3")
	got := must[tsls.PeerList](l, tsls.Peers{})
	pool := func(free uint32) []tsls.PoolInfo {
		return []tsls.PoolInfo{{Kind: "CAL", Major: 5, Total: 10, Available: free}}
	}
	want := tsls.PeerList{Now: day0, Group: "workgroup/TEST", Peers: []tsls.PeerInfo{
		{Name: "ls2", ServerID: "LAB-S-ls2", Address: "ls2:3343", Edition: "w2k-sp3", Scope: "workgroup", Activated: true, Pools: pool(3)},
		{Name: "ls3", ServerID: "LAB-S-ls3", Address: "ls3:3343", Edition: "w2k-sp3", Scope: "workgroup", Activated: true, Doubted: true, Pools: pool(1)},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	alone := licensed(t, edition.W2KSP3(), 0)
	if got := must[tsls.PeerList](alone, tsls.Peers{}); got.Group != "" || len(got.Peers) > 0 {
		t.Errorf("alone: %+v", got)
	}
}

// run runs the server until the returned function is called.
func (l *lab) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, nil, nil) }()
	<-l.Ready()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
