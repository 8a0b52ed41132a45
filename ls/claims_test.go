package ls_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// TestFourKinds: a license server issues four kinds of token, and a device's record
// says which it holds: nothing, then a temporary token, then a CAL.
//
// proves R5, R17
func TestFourKinds(t *testing.T) {
	l := licensed(t, edition.W2KSP3(), 2)
	l.install(enroll.KeyPack{PackID: packID(9), Kind: token.InternetConnector.String(), Count: 1})
	pc, pro, server := newDevice(1), newDevice(2), newDevice(3)
	record := func(d *device, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, l.rows(d)); diff != "" {
			t.Errorf("record of %s (-want +got):\n%s", d.name, diff)
		}
	}
	record(pc)
	l.ask(pc, tsls.RequestTemp, tsls.ClassNone)
	record(pc, "temporary active")
	if pc.license.Kind != token.Temporary {
		t.Errorf("the token is %v", pc.license.Kind)
	}
	l.mark(pc)
	l.ask(pc, tsls.RequestCAL, tsls.ClassTemporary)
	record(pc, "temporary closed", "CAL active")
	if pc.license.Kind != token.CAL {
		t.Errorf("the token is %v", pc.license.Kind)
	}
	l.ask(pro, tsls.RequestBuiltIn, tsls.ClassNone)
	record(pro, "built-in active")
	if pro.license.Kind != token.BuiltIn {
		t.Errorf("the token is %v", pro.license.Kind)
	}
	l.ask(server, tsls.RequestInternetConnector, tsls.ClassNone)
	record(server, "Internet Connector active")
	if server.license.Kind != token.InternetConnector {
		t.Errorf("the token is %v", server.license.Kind)
	}
}

// TestOwnStore: what a license server keeps lies in its own folder and is shared with
// no other service: one file, which no second one opens.
//
// proves R7
func TestOwnStore(t *testing.T) {
	l := licensed(t, edition.W2KSP3(), 2)
	l.earn(newDevice(1))
	files, err := filepath.Glob(filepath.Join(l.config.Dir, "*"))
	if err != nil || len(files) != 1 || !strings.HasSuffix(files[0], ".db") {
		t.Errorf("the folder holds %v, %v", files, err)
	}
	other := l.config
	other.Name = "LS2"
	if _, err := ls.New(other); err == nil || !strings.Contains(err.Error(), "in use by another license server") {
		t.Errorf("a second license server in its folder: %v", err)
	}
}

// TestNobodyAsks: for a month nobody asks a license server with CALs, a temporary
// token out there and one CAL: it issues nothing and writes nothing; the calendar
// alone goes.
//
// proves R38, R42
func TestNobodyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := inYear(t, edition.W2KSP3(), 3)
		l.earn(newDevice(1))
		l.ask(newDevice(2), tsls.RequestTemp, tsls.ClassNone)
		before, err := l.Stats()
		if err != nil {
			t.Fatal(err)
		}
		content, events := stored(t, l), len(l.logged())
		until(time.Now().AddDate(0, 0, 30))
		after, err := l.Stats()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("it did something (-before +after):\n%s", diff)
		}
		if string(stored(t, l)) != string(content) {
			t.Error("its store has changed")
		}
		if n := len(l.logged()); n != events {
			t.Errorf("%d events in a month, want none", n-events)
		}
	})
}

// stored is what the store's file holds.
func stored(t *testing.T, l *lab) []byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(l.config.Dir, "*.db"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return text
}
