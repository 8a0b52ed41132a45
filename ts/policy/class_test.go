package policy

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// TestCALDates walks a CAL of 60 days through its life, second by second where it
// counts.
func TestCALDates(t *testing.T) {
	device := hwid.New(1, [16]byte{7})
	expires := start().AddDate(0, 0, 60)
	e := Evidence{Presented: true, Rooted: true, HardwareID: device, License: token.License{
		Kind: token.CAL, HardwareID: device, Version: token.Version{Major: 5}, Issued: start(), Expires: expires}}
	sp3, rtm := edition.W2KSP3(), edition.W2K()
	for _, test := range []struct {
		now      time.Time
		sp3, rtm tsls.Class
	}{
		{start(), tsls.ClassPermFresh, tsls.ClassPermFresh},
		{expires.AddDate(0, 0, -7).Add(-time.Second), tsls.ClassPermFresh, tsls.ClassPermFresh},
		{expires.AddDate(0, 0, -7), tsls.ClassPermNear, tsls.ClassPermFresh},
		{expires, tsls.ClassPermNear, tsls.ClassPermFresh},
		{expires.Add(time.Second), tsls.ClassPermExpired, tsls.ClassNone},
	} {
		if got := Classify(&sp3, test.now, e); got.Class != test.sp3 {
			t.Errorf("w2k-sp3 at %s: %s (%s), want %s", test.now, got.Class, got.Rule, test.sp3)
		}
		if got := Classify(&rtm, test.now, e); got.Class != test.rtm {
			t.Errorf("w2k-rtm at %s: %s (%s), want %s", test.now, got.Class, got.Rule, test.rtm)
		}
	}
	net := edition.WS2003()
	if got := Classify(&net, start(), e); got.Class != tsls.ClassNone || !got.Upgradeable {
		t.Errorf("ws2003: %+v", got)
	}
	e.License.Expires = time.Time{}
	if got := Classify(&sp3, start().AddDate(50, 0, 0), e); got.Class != tsls.ClassPermFresh {
		t.Errorf("a CAL without an expiry: %s", got.Class)
	}
}

// TestTrust: who is believed, and what is made of the errors of wire/token.
func TestTrust(t *testing.T) {
	stranger := fmt.Errorf("presented: %w", &token.VerifyError{Check: token.CheckRoot})
	forged := &token.VerifyError{Check: token.CheckSignature}
	p := edition.W2KSP3()
	for _, test := range []struct {
		name string
		e    Evidence
		kind token.Kind
		want string
	}{
		{"rooted", Evidence{Rooted: true}, token.CAL, "T12"},
		{"rooted, elsewhere too", Evidence{Rooted: true, KnownSigner: true, InCatalog: true}, token.CAL, "T12"},
		{"stranger's CAL", Evidence{Err: stranger}, token.CAL, "T4a"},
		{"stranger's built-in", Evidence{Err: stranger}, token.BuiltIn, "T4a"},
		{"stranger's temporary", Evidence{Err: stranger}, token.Temporary, "T4"},
		{"remembered signer's temporary", Evidence{KnownSigner: true}, token.Temporary, "T10"},
		{"remembered signer's CAL", Evidence{KnownSigner: true}, token.CAL, "T4a"},
		{"of the catalog", Evidence{InCatalog: true, Err: stranger}, token.CAL, "T12"},
		{"forged", Evidence{Rooted: true, Err: forged}, token.CAL, "T2"},
		{"not readable", Evidence{Err: errors.New("asn.1")}, 0, "T2"},
		{"Internet Connector token", Evidence{Rooted: true}, token.InternetConnector, "T2"},
		{"foreign", Evidence{Err: &token.ForeignError{}}, 0, "T1a"},
	} {
		test.e.Presented = true
		test.e.License = token.License{Kind: test.kind, Version: token.Version{Major: 5}, Issued: start()}
		if test.kind == token.Temporary {
			test.e.License.Expires = start().AddDate(0, 0, 90)
		}
		if got := Classify(&p, start(), test.e); got.Rule != test.want || got.Reason == "" {
			t.Errorf("%s: %s %s %q, want %s", test.name, got.Rule, got.Class, got.Reason, test.want)
		}
	}
}

// TestStrangersCALAsNone: clients of a short-lived lab come with the CAL of the one
// before it.
func TestStrangersCALAsNone(t *testing.T) {
	p := edition.W2KSP3()
	if err := p.Set("stranger_cal", "none"); err != nil {
		t.Fatal(err)
	}
	e := Evidence{Presented: true, Err: &token.VerifyError{Check: token.CheckRoot}, License: token.License{Kind: token.CAL, Issued: start()}}
	if got := Classify(&p, start(), e); got.Rule != "T4d" || got.Class != tsls.ClassNone {
		t.Errorf("a stranger's CAL: %s %s, want T4d none", got.Rule, got.Class)
	}
}

// TestWire pins the numbers.
func TestWire(t *testing.T) {
	for _, test := range []struct {
		wire                    Wire
		name                    string
		code, transition, error uint32
	}{
		{WireOK, "OKV", 7, 2, 0},
		{WireNew, "NEW", 0, 0, 0},
		{WireUpgrade, "UPG", 0, 0, 0},
		{WireNoServer, "NOLS", 6, 1, 257},
		{WireNoLicense, "NOLIC", 8, 1, 258},
		{WireBadLicense, "BADLIC", 8, 1, 261},
		{WireHardwareID, "HWID", 8, 1, 260},
		{WireCannotUpgrade, "CANTUP", 8, 1, 265},
		{WireLogonFailure, "LOGONF", 7, 2, 0},
		{Wire(99), "wire(99)", 0, 0, 0},
	} {
		code, transition := test.wire.Alert()
		if test.wire.String() != test.name || code != test.code || transition != test.transition || test.wire.ErrorInfo() != test.error {
			t.Errorf("%s: %d %d %d, want %s %d %d %d", test.wire, code, transition, test.wire.ErrorInfo(), test.name, test.code, test.transition, test.error)
		}
		if pushes := test.name == "NEW" || test.name == "UPG"; test.wire.Pushes() != pushes {
			t.Errorf("%s pushes: %v", test.wire, test.wire.Pushes())
		}
	}
}
