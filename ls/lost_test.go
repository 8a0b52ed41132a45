package ls

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/tsls"
)

// TestOldBackup: after an old backup, devices whose tokens have no row any more, and
// license ids that were given out twice, are told by license id (drill D37).
func TestOldBackup(t *testing.T) {
	var events bytes.Buffer
	now := clock.Fixed(time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC))
	s, err := New(Config{Name: "LS1", Dir: t.TempDir(), Clock: now, Log: eventlog.New(&events, "LS1", Program, now, slog.New(slog.DiscardHandler)), Edition: edition.W2KSP3(), Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ask := func(device byte, class tsls.Class, id string) tsls.Allocated {
		t.Helper()
		m, err := s.handle(t.Context(), transport.Peer{}, tsls.Allocate{Request: tsls.RequestTemp, Presented: class, LicenseID: id, HardwareID: hwid.ID{device},
			Machine: "PC" + string('0'+rune(device)), Mode: "device", Edition: "w2k-sp3", Features: tsls.FeatureMark | tsls.FeatureExpiry})
		if err != nil {
			t.Fatal(err)
		}
		return m.(tsls.Allocated)
	}
	ask(1, tsls.ClassNone, "")
	first := s.store.LicenseID(1)
	for _, tt := range []struct {
		device byte
		class  tsls.Class
		id     string
		want   string
	}{
		{1, tsls.ClassTemporary, first, ""}, // its own
		{2, tsls.ClassTemporary, first, `"name":"token.duplicate"`},
		{2, tsls.ClassTemporary, first, `"holder":"PC1"`},
		{3, tsls.ClassPermNear, s.store.LicenseID(900), `"name":"token.without-row"`},
		{4, tsls.ClassPermNear, "LAB-AAAAA-0000900", ""}, // another store's
		{5, tsls.ClassHardwareMismatch, first, ""},       // copied from somebody's disk
		{6, tsls.ClassNone, "", ""},
	} {
		events.Reset()
		ask(tt.device, tt.class, tt.id)
		lost := strings.Contains(events.String(), "token.duplicate") || strings.Contains(events.String(), "token.without-row")
		if lost != (tt.want != "") || !strings.Contains(events.String(), tt.want) {
			t.Errorf("%+v: %s", tt, events.String())
		}
	}
}
