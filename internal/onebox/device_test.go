package onebox_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/internal/onebox"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
)

// refusedAlert is the alert that refuses the device, or what else came.
func refusedAlert(t *testing.T, c *client.Config) string {
	t.Helper()
	s, err := client.Connect(t.Context(), c)
	var refused *client.RefusedError
	switch {
	case err == nil:
		s.Close()
		return "admitted"
	case errors.As(err, &refused) && refused.Alert != nil:
		return refused.Alert.Error()
	}
	return err.Error()
}

// flip changes one byte of the license in the store, which keeps its names.
func flip(t *testing.T, c *client.Config, sound client.StoredLicense, at int) {
	t.Helper()
	broken := sound
	broken.License = append([]byte(nil), sound.License...)
	broken.License[at] ^= 0x01
	if err := c.Store.Put(broken); err != nil {
		t.Fatal(err)
	}
}

// offsets are twelve places in a license, spread over its fields and its chain, that
// are not in an object identifier: a license without ours in it is another maker's,
// which is no broken one.
func offsets(t *testing.T, blob []byte) []int {
	t.Helper()
	var list []int
	for step, at := len(blob)/13, len(blob)/26; len(list) < 12; at += step {
		for ; ; at++ {
			broken := append([]byte(nil), blob...)
			broken[at] ^= 0x01
			var foreign *token.ForeignError
			if _, err := token.Parse(broken); !errors.As(err, &foreign) {
				break
			}
		}
		list = append(list, at)
	}
	return list
}

// TestBrokenLicense is drill D28: whatever byte of a license is wrong, it is event
// 1003, and the cure is to delete HardwareID: the device then asks for a new token.
//
// proves R148, R149
func TestBrokenLicense(t *testing.T) {
	t.Parallel()
	for _, cure := range []struct {
		name           string
		persona        string
		licenses, hwid bool
	}{
		{"delete HardwareID", "9x", false, true},
		{"delete MSLicensing", "9x", true, true},
		{"delete the Macintosh's folder", "mac", true, true},
	} {
		t.Run(cure.name, func(t *testing.T) {
			l := start(t, t.TempDir(), nil)
			device := l.deviceOf(t, "PC-1", cure.persona, t.TempDir())
			connect(t, device)
			sound := device.Store.Licenses()[0]
			was, _ := device.Store.HardwareID()
			requests := l.requests(t)
			places := offsets(t, sound.License)
			for _, at := range places {
				flip(t, device, sound, at)
				if got := refusedAlert(t, device); got != "ERR_INVALID_CLIENT, ST_TOTAL_ABORT" {
					t.Errorf("byte %d of %d: %s", at, len(sound.License), got)
				}
			}
			texts := l.text(t, "termservice.invalid-license")
			if want := "The terminal service client 'PC-1' has provided an invalid license."; len(texts) != len(places) || texts[0] != want {
				t.Errorf("event 1003: %d times %q, want %d times %q", len(texts), texts, len(places), want)
			}
			if n := l.requests(t) - requests; n != 0 {
				t.Errorf("the license server was asked %d times", n)
			}
			if err := device.Store.Wipe(cure.licenses, cure.hwid); err != nil {
				t.Fatal(err)
			}
			if got := connect(t, device); got != "temporary" {
				t.Errorf("after the cure: %s", got)
			}
			if now, _ := device.Store.HardwareID(); now == was {
				t.Error("the hardware id is the old one")
			}
		})
	}
}

// TestCALOfAnotherLab: the log says why a sound CAL counts as broken, and the cure that
// the device is told helps.
func TestCALOfAnotherLab(t *testing.T) {
	t.Parallel()
	one, other := start(t, t.TempDir(), nil), start(t, t.TempDir(), nil)
	device := one.device(t, "PC-1")
	for range 2 {
		connect(t, device)
	}
	device.Server = other.Addr().String()
	if got := refusedAlert(t, device); got != "ERR_INVALID_CLIENT, ST_TOTAL_ABORT" {
		t.Errorf("at the other lab: %s", got)
	}
	want := []string{"PC-1 is refused: the client's license is broken: neither its license server nor the clearinghouse behind that is known here"}
	if diff := cmp.Diff(want, other.text(t, "license.denied")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if err := device.Store.Wipe(true, true); err != nil {
		t.Fatal(err)
	}
	if got := connect(t, device); got != "temporary" {
		t.Errorf("after the cure: %s", got)
	}
}

// deviceOf is a device of another persona, with its store in dir.
func (l *lab) deviceOf(t *testing.T, name, persona, dir string) *client.Config {
	t.Helper()
	p, err := client.FindPersona(persona)
	if err != nil {
		t.Fatal(err)
	}
	store, err := client.OpenStore(p, dir)
	if err != nil {
		t.Fatal(err)
	}
	return &client.Config{Server: l.Addr().String(), Persona: p, Store: store, Name: name, User: "lab", Password: "lab"}
}

// TestOtherLicenses: a sound license on another device is event 1004 alone, another
// maker's license is none at all.
func TestOtherLicenses(t *testing.T) {
	t.Parallel()
	l := start(t, t.TempDir(), nil)
	owner, thief := l.device(t, "PC-OWNER"), l.device(t, "PC-THIEF")
	connect(t, owner)
	if err := errors.Join(thief.Store.SetHardwareID(hwid.New(1, [16]byte{1})), thief.Store.Put(owner.Store.Licenses()[0])); err != nil {
		t.Fatal(err)
	}
	if got := refusedAlert(t, thief); got != "ERR_INVALID_CLIENT, ST_TOTAL_ABORT" {
		t.Errorf("a copied license: %s", got)
	}
	events := l.log.events(t)
	if events["termservice.cannot-issue"] != 1 || events["termservice.cannot-acquire"] != 0 || events["termservice.invalid-license"] != 0 {
		t.Errorf("a copied license: events %v", events)
	}
	stranger := l.device(t, "PC-OTHER")
	foreign := owner.Store.Licenses()[0]
	foreign.License = []byte("0\x03\x02\x01\x05 a license of another maker")
	if err := errors.Join(stranger.Store.SetHardwareID(hwid.New(1, [16]byte{2})), stranger.Store.Put(foreign)); err != nil {
		t.Fatal(err)
	}
	if got := connect(t, stranger); got != "temporary" {
		t.Errorf("with another maker's license: %s", got)
	}
}

// TestMacintosh keeps its token where the Macintosh client does, and draws on the
// CALs, never on the built-in pool.
//
// proves R165, R168, R169
func TestMacintosh(t *testing.T) {
	t.Parallel()
	l := start(t, t.TempDir(), nil)
	root := t.TempDir()
	mac := l.deviceOf(t, "MAC-1", "mac", root)
	if got := connect(t, mac); got != "temporary" {
		t.Errorf("first: %s", got)
	}
	if got := connect(t, mac); got != "CAL" {
		t.Errorf("second: %s", got)
	}
	files, err := os.ReadDir(filepath.Join(root, "Users", "Shared", "Microsoft", "RDC Crucial Server Information"))
	if err != nil || len(files) != 2 {
		t.Errorf("files %v, %v; want the hardware id and a license", files, err)
	}
	s, err := client.Connect(t.Context(), mac)
	if err != nil || s.Licensed.Presented == nil {
		t.Fatalf("third: %v; want it to show its token", err)
	}
	s.Close()
	pro := l.deviceOf(t, "PRO-1", "w2k-pro", t.TempDir())
	if got := connect(t, pro); got != "built-in" {
		t.Errorf("Windows 2000 Professional: %s", got)
	}
}

// TestCannotStore is drill D36: what a device that keeps nothing costs, by edition.
func TestCannotStore(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		edition string
		knobs   []string
		fresh   bool
		given   []string // day by day
		rows    int      // CALs gone in the end
		late    string   // on day 95
	}{
		"R":                          {"w2k-rtm", nil, false, []string{"CAL", "CAL", "CAL", "temporary", "temporary"}, 3, "refused"},
		"R with Q294729":             {"w2k-rtm", []string{"resend_live_row=on"}, false, []string{"CAL", "CAL", "CAL"}, 1, "CAL"},
		"H":                          {"w2k-sp3", nil, false, []string{"temporary", "temporary", "temporary"}, 1, "CAL"},
		"H with a fresh id a day":    {"w2k-sp3", nil, true, []string{"temporary", "temporary", "temporary"}, 0, "temporary"},
		"2003 with a fresh id a day": {"ws2003", nil, true, []string{"temporary", "temporary", "temporary"}, 0, "temporary"},
	} {
		t.Run(name, func(t *testing.T) {
			l := start(t, t.TempDir(), func(c *onebox.Config) { c.Profile, c.CALs = profile(t, tt.edition, tt.knobs...), 3 })
			device := l.device(t, "THIN-1")
			device.NoStore, device.FreshID = !tt.fresh, tt.fresh
			var got []string
			for range tt.given {
				got = append(got, connect(t, device))
				if err := l.clock.Advance(t.Context(), day); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(tt.given, got); diff != "" {
				t.Errorf("day by day: -want +got\n%s", diff)
			}
			if err := l.clock.AdvanceBySteps(t.Context(), 95*day, day); err != nil {
				t.Fatal(err)
			}
			late := "refused"
			if s, err := client.Connect(t.Context(), device); err == nil {
				late = given(t, s.Licensed)
				s.Close()
			}
			if late != tt.late {
				t.Errorf("on day 95: %s, want %s", late, tt.late)
			}
			if n := 3 - l.free(t, "CAL"); int(n) != tt.rows {
				t.Errorf("%d CALs are issued, want %d", n, tt.rows)
			}
		})
	}
}

// TestClones is drill D38: an image with a CAL in it on five machines.
func TestClones(t *testing.T) {
	t.Parallel()
	l := start(t, t.TempDir(), nil)
	image := t.TempDir()
	master := l.deviceOf(t, "IMAGE", "9x", image)
	for range 2 {
		connect(t, master)
	}
	requests := l.requests(t)
	var clones []*client.Config
	for i := range 5 {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(image)); err != nil {
			t.Fatal(err)
		}
		clone := l.deviceOf(t, fmt.Sprintf("CLONE-%d", i), "9x", dir)
		if got := connect(t, clone); got != "nothing" {
			t.Errorf("%s is given %s", clone.Name, got)
		}
		clones = append(clones, clone)
	}
	if n := l.requests(t) - requests; n != 0 {
		t.Errorf("the license server was asked %d times", n)
	}
	if n := l.free(t, "CAL"); n != 9 {
		t.Errorf("%d CALs are free, want 9", n)
	}
	ids := map[hwid.ID]bool{}
	for _, clone := range clones {
		if err := clone.Store.Wipe(false, true); err != nil {
			t.Fatal(err)
		}
		if got := connect(t, clone); got != "temporary" {
			t.Errorf("%s with its own hardware id is given %s", clone.Name, got)
		}
		id, _ := clone.Store.HardwareID()
		ids[id] = true
	}
	if len(ids) != 5 || l.log.events(t)["token.issued"] != 6 {
		t.Errorf("%d hardware ids, events %v", len(ids), l.log.events(t))
	}
}

// TestFreshName: licenses follow the hardware id, whatever the device calls itself.
func TestFreshName(t *testing.T) {
	t.Parallel()
	l := start(t, t.TempDir(), nil)
	device := l.device(t, "WORKSTATION-007")
	device.FreshName = true
	names := map[string]bool{}
	for _, want := range []string{"temporary", "CAL", "nothing"} {
		s, err := client.Connect(t.Context(), device)
		if err != nil {
			t.Fatal(err)
		}
		names[s.Name] = true
		if got := given(t, s.Licensed); got != want || len(s.Name) > 15 || !strings.HasPrefix(s.Name, "WORKST-") {
			t.Errorf("%s is given %s, want %s", s.Name, got, want)
		}
		s.Close()
	}
	if len(names) != 3 {
		t.Errorf("names %v", names)
	}
}
