package ls_test

import (
	"crypto/x509"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// allocated are the events that an Allocate is told as.
var allocated = []eventlog.Kind{
	eventlog.TokenIssued, eventlog.TokenUpgraded, eventlog.TokenRenewed, eventlog.TokenResent,
	eventlog.RequestKept, eventlog.RequestReferred, eventlog.TokenRefused,
}

func knob(t *testing.T, p edition.Profile, settings ...string) edition.Profile {
	t.Helper()
	if err := p.SetAll(settings); err != nil {
		t.Fatal(err)
	}
	return p
}

// ruleCase is a request and what it must come to.
type ruleCase struct {
	name    string
	edition edition.Profile
	cals    uint32
	inert   bool                 // not activated
	before  func(*lab, *device)  // what happened earlier
	request tsls.Request         // what is asked now
	class   tsls.Class           // what is presented with it
	change  func(*tsls.Allocate) // what is odd about the request
	rule    string               // that must fire
	answer  tsls.Answer          // its answer
	event   eventlog.Kind        // that it is told as
	free    uint32               // CALs left afterwards
	rows    []string             // of the device
}

// temporaryCases begin with nothing or with a temporary token.
func temporaryCases(t *testing.T) []ruleCase {
	const (
		temp, cal, renew, builtIn = tsls.RequestTemp, tsls.RequestCAL, tsls.RequestRenew, tsls.RequestBuiltIn
		none                      = tsls.ClassNone
	)
	sp3, rtm := edition.W2KSP3(), edition.W2K()
	return []ruleCase{
		{name: "a new device gets a temporary token though CALs are free", edition: sp3, cals: 2, request: temp,
			rule: "L6", answer: tsls.AnswerTempNew, event: eventlog.TokenIssued, free: 2, rows: []string{"temporary active"}},
		{name: "a new device at an RTM server gets a CAL", edition: rtm, cals: 2, request: cal,
			rule: "L4", answer: tsls.AnswerCALTake, event: eventlog.TokenIssued, free: 1, rows: []string{"CAL active"}},
		{name: "a new device at an empty RTM server gets a temporary token", edition: rtm, request: cal,
			rule: "L6", answer: tsls.AnswerTempNew, event: eventlog.TokenIssued, rows: []string{"temporary active"}},
		{name: "a server that is not activated has temporary tokens only", edition: rtm, inert: true, request: cal,
			rule: "L6", answer: tsls.AnswerTempNew, event: eventlog.TokenIssued, rows: []string{"temporary active"}},
		{name: "a temporary token that nobody logged on with stays", edition: sp3, cals: 2, request: cal, class: tsls.ClassTemporary,
			before: func(l *lab, d *device) { l.ask(d, temp, none) },
			rule:   "L23a", answer: tsls.AnswerKeep, event: eventlog.RequestKept, free: 2, rows: []string{"temporary active"}},
		{name: "a validated temporary token becomes a CAL", edition: sp3, cals: 2, request: cal, class: tsls.ClassTemporary,
			before: func(l *lab, d *device) { l.ask(d, temp, none); l.mark(d) },
			rule:   "L4", answer: tsls.AnswerCALTake, event: eventlog.TokenUpgraded, free: 1, rows: []string{"temporary closed", "CAL active"}},
		{name: "a validated temporary token stays while there is no CAL", edition: sp3, request: cal, class: tsls.ClassTemporary,
			before: func(l *lab, d *device) { l.ask(d, temp, none); l.mark(d) },
			rule:   "L22a", answer: tsls.AnswerKeep, event: eventlog.RequestKept, rows: []string{"temporary active"}},
		{name: "a temporary token of another server counts as validated", edition: sp3, cals: 1, request: cal, class: tsls.ClassTemporary,
			change: func(r *tsls.Allocate) { r.LicenseID, r.Issuer = "LAB-OTHER-0000001", "ls2" },
			rule:   "L4", answer: tsls.AnswerCALTake, event: eventlog.TokenUpgraded, rows: []string{"CAL active"}},
		{name: "an RTM terminal server knows no mark", edition: sp3, cals: 1, request: cal, class: tsls.ClassTemporary,
			before: func(l *lab, d *device) { l.ask(d, temp, none) }, change: func(r *tsls.Allocate) { r.Features = 0 },
			rule: "L4", answer: tsls.AnswerCALTake, event: eventlog.TokenUpgraded, rows: []string{"temporary closed", "CAL active"}},
		{name: "an expired temporary token becomes a CAL", edition: sp3, cals: 1, request: cal, class: tsls.ClassTemporaryExpired,
			before: func(l *lab, d *device) { l.ask(d, temp, none); l.clock.days(91) },
			rule:   "L4", answer: tsls.AnswerCALTake, event: eventlog.TokenUpgraded, rows: []string{"temporary closed", "CAL active"}},
		{name: "an expired temporary token is refused while there is no CAL", edition: sp3, request: cal, class: tsls.ClassTemporaryExpired,
			before: func(l *lab, d *device) { l.ask(d, temp, none); l.clock.days(91) },
			rule:   "L8", answer: tsls.AnswerDenyExpired, event: eventlog.TokenRefused, rows: []string{"temporary expired"}},
		{name: "no second temporary token for who forgot the first", edition: sp3, request: temp,
			before: func(l *lab, d *device) { l.ask(d, temp, none); l.clock.days(91) },
			rule:   "L8b", answer: tsls.AnswerDenyExpired, event: eventlog.TokenRefused, rows: []string{"temporary expired"}},
		{name: "a second one where the letter of the paper rules", edition: knob(t, sp3, "temps_per_hwid=0"), request: temp,
			before: func(l *lab, d *device) { l.ask(d, temp, none); l.clock.days(91) },
			rule:   "L6", answer: tsls.AnswerTempNew, event: eventlog.TokenIssued, rows: []string{"temporary expired", "temporary active"}},
		{name: "who had the temporary token gets a CAL if there is one", edition: sp3, cals: 1, request: temp,
			before: func(l *lab, d *device) { l.ask(d, temp, none); l.clock.days(91) },
			rule:   "L4a", answer: tsls.AnswerCALTake, event: eventlog.TokenIssued, rows: []string{"temporary closed", "CAL active"}},
		{name: "a lost temporary token is sent again", edition: sp3, cals: 1, request: temp,
			before: func(l *lab, d *device) { l.ask(d, temp, none); l.clock.days(10) },
			rule:   "L7", answer: tsls.AnswerTempRow, event: eventlog.TokenResent, free: 1, rows: []string{"temporary active"}},
	}
}

// otherCases begin with a CAL, or are about other pools.
func otherCases(t *testing.T) []ruleCase {
	const (
		temp, cal, renew, builtIn = tsls.RequestTemp, tsls.RequestCAL, tsls.RequestRenew, tsls.RequestBuiltIn
		none                      = tsls.ClassNone
	)
	sp3, rtm, net := edition.W2KSP3(), edition.W2K(), edition.WS2003()
	viaDefault := func(r *tsls.Allocate) { r.ViaDefault = true }
	return []ruleCase{
		{name: "a lost CAL is sent again", edition: sp3, cals: 1, request: temp,
			before: func(l *lab, d *device) { l.earn(d); l.clock.days(10) },
			rule:   "L3", answer: tsls.AnswerCALOwn, event: eventlog.TokenResent, rows: []string{"temporary closed", "CAL active"}},
		{name: "at an RTM server a lost CAL stays taken", edition: rtm, cals: 2, request: cal,
			before: func(l *lab, d *device) { l.ask(d, cal, none) },
			rule:   "L4", answer: tsls.AnswerCALTake, event: eventlog.TokenIssued, rows: []string{"CAL superseded", "CAL active"}},
		{name: "a CAL is renewed under its id", edition: sp3, cals: 1, request: renew, class: tsls.ClassPermNear,
			before: func(l *lab, d *device) { l.earn(d); l.clock.days(50) },
			rule:   "L12", answer: tsls.AnswerCALRenew, event: eventlog.TokenRenewed, rows: []string{"temporary closed", "CAL active"}},
		{name: "a CAL of another server is replaced", edition: sp3, cals: 1, request: renew, class: tsls.ClassPermNear,
			change: func(r *tsls.Allocate) { r.LicenseID = "LAB-OTHER-0000001" },
			rule:   "L13", answer: tsls.AnswerCALTake, event: eventlog.TokenIssued, rows: []string{"CAL active"}},
		{name: "a CAL of another server stays while there is no CAL", edition: sp3, request: renew, class: tsls.ClassPermNear,
			change: func(r *tsls.Allocate) { r.LicenseID = "LAB-OTHER-0000001" },
			rule:   "L13b", answer: tsls.AnswerKeep, event: eventlog.RequestKept},
		{name: "an expired CAL is revived under its id", edition: sp3, cals: 1, request: cal, class: tsls.ClassPermExpired,
			before: func(l *lab, d *device) { l.earn(d); l.clock.days(90) },
			rule:   "L4", answer: tsls.AnswerCALTake, event: eventlog.TokenIssued, rows: []string{"temporary closed", "CAL active"}},
		{name: "an expired CAL becomes a temporary token while there is none", edition: sp3, cals: 1, request: cal, class: tsls.ClassPermExpired,
			before: func(l *lab, d *device) { l.earn(d); l.clock.days(90); l.earn(newDevice(99)) },
			rule:   "L6", answer: tsls.AnswerTempNew, event: eventlog.TokenIssued, rows: []string{"temporary closed", "CAL expired", "temporary active"}},
		{name: "or is refused where the knob says so", edition: knob(t, sp3, "expired_perm_no_stock=deny"), cals: 1, request: cal, class: tsls.ClassPermExpired,
			before: func(l *lab, d *device) { l.earn(d); l.clock.days(90); l.earn(newDevice(99)) },
			rule:   "L29", answer: tsls.AnswerDenyStock, event: eventlog.TokenRefused, rows: []string{"temporary closed", "CAL expired"}},
		{name: "an empty default license server refuses", edition: sp3, request: temp, change: viaDefault,
			rule: "L25", answer: tsls.AnswerDenyEmpty, event: eventlog.TokenRefused},
		{name: "Windows 2000 Professional has the built-in pool", edition: sp3, request: builtIn,
			rule: "L9", answer: tsls.AnswerBuiltIn, event: eventlog.TokenIssued, rows: []string{"built-in active"}},
		{name: "one built-in row a device", edition: sp3, request: builtIn, class: tsls.ClassTemporary,
			before: func(l *lab, d *device) { l.ask(d, builtIn, none); l.ask(d, temp, none) },
			rule:   "L9", answer: tsls.AnswerBuiltIn, event: eventlog.TokenUpgraded, rows: []string{"built-in active", "temporary closed"}},
		{name: "a terminal server of 2003 is not served by Windows 2000", edition: sp3, cals: 1, request: temp,
			change: func(r *tsls.Allocate) { r.Edition = net.Edition.String() },
			rule:   "L1", answer: tsls.AnswerDenyServed, event: eventlog.TokenRefused, free: 1},
		{name: "a per-user terminal server gets no device CAL", edition: net, cals: 0, request: temp,
			change: func(r *tsls.Allocate) { r.Mode = "user" },
			rule:   "L6", answer: tsls.AnswerTempNew, event: eventlog.TokenIssued, rows: []string{"temporary active"}},
	}
}

// Every rule of part 7a that needs no other license server, through the real store.
//
// proves R101, R104, R107, R109, R110
func TestRules(t *testing.T) {
	for _, tt := range append(temporaryCases(t), otherCases(t)...) {
		t.Run(tt.name, tt.run)
	}
}

func (tt ruleCase) run(t *testing.T) {
	l := newLab(t, tt.edition)
	if !tt.inert {
		l.activate()
	}
	if tt.cals > 0 {
		l.install(enroll.KeyPack{Count: tt.cals})
	}
	d := newDevice(1)
	if tt.before != nil {
		tt.before(l, d)
	}
	was := d.license
	if tt.change == nil {
		tt.change = func(*tsls.Allocate) {}
	}
	a := l.ask(d, tt.request, tt.class, tt.change)
	e := l.last(allocated...)
	if a.Answer != tt.answer || e.Fields["rule"] != tt.rule || e.Name != tt.event.Name {
		t.Errorf("answer %v by %s as %s (%s), want %v by %s as %s", a.Answer, e.Fields["rule"], e.Name, a.Reason, tt.answer, tt.rule, tt.event.Name)
	}
	if free := l.free(); free != tt.free {
		t.Errorf("%d CALs free, want %d", free, tt.free)
	}
	if diff := cmp.Diff(tt.rows, l.rows(d)); diff != "" {
		t.Errorf("rows: -want +got\n%s", diff)
	}
	keepsID := map[tsls.Answer]bool{tsls.AnswerCALOwn: true, tsls.AnswerCALRenew: true, tsls.AnswerTempRow: true}
	if (keepsID[a.Answer] || e.Name == eventlog.TokenIssued.Name && tt.class == tsls.ClassPermExpired && d.license.Kind == token.CAL) &&
		d.license.LicenseID != was.LicenseID {
		t.Errorf("license id %s, was %s", d.license.LicenseID, was.LicenseID)
	}
	l.sound()
}

// Tokens are sound, say what the row says, and are the same bytes when asked for
// again, after a restart too.
func TestTokenOfRow(t *testing.T) {
	l := licensed(t, edition.W2KSP3(), 1)
	info := must[tsls.ServerInfo](l, tsls.Hello{})
	d := newDevice(1)
	l.earn(d)
	parsed, err := token.Parse(d.blob)
	if err != nil {
		t.Fatal(err)
	}
	if err := parsed.Verify(l.clock.Now(), []*x509.Certificate{l.ca.root}, nil); err != nil {
		t.Errorf("Verify: %v", err)
	}
	want := token.License{
		Kind: token.CAL, LicenseID: d.license.LicenseID, KeyPackID: packID(0), HardwareID: d.id,
		Product: "Windows 2000", Version: token.Version{Major: 5}, Machine: "PC1", User: "lab",
		Issued: day0, Expires: d.license.Expires, Issuer: info.ServerID,
	}
	if diff := cmp.Diff(want, parsed.License); diff != "" {
		t.Errorf("token: -want +got\n%s", diff)
	}
	first := d.blob
	for range 2 {
		if a := l.ask(d, tsls.RequestTemp, tsls.ClassNone); a.Answer != tsls.AnswerCALOwn {
			t.Fatalf("answer %v", a.Answer)
		}
		if !cmp.Equal(first, d.blob) {
			t.Error("the token sent again has other bytes")
		}
		l.restart()
	}
}
