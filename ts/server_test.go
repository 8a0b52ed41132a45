package ts_test

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/tsls"
)

// TestGracePeriod lives through a grace period in which no license server comes.
func TestGracePeriod(t *testing.T) {
	l := newLab(t, nil)
	device := l.device(t, "PC-1")
	if got, err := connect(t, device); err != nil || given(t, got) != "nothing" {
		t.Fatalf("first client: given %v, %v", got, err)
	}
	l.await(t, "session.ended")
	if err := l.clock.AdvanceBySteps(t.Context(), 89*day, day); err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, device); err != nil {
		t.Errorf("on the last day: %v", err)
	}
	if err := l.clock.AdvanceBySteps(t.Context(), 2*day, day); err != nil {
		t.Fatal(err)
	}
	_, err := connect(t, device)
	if got := refusedBy(err); got != "ERR_NO_LICENSE_SERVER, ST_TOTAL_ABORT" {
		t.Errorf("after the grace period: %s", got)
	}
	l.stop()
	count := l.count()
	delete(count, "termservice.no-license-server") // each time it was looked for
	want := map[string]int{
		"termservice.grace-expiring": 14, "grace.ended": 1, "termservice.grace-expired": 1,
		"connection.accepted": 2, "license.none": 1, "logon.succeeded": 1, "session.started": 1, "session.ended": 1,
		"license.denied": 1, "termservice.cannot-issue": 1, "termservice.cannot-acquire": 1,
	}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Errorf("events: -want +got\n%s", diff)
	}
}

// TestGraceSurvivesRestart ends and starts the server in its grace period.
func TestGraceSurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	l := newLab(t, func(c *ts.Config) { c.Dir = dir })
	if _, err := connect(t, l.device(t, "PC-1")); err != nil {
		t.Fatal(err)
	}
	was := l.Status().Grace
	l.stop()
	if err := l.clock.Advance(t.Context(), day); err != nil {
		t.Fatal(err)
	}
	again := startLab(t, l.clock, func(c *ts.Config) { c.Dir = dir })
	if diff := cmp.Diff(was, again.Status().Grace); diff != "" || was.State != policy.GraceRunning {
		t.Errorf("-before +after the restart\n%s", diff)
	}
}

// TestLicenseServerComesAndGoes loses the license server under the terminal server
// and gives it back.
func TestLicenseServerComesAndGoes(t *testing.T) {
	var l *lab
	now := func() time.Time { return l.clock.Now() }
	ls := serveLicenses(t, "127.0.0.1:0", now)
	l = newLab(t, func(c *ts.Config) { c.LicenseServer = ls.addr })
	l.await(t, "server.found")
	device := l.device(t, "PC-1")
	got, err := connect(t, device)
	if err != nil || given(t, got) != "temporary" || ls.marked() != 1 {
		t.Fatalf("given %v, %v; %d marks", got, err, ls.marked())
	}
	ls.stop()
	if got, err = connect(t, device); err != nil || given(t, got) != "nothing" {
		t.Errorf("the token is good, the license server away: given %v, %v", got, err)
	}
	l.await(t, "server.lost")
	if _, err := connect(t, l.device(t, "PC-2")); refusedBy(err) != "ERR_NO_LICENSE_SERVER, ST_TOTAL_ABORT" {
		t.Errorf("a new device, the license server away: %v", err)
	}

	ls = serveLicenses(t, ls.addr, now)
	_, err = connect(t, l.device(t, "PC-3"))
	if refusedBy(err) != "ERR_NO_LICENSE_SERVER, ST_TOTAL_ABORT" {
		t.Errorf("a license server with another key than before: %v", err)
	}
}

// TestLicenseServerFails has license servers that fail in every way; a client with a
// good token is admitted all the same, a new one refused.
func TestLicenseServerFails(t *testing.T) {
	for name, answer := range map[string]func(m tsls.Message) tsls.Message{
		"never answers": nil,
		"error":         func(tsls.Message) tsls.Message { return tsls.Errorf(tsls.CodeInternal, "no") },
		"nonsense":      func(tsls.Message) tsls.Message { return tsls.Marked{} },
		"no token":      func(tsls.Message) tsls.Message { return tsls.Allocated{Answer: tsls.AnswerTempNew} },
		"bad token": func(tsls.Message) tsls.Message {
			return tsls.Allocated{Answer: tsls.AnswerTempNew, License: []byte("no token")}
		},
		"refers to nobody": func(tsls.Message) tsls.Message {
			return tsls.Allocated{Answer: tsls.AnswerRefer, Referrals: []tsls.Referral{{Name: "ls9", Address: "127.0.0.1:1"}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var l *lab
			ls := serveLicenses(t, "127.0.0.1:0", func() time.Time { return l.clock.Now() })
			release := make(chan struct{})
			defer close(release)
			l = newLab(t, func(c *ts.Config) { c.LicenseServer, c.Limits.Answer = ls.addr, time.Second })
			ls.script(func(m tsls.Message) tsls.Message {
				switch {
				case m.Type() != tsls.TypeAllocate:
					return nil
				case answer == nil:
					<-release
					return nil
				}
				return answer(m)
			})
			_, err := connect(t, l.device(t, "PC-1"))
			if got := refusedBy(err); !strings.Contains(got, "ST_TOTAL_ABORT") {
				t.Errorf("a new device: %v", got)
			}
			ls.script(nil)
			if got, err := connect(t, l.device(t, "PC-2")); err != nil || given(t, got) != "temporary" {
				t.Errorf("after it has recovered: given %v, %v", got, err)
			}
		})
	}
}

// TestMarkFails: a license server that takes no mark does not keep a user out.
func TestMarkFails(t *testing.T) {
	var l *lab
	ls := serveLicenses(t, "127.0.0.1:0", func() time.Time { return l.clock.Now() })
	ls.script(func(m tsls.Message) tsls.Message {
		if m.Type() == tsls.TypeMark {
			return tsls.Errorf(tsls.CodeBusy, "later")
		}
		return nil
	})
	l = newLab(t, func(c *ts.Config) { c.LicenseServer = ls.addr })
	if _, err := connect(t, l.device(t, "PC-1")); err != nil {
		t.Error(err)
	}
	if e := l.await(t, "license.mark-failed"); e.Fields["license_id"] != "LAB-T-1" || !strings.Contains(e.Fields["reason"], "later") {
		t.Errorf("event: %+v", e)
	}
}

// TestReferral sends the terminal server from an empty license server to another.
func TestReferral(t *testing.T) {
	var l *lab
	now := func() time.Time { return l.clock.Now() }
	silent, stocked, first := serveLicenses(t, "127.0.0.1:0", now), serveLicenses(t, "127.0.0.1:0", now), serveLicenses(t, "127.0.0.1:0", now)
	silent.script(func(m tsls.Message) tsls.Message {
		if m.Type() == tsls.TypeAllocate {
			return tsls.Allocated{Answer: tsls.AnswerKeep}
		}
		return nil
	})
	first.script(func(m tsls.Message) tsls.Message {
		if m.Type() != tsls.TypeAllocate {
			return nil
		}
		return tsls.Allocated{Answer: tsls.AnswerRefer, Referrals: []tsls.Referral{
			{Name: "gone", Address: "127.0.0.1:1"}, {Name: "empty", Address: silent.addr}, {Name: "stocked", Address: stocked.addr, Validated: true},
		}}
	})
	l = newLab(t, func(c *ts.Config) {
		c.LicenseServer, c.Profile = first.addr, edition.W2K()
	})
	if got, err := connect(t, l.device(t, "PC-1")); err != nil || given(t, got) != "temporary" {
		t.Fatalf("given %v, %v", got, err)
	}
	if n := len(stocked.asked); n != 1 || stocked.asked[0].Hops != 1 || !stocked.asked[0].Validated {
		t.Errorf("the stocked one was asked %+v", stocked.asked)
	}
}

func TestAdminMode(t *testing.T) {
	l := newLab(t, func(c *ts.Config) { c.Mode = policy.ModeAdmin })
	got, err := connect(t, l.device(t, "PC-1"))
	if err != nil || len(got.Messages) != 1 {
		t.Errorf("messages %v, %v; want the alert alone", got.Messages, err)
	}
	if s := l.Status(); s.Grace.State != policy.GraceNotStarted {
		t.Errorf("grace period: %+v", s.Grace)
	}
}

// TestNewRefuses: what is wrong with a state folder is one sentence with a remedy,
// and the folder stays as it was.
func TestNewRefuses(t *testing.T) {
	for file, want := range map[string]string{
		"rdpkey.der": "delete it", "tls.pem": "delete it", "grace.json": "delete it", "licenseservers.pem": "delete it", "identity.pem": "",
	} {
		t.Run(file, func(t *testing.T) {
			dir := t.TempDir()
			content := "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
			writeFile(t, filepath.Join(dir, file), content)
			l := newListener(t)
			_, err := ts.New(ts.Config{Dir: dir, Listener: l, KeyBits: 512})
			if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want one about %s that says %q", err, file, want)
			}
			if got := readFile(t, filepath.Join(dir, file)); got != content {
				t.Errorf("the file was overwritten with %q", got)
			}
		})
	}
}

func TestFilesArePrivate(t *testing.T) {
	dir := t.TempDir()
	l := newLab(t, func(c *ts.Config) { c.Dir = dir })
	if _, err := connect(t, l.device(t, "PC-1")); err != nil {
		t.Fatal(err)
	}
	l.stop()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			err = fmt.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestManyDevices connects at once through one license server connection.
func TestManyDevices(t *testing.T) {
	var l *lab
	ls := serveLicenses(t, "127.0.0.1:0", func() time.Time { return l.clock.Now() })
	l = newLab(t, func(c *ts.Config) {
		c.LicenseServer, c.Limits.Call, c.Limits.Answer = ls.addr, 5*time.Second, 5*time.Second
	})
	const devices = 40
	failures := make(chan error, devices)
	for i := range devices {
		device := l.device(t, fmt.Sprintf("PC-%d", i))
		go func() {
			s, err := client.Connect(t.Context(), device)
			if err == nil {
				err = s.Close()
			}
			failures <- err
		}()
	}
	for range devices {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
	if n := ls.marked(); n != devices {
		t.Errorf("%d marks, want %d", n, devices)
	}
}
