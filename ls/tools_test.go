package ls_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/wire/codes"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

func connectorPack(n uint32) enroll.KeyPack {
	return enroll.KeyPack{PackID: packID(9), Kind: token.InternetConnector.String(), Count: n}
}

// Before and after activation: who signs, how it is named, what is announced.
func TestActivation(t *testing.T) {
	l := newLab(t, edition.W2KSP3())
	before := must[tsls.ServerInfo](l, tsls.Hello{})
	if before.Activated || before.ServerID != "" || before.Name != "ls1" || len(before.Certificates) != 1 || len(before.Roots) != 0 ||
		before.Features != tsls.FeatureMark|tsls.FeatureExpiry|tsls.FeatureReferral || before.Edition != "w2k-sp3" || before.Scope != "workgroup" {
		t.Errorf("before: %+v", before)
	}
	early := newDevice(1)
	l.ask(early, tsls.RequestTemp, tsls.ClassNone)
	after := l.activate()
	if !after.Activated || !codes.Valid(codes.LicenseServerID, after.ServerID) || len(after.Certificates) != 2 ||
		!bytes.Equal(after.Certificates[1], before.Certificates[0]) || !bytes.Equal(after.Roots[0], l.ca.root.Raw) {
		t.Errorf("after: %+v", after)
	}
	if e := l.last(eventlog.ServerActivated); e.Fields["server_id"] != after.ServerID {
		t.Errorf("event %+v", e)
	}
	late := newDevice(2)
	l.ask(late, tsls.RequestTemp, tsls.ClassNone)
	l.restart()
	if diff := cmp.Diff(after, must[tsls.ServerInfo](l, tsls.Ping{})); diff != "" {
		t.Errorf("after a restart: -before +after\n%s", diff)
	}
	known := func(cert []byte) bool {
		return bytes.Equal(cert, after.Certificates[0]) || bytes.Equal(cert, after.Certificates[1])
	}
	for d, issuer := range map[*device]string{early: "ls1", late: after.ServerID} {
		parsed, err := token.Parse(d.blob)
		if err != nil {
			t.Fatal(err)
		}
		if err := parsed.Verify(l.clock.Now(), []*x509.Certificate{l.ca.root}, known); err != nil || parsed.Issuer != issuer {
			t.Errorf("%s: issuer %q, want %q; %v", d.name, parsed.Issuer, issuer, err)
		}
		if parsed.SelfSigned() != (d == early) {
			t.Errorf("%s: self-signed %v", d.name, parsed.SelfSigned())
		}
	}
}

// proves R121
func TestReactivation(t *testing.T) {
	l := licensed(t, edition.W2KSP3(), 2)
	first := must[tsls.ServerInfo](l, tsls.Ping{})
	second := l.activate()
	if second.ServerID == first.ServerID {
		t.Error("the License Server ID is the same")
	}
	want := append([][]byte{second.Certificates[0]}, first.Certificates...)
	if diff := cmp.Diff(want, second.Certificates); diff != "" {
		t.Errorf("certificates: -want +got\n%s", diff)
	}
	if l.free() != 2 {
		t.Errorf("%d CALs, want the 2 that were installed", l.free())
	}
	old := l.ca.pack(t, enroll.KeyPack{PackID: packID(5), ServerID: first.ServerID, Count: 1})
	if _, err := l.tell(tsls.InstallKeyPack{Document: old}); !errors.Is(err, tsls.Error{Code: tsls.CodeOtherServer}) {
		t.Errorf("a pack for the old id: %v", err)
	}
	l.install(enroll.KeyPack{PackID: packID(6), Count: 3})
	if l.free() != 5 {
		t.Errorf("%d CALs, want 5", l.free())
	}
}

func TestActivationRefuses(t *testing.T) {
	l, other := newLab(t, edition.W2KSP3()), newLab(t, edition.W2KSP3())
	own := must[tsls.ActivationRequest](l, tsls.GetActivationRequest{})
	theirs := must[tsls.ActivationRequest](other, tsls.GetActivationRequest{})
	good := l.ca.activate(t, own.Document)
	newer := l.ca.activate(t, own.Document)
	foreign := newCA(t).activate(t, own.Document)
	for _, tt := range []struct {
		name     string
		document []byte
		code     tsls.Code // 0: accepted
		says     string
	}{
		{"no document", []byte("hello"), tsls.CodeDocument, "no line begins"},
		{"the request itself", own.Document, tsls.CodeDocument, "activation"},
		{"another server's", l.ca.activate(t, theirs.Document), tsls.CodeOtherServer, "not for this server's"},
		{"good", good, 0, ""},
		{"again", good, tsls.CodeActivated, "activated already"},
		{"another clearinghouse's", foreign, tsls.CodeForbidden, "`licmgr deactivate --lserver`"},
		{"newer", newer, 0, ""},
		{"the old one", good, tsls.CodeActivated, "replaced by a later one"},
	} {
		_, err := l.tell(tsls.Activate{Document: tt.document})
		if tt.code == 0 && err != nil || tt.code != 0 && (!errors.Is(err, tsls.Error{Code: tt.code}) || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: error %v, want %v that says %q", tt.name, err, tt.code, tt.says)
		}
	}
	if _, err := l.Deactivate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.tell(tsls.Activate{Document: foreign}); err != nil {
		t.Errorf("another clearinghouse's after the deactivation: %v", err)
	}
}

// stranger is the License Server ID of no server here.
var stranger = codes.ServerID(&x509.Certificate{SerialNumber: big.NewInt(1)})

// proves R71, R121
func TestInstallRefuses(t *testing.T) {
	l := newLab(t, edition.W2KSP3())
	l.ca.pack(t, enroll.KeyPack{ServerID: stranger, Count: 1})
	if _, err := l.tell(tsls.InstallKeyPack{Document: l.ca.pack(t, enroll.KeyPack{ServerID: stranger, Count: 1})}); !errors.Is(err, tsls.Error{Code: tsls.CodeNotActivated}) {
		t.Errorf("before the activation: %v", err)
	}
	id := l.activate().ServerID
	l.install(enroll.KeyPack{PackID: packID(1), Count: 10})
	for _, tt := range []struct {
		name     string
		document []byte
		code     tsls.Code
		says     string
	}{
		{"no document", []byte("hello"), tsls.CodeDocument, "no line begins"},
		{"again", l.ca.pack(t, enroll.KeyPack{PackID: packID(1), ServerID: id, Count: 10}), tsls.CodeDuplicate, "installed already"},
		{"another server's", l.ca.pack(t, enroll.KeyPack{PackID: packID(2), ServerID: stranger, Count: 10}), tsls.CodeOtherServer, id},
		{"another clearinghouse's", newCA(t).pack(t, enroll.KeyPack{PackID: packID(2), ServerID: id, Count: 10}), tsls.CodeDocument, "clearinghouse"},
		{"temporary tokens", l.ca.pack(t, enroll.KeyPack{PackID: packID(2), ServerID: id, Kind: "temporary", Count: 10}), tsls.CodeDocument, "temporary"},
	} {
		_, err := l.tell(tsls.InstallKeyPack{Document: tt.document})
		if !errors.Is(err, tsls.Error{Code: tt.code}) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: error %v, want %v that says %q", tt.name, err, tt.code, tt.says)
		}
	}
	if l.free() != 10 {
		t.Errorf("%d CALs, want 10", l.free())
	}
}

// CALs are taken from the pack with the lowest id first; the server's own pools stand
// behind the packs.
//
// proves R77, R161, R177, R180
func TestKeyPacks(t *testing.T) {
	l := licensed(t, edition.W2KSP3(), 0)
	ids := []string{packID(1), packID(2), packID(3)}
	for _, id := range ids {
		info := l.install(enroll.KeyPack{PackID: id, Count: 1})
		want := tsls.KeyPackInfo{ID: id, Kind: "CAL", Product: "Windows 2000", Program: "License Code", Total: 1, Available: 1, Installed: day0}
		if diff := cmp.Diff(want, info); diff != "" {
			t.Errorf("installed: -want +got\n%s", diff)
		}
	}
	var taken []string
	for i := range 3 {
		d := newDevice(i)
		l.earn(d)
		taken = append(taken, d.license.KeyPackID)
	}
	packs := must[tsls.KeyPackList](l, tsls.KeyPacks{}).Packs
	if len(packs) != 4 || packs[3].Kind != "temporary" || packs[3].ID != "" || packs[3].Total != tsls.Unlimited {
		t.Fatalf("packs %+v", packs)
	}
	for i, p := range packs[:3] {
		if p.ID != taken[i] || p.Issued != 1 || p.Available != 0 {
			t.Errorf("pack %d: %+v, taken from %v", i, p, taken)
		}
	}
}

func TestGracePeriodFlag(t *testing.T) {
	l := licensed(t, edition.WS2003(), 0)
	l.install(enroll.KeyPack{Count: 1, Product: "Windows Server 2003", Major: 5, Minor: 2})
	d := newDevice(1)
	if a := l.ask(d, tsls.RequestTemp, tsls.ClassNone); a.CALIssuedEver || must[tsls.ServerInfo](l, tsls.Ping{}).CALIssuedEver {
		t.Error("a temporary token counts as a CAL")
	}
	l.mark(d)
	if a := l.ask(d, tsls.RequestCAL, tsls.ClassTemporary); !a.CALIssuedEver || !must[tsls.ServerInfo](l, tsls.Ping{}).CALIssuedEver {
		t.Error("the CAL does not count")
	}
	must[tsls.Returned](l, tsls.Return{LicenseID: d.license.LicenseID, HardwareID: d.id})
	l.restart()
	if !must[tsls.ServerInfo](l, tsls.Ping{}).CALIssuedEver {
		t.Error("forgotten after a return and a restart")
	}
}

func TestUnknownRequest(t *testing.T) {
	l := newLab(t, edition.W2KSP3())
	if _, err := l.tell(tsls.Marked{}); !errors.Is(err, tsls.Error{Code: tsls.CodeUnknownType}) {
		t.Errorf("error %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.tell(tsls.Ping{}); !errors.Is(err, tsls.Error{Code: tsls.CodeInternal}) {
		t.Errorf("a closed server answers %v", err)
	}
}

func TestNewNeedsAName(t *testing.T) {
	if _, err := ls.New(ls.Config{Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "--host") {
		t.Errorf("error %v", err)
	}
}

// Idle comes once, two seconds after the last request.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, edition.W2KSP3())
		l.Close()
		var n atomic.Int32
		l.config.Idle = func() { n.Add(1) }
		l.start()
		defer l.Close()
		for i, step := range []struct {
			wait time.Duration
			want int32
		}{{1 * time.Second, 0}, {1 * time.Second, 0}, {2 * time.Second, 1}, {time.Hour, 1}} {
			if i < 2 {
				must[tsls.ServerInfo](l, tsls.Ping{})
			}
			until(time.Now().Add(step.wait))
			if n.Load() != step.want {
				t.Errorf("step %d: idle %d times, want %d", i, n.Load(), step.want)
			}
		}
	})
}

// The statistics count what was answered; a server without expiries has nothing due.
func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := inYear(t, edition.W2KSP3(), 3)
		status, err := l.Status()
		if err != nil || !status.NextExpiry.IsZero() || status.Packs[0].Total != 3 {
			t.Errorf("%+v, %v", status, err)
		}
		l.earn(newDevice(1))
		stats, err := l.Stats()
		if err != nil || stats.Issued != 2 || stats.Requests != 3 || stats.Flushes != 3 || stats.StoreSize == 0 {
			t.Errorf("%+v, %v", stats, err)
		}
	})
}
