package ts_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// connector gives the license server one Internet Connector license to give out; taken
// is what it says of one that comes back, nil that it stays silent.
func (ls *licenseServer) connector(taken tsls.Message, silence chan struct{}) func(tsls.Message) tsls.Message {
	return func(m tsls.Message) tsls.Message {
		switch m := m.(type) {
		case tsls.Ping:
			return tsls.ServerInfo{Name: "ls1", Edition: "w2k-sp3", Activated: true, Certificates: ls.signer.Chain}
		case tsls.Allocate:
			license, err := token.Sign(token.License{
				Kind: token.InternetConnector, LicenseID: "LAB-I-1", HardwareID: m.HardwareID, Product: "W2K", Version: token.Version{Major: 5},
				Machine: m.Machine, Issued: ls.now().Truncate(time.Second), Issuer: "ls1",
			}, ls.signer)
			if err != nil {
				return tsls.Errorf(tsls.CodeInternal, "%v", err)
			}
			return tsls.Allocated{Answer: tsls.AnswerCALTake, License: license}
		case tsls.Return:
			if taken == nil {
				<-silence
			}
			return taken
		}
		return nil
	}
}

func (l *lab) ic(t *testing.T, verb string) (result, text string) {
	t.Helper()
	in, err := json.Marshal(ts.ConnectorRequest{Verb: verb})
	if err != nil {
		t.Fatal(err)
	}
	out, err := l.Controls()[ts.ConnectorOperation](t.Context(), in)
	if err != nil {
		t.Fatalf("%s: %v", verb, err)
	}
	return out.(ts.Operated).Result, out.(ts.Operated).Text
}

// TestReturnOfAConnector: a license server that refuses an Internet Connector license
// leaves the mode on; with one that stays silent, which may have it, the mode is off,
// and disabling once more settles it.
func TestReturnOfAConnector(t *testing.T) {
	silence := make(chan struct{})
	ls := serveLicenses(t, "127.0.0.1:0", func() time.Time { return day0 })
	ls.script(ls.connector(nil, silence))
	l := newLab(t, func(c *ts.Config) {
		c.LicenseServer, c.Profile = ls.addr, edition.W2KSP3()
		c.Limits.Answer = 100 * time.Millisecond
	})
	if result, text := l.ic(t, "enable"); result != "ok" {
		t.Fatalf("enable: %s: %s", result, text)
	}
	for _, tt := range []struct {
		name         string
		taken        tsls.Message
		result, says string
		on           bool
	}{
		{"refused", tsls.Errorf(tsls.CodeNoLicense, "no such license"), "refuse", "does not take the license back", true},
		{"silent", nil, "refuse", "the mode is off, and whether the license server has the license back is not known", false},
		{"silent again", nil, "refuse", "disable once more", false},
		{"taken", tsls.Returned{Freed: true}, "ok", "", false},
		{"once too often", tsls.Returned{}, "no-op", "", false},
	} {
		ls.script(ls.connector(tt.taken, silence))
		result, text := l.ic(t, "disable")
		if result != tt.result || !strings.Contains(text, tt.says) || (l.Status().Connector != nil) != tt.on {
			t.Errorf("%s: %s: %s; mode on: %v", tt.name, result, text, l.Status().Connector != nil)
		}
	}
	close(silence)
}
