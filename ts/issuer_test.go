package ts_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// named makes the license server say a name and a License Server ID of its own, and
// answer an allocation with allocate; nil leaves it its own answer.
func (ls *licenseServer) named(t *testing.T, name, id string, allocate func(tsls.Allocate) tsls.Message) {
	t.Helper()
	certificate, err := token.SelfSign(id, day0, ls.signer.Key)
	if err != nil {
		t.Fatal(err)
	}
	ls.signer.Chain = [][]byte{certificate}
	ls.script(func(m tsls.Message) tsls.Message {
		switch m := m.(type) {
		case tsls.Hello, tsls.Ping:
			return tsls.ServerInfo{
				Name: name, ServerID: id, Edition: "w2k-sp3", Activated: true,
				Features: tsls.FeatureMark | tsls.FeatureExpiry, Certificates: ls.signer.Chain,
			}
		case tsls.Allocate:
			if allocate != nil {
				return allocate(m)
			}
		}
		return nil
	})
}

// license signs a token for the device.
func (ls *licenseServer) license(t *testing.T, m tsls.Allocate, kind token.Kind, id, issuer string, life time.Duration) []byte {
	now := ls.now().Truncate(time.Second)
	blob, err := token.Sign(token.License{
		Kind: kind, LicenseID: id, HardwareID: m.HardwareID, Product: "W2K", Version: token.Version{Major: 5},
		Machine: m.Machine, Issued: now, Expires: now.Add(life), Issuer: issuer,
	}, ls.signer)
	if err != nil {
		t.Error(err)
	}
	return blob
}

// roots makes the license server's certificate a root that counts.
func (ls *licenseServer) roots(t *testing.T) []*x509.Certificate {
	root, err := x509.ParseCertificate(ls.signer.Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	return []*x509.Certificate{root}
}

func (ls *licenseServer) askedFor() (asked []tsls.Allocate, marks []tsls.Mark) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.asked, ls.marks
}

// TestMarkGoesToTheIssuer: the mark of a temporary token that came by referral is the
// business of the license server that issued it, and of the one in use while that is
// away (rules L10, L11). A mark that is lost is sent at the next logon.
//
// proves R108
func TestMarkGoesToTheIssuer(t *testing.T) {
	var l *lab
	now := func() time.Time { return l.clock.Now() }
	first, second := serveLicenses(t, "127.0.0.1:0", now), serveLicenses(t, "127.0.0.1:0", now)
	second.named(t, "ls2", "LAB-S-2", func(m tsls.Allocate) tsls.Message {
		return tsls.Allocated{Answer: tsls.AnswerTempNew, License: second.license(t, m, token.Temporary, "LAB-T-7", "LAB-S-2", 90*day)}
	})
	first.named(t, "ls1", "LAB-S-1", func(m tsls.Allocate) tsls.Message {
		if m.Presented == tsls.ClassNone {
			return tsls.Allocated{Answer: tsls.AnswerRefer, Referrals: []tsls.Referral{{Name: "ls2", Address: second.addr}}}
		}
		return tsls.Allocated{Answer: tsls.AnswerKeep} // not validated, as far as it knows
	})
	l = newLab(t, func(c *ts.Config) { c.LicenseServer = first.addr })
	device := l.device(t, "PC-1")
	if got, err := connect(t, device); err != nil || given(t, got) != "temporary" {
		t.Fatalf("given %v, %v", got, err)
	}
	if e := l.await(t, "license.marked"); e.Fields["server"] != "ls2" || e.Fields["issuer"] != "LAB-S-2" {
		t.Errorf("marked: %+v", e.Fields)
	}
	if first.marked() != 0 || second.marked() != 1 {
		t.Errorf("%d and %d marks", first.marked(), second.marked())
	}
	second.stop()
	if _, err := connect(t, device); err != nil { // the issuer is away: the one in use is told
		t.Fatal(err)
	}
	if e := l.await(t, "license.marked"); e.Fields["server"] != "ls1" || first.marked() != 1 {
		t.Errorf("marked: %+v", e.Fields)
	}
}

// TestRenewalAtTheIssuer: a CAL near its expiry is renewed where it was issued, so
// that a failover burns no second one; with the knob, or when the issuer is away, at
// the one in use.
func TestRenewalAtTheIssuer(t *testing.T) {
	for name, tt := range map[string]struct {
		knob         string
		away         bool
		first, later int // renewals asked of the one in use, and of the issuer
	}{
		"issuer":         {"renew_at=issuer", false, 0, 1},
		"knob current":   {"renew_at=current", false, 1, 0},
		"issuer is away": {"renew_at=issuer", true, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var l *lab
			now := func() time.Time { return l.clock.Now() }
			first, second := serveLicenses(t, "127.0.0.1:0", now), serveLicenses(t, "127.0.0.1:0", now)
			cal := func(ls *licenseServer, m tsls.Allocate) tsls.Message {
				answer := tsls.AnswerCALTake
				if m.Request == tsls.RequestRenew {
					answer = tsls.AnswerCALRenew
				}
				return tsls.Allocated{Answer: answer, License: ls.license(t, m, token.CAL, "LAB-C-7", "LAB-S-2", 10*day), CALIssuedEver: true}
			}
			second.named(t, "ls2", "LAB-S-2", func(m tsls.Allocate) tsls.Message { return cal(second, m) })
			first.named(t, "ls1", "LAB-S-1", func(m tsls.Allocate) tsls.Message {
				if m.Presented == tsls.ClassNone {
					return tsls.Allocated{Answer: tsls.AnswerRefer, Referrals: []tsls.Referral{{Name: "ls2", Address: second.addr}}}
				}
				return cal(first, m)
			})
			l = newLab(t, func(c *ts.Config) { c.LicenseServer, c.Roots = first.addr, second.roots(t) })
			l.configure(t, tt.knob)
			device := l.device(t, "PC-1")
			if got, err := connect(t, device); err != nil || given(t, got) != "CAL" {
				t.Fatalf("given %v, %v", got, err)
			}
			if err := l.clock.AdvanceBySteps(t.Context(), 5*day, day); err != nil {
				t.Fatal(err)
			}
			if tt.away {
				second.stop()
			}
			if got, err := connect(t, device); err != nil || given(t, got) != "CAL" {
				t.Fatalf("near its expiry: given %v, %v", got, err)
			}
			for i, ls := range []*licenseServer{first, second} {
				n := 0
				asked, _ := ls.askedFor()
				for _, m := range asked {
					if m.Request == tsls.RequestRenew {
						n++
					}
				}
				if want := []int{tt.first, tt.later}[i]; n != want {
					t.Errorf("license server %d was asked for %d renewals, want %d", i+1, n, want)
				}
			}
		})
	}
}
