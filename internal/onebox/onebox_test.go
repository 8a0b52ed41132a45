package onebox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/onebox"
	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdpsec"
	"github.com/tslab/tslab/wire/token"
)

const day = 24 * time.Hour

var day0 = time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)

// lab is a running box with its calendar and what it logged.
type lab struct {
	*onebox.Box
	clock *clock.Lab
	log   *syncBuffer
	stop  func()
}

// syncBuffer is a buffer that is read while it is written.
type syncBuffer struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	news chan struct{} // closed by the next write; nil: nobody waits
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.news != nil {
		close(b.news)
		b.news = nil
	}
	return b.buf.Write(p)
}

// written is closed by the next write.
func (b *syncBuffer) written() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.news == nil {
		b.news = make(chan struct{})
	}
	return b.news
}

func (b *syncBuffer) all(t *testing.T) []eventlog.Event {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	events, err := eventlog.Read(bytes.NewReader(b.buf.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func (b *syncBuffer) events(t *testing.T) map[string]int {
	t.Helper()
	count := map[string]int{}
	for _, e := range b.all(t) {
		count[e.Name]++
	}
	return count
}

// start runs a box in dir; a folder that was used before goes on.
func start(t *testing.T, dir string, change func(*onebox.Config)) *lab {
	t.Helper()
	path := filepath.Join(dir, "clock")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := clock.CreateLab(path, day0); err != nil {
			t.Fatal(err)
		}
	}
	calendar, err := clock.OpenLab(path)
	if err != nil {
		t.Fatal(err)
	}
	log := &syncBuffer{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := onebox.Config{
		Dir: dir, Host: "box", CALs: 10, Clock: calendar, Seed: 7,
		Events:   eventlog.New(log, "box", "tslab", calendar, nil),
		TermServ: ts.Config{Listener: listener, KeyBits: 1024},
	}
	if change != nil {
		change(&c)
	}
	box, err := onebox.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- box.Run(ctx) }()
	select {
	case <-box.Ready():
	case err := <-done:
		t.Fatalf("box did not start: %v", err)
	}
	l := &lab{Box: box, clock: calendar, log: log}
	l.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("box ended: %v", err)
		}
		calendar.Close()
	})
	t.Cleanup(l.stop)
	return l
}

// device is a client with a store of its own.
func (l *lab) device(t *testing.T, name string) *client.Config {
	t.Helper()
	persona, err := client.FindPersona(client.DefaultPersona)
	if err != nil {
		t.Fatal(err)
	}
	store, err := client.OpenStore(persona, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &client.Config{
		Server: l.Addr().String(), Persona: persona, Store: store, Name: name, User: "lab", Password: "lab",
		DialTimeout: time.Minute, StepTimeout: 5 * time.Minute, LogonTimeout: 5 * time.Minute, // the machine may be slow
	}
}

// connect connects once and leaves; it says what the device was given.
func connect(t *testing.T, c *client.Config) string {
	t.Helper()
	s, err := client.Connect(t.Context(), c)
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	defer s.Close()
	return given(t, s.Licensed)
}

func given(t *testing.T, l client.Licensed) string {
	t.Helper()
	if l.Stored == nil {
		return "nothing"
	}
	parsed, err := token.Parse(l.Stored.License)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Kind.String()
}

// TestStory takes a device through its first three connections under every kind
// of security.
func TestStory(t *testing.T) {
	for _, tt := range []struct {
		name, security string
		server         rdpconn.Protocols
		method         []rdpsec.Method
		form           ts.CertificateForm
	}{
		{"none", "NONE", rdpconn.RDPOnly, []rdpsec.Method{rdpsec.MethodNone}, ts.Proprietary},
		{"40 bit", "40", rdpconn.RDPOnly, []rdpsec.Method{rdpsec.Method40}, ts.Proprietary},
		{"56 bit", "56", rdpconn.RDPOnly, []rdpsec.Method{rdpsec.Method56}, ts.Proprietary},
		{"128 bit", "128", rdpconn.Both, nil, ts.Proprietary},
		{"certificate chain", "128", rdpconn.RDPOnly, nil, ts.X509},
		{"TLS", "TLS", rdpconn.TLSOnly, nil, ts.Proprietary},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := start(t, t.TempDir(), func(c *onebox.Config) {
				c.TermServ.Security, c.TermServ.Encryption, c.TermServ.Certificate = tt.server, tt.method, tt.form
			})
			device := l.device(t, "PC-1")
			if tt.server == rdpconn.TLSOnly {
				device.Security = rdpconn.TLSOnly // at once, not after a refusal
			}
			for i, want := range []struct {
				given    string
				messages []licensing.Type
			}{
				{"temporary", []licensing.Type{0x01, 0x13, 0x02, 0x15, 0x03}},
				{"CAL", []licensing.Type{0x01, 0x12, 0x02, 0x15, 0x04}},
				{"nothing", []licensing.Type{0x01, 0x12, 0xff}},
			} {
				s, err := client.Connect(t.Context(), device)
				if err != nil {
					t.Fatalf("connection %d: %v", i+1, err)
				}
				if got := given(t, s.Licensed); got != want.given || s.Security != tt.security {
					t.Errorf("connection %d under %s: given %s, want %s under %s", i+1, s.Security, got, want.given, tt.security)
				}
				if diff := cmp.Diff(want.messages, s.Licensed.Messages); diff != "" {
					t.Errorf("connection %d: -want +got\n%s", i+1, diff)
				}
				s.Close()
			}
			l.stop()
			want := map[string]int{
				"server.activated": 1, "keypack.installed": 1, "server.met": 1, "server.found": 1, "grace.ended": 1,
				"connection.accepted": 3, "license.pushed": 2, "license.accepted": 1,
				"logon.succeeded": 3, "session.started": 3, "session.ended": 3,
				"token.issued": 1, "token.validated": 1, "token.upgraded": 1, "license.marked": 1,
			}
			if diff := cmp.Diff(want, l.log.events(t)); diff != "" {
				t.Errorf("events: -want +got\n%s", diff)
			}
		})
	}
}

// TestRestart ends the box and starts it in the same state folder.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	l := start(t, dir, nil)
	device := l.device(t, "PC-1")
	for range 2 {
		connect(t, device)
	}
	if err := l.clock.Advance(t.Context(), day); err != nil {
		t.Fatal(err)
	}
	was := l.clock.Now()
	l.stop()

	l = start(t, dir, nil)
	device.Server = l.Addr().String()
	if got := connect(t, device); got != "nothing" {
		t.Errorf("after a restart the device was given %s", got)
	}
	if now := l.clock.Now(); now.Before(was) || now.Sub(was) > time.Hour {
		t.Errorf("the calendar stood at %v and stands at %v", was, now)
	}
	status, err := l.LicenseServer().Status()
	if err != nil || len(status.Packs) == 0 || !status.Activated {
		t.Fatalf("license server: %+v, %v", status, err)
	}
	if n := l.log.events(t)["server.activated"]; n != 0 {
		t.Errorf("activated %d times after a restart", n)
	}
}

// TestCalendar lives through the life of a CAL.
func TestCalendar(t *testing.T) {
	l := start(t, t.TempDir(), func(c *onebox.Config) {
		c.Profile = edition.W2KSP3()
		if err := c.Profile.Set("cal_life_days", "60"); err != nil {
			t.Fatal(err)
		}
	})
	device := l.device(t, "PC-1")
	for _, step := range []struct {
		after time.Duration
		want  string
	}{
		{0, "temporary"},
		{0, "CAL"},
		{50 * day, "nothing"},
		{4 * day, "CAL"}, // six days are left: renewed
		{1 * day, "nothing"},
		{61 * day, "CAL"}, // it had expired
	} {
		if err := l.clock.AdvanceBySteps(t.Context(), step.after, day); err != nil {
			t.Fatal(err)
		}
		if got := connect(t, device); got != step.want {
			t.Errorf("after %v more: given %s, want %s", step.after, got, step.want)
		}
	}
}

func TestWrongPassword(t *testing.T) {
	l := start(t, t.TempDir(), nil)
	device := l.device(t, "PC-1")
	device.Password = "wrong"
	_, err := client.Connect(t.Context(), device)
	var logon *client.LogonError
	if !errors.As(err, &logon) {
		t.Fatalf("error %v, want a LogonError", err)
	}
	l.stop()
	events := l.log.events(t)
	if events["logon.failed"] != 1 || events["license.marked"] != 0 || events["session.started"] != 0 {
		t.Errorf("events: %v", events)
	}
}

// TestRefused lets a temporary token expire at a license server that has no CALs,
// and looks at how the client learns of it.
func TestRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		mode ts.ErrorMode
		code uint32
	}{
		"alert":      {ts.AlertOnly, 0},
		"error info": {ts.ErrorInfo, 0x102},
	} {
		t.Run(name, func(t *testing.T) {
			l := start(t, t.TempDir(), func(c *onebox.Config) { c.CALs, c.TermServ.Errors = 0, tt.mode })
			device := l.device(t, "PC-1")
			if got := connect(t, device); got != "temporary" {
				t.Errorf("given %s", got)
			}
			if got := connect(t, device); got != "nothing" {
				t.Errorf("given %s by a license server that is not activated", got)
			}
			if err := l.clock.AdvanceBySteps(t.Context(), 91*day, day); err != nil {
				t.Fatal(err)
			}
			_, err := client.Connect(t.Context(), device)
			var refused *client.RefusedError
			if !errors.As(err, &refused) {
				t.Fatalf("error %v, want a RefusedError", err)
			}
			if refused.ErrorInfo != tt.code || (refused.Alert != nil) != (tt.code == 0) {
				t.Errorf("refused by %v with error info %#x", refused.Alert, refused.ErrorInfo)
			}
			l.stop()
			events := l.log.events(t)
			if events["license.denied"] != 1 || events["termservice.temporary-expired"] != 1 || events["connection.refused"] != 0 {
				t.Errorf("events: %v", events)
			}
		})
	}
}

// TestManyAgainstFew brings more devices than there are CALs, all at once.
func TestManyAgainstFew(t *testing.T) {
	const devices, cals = 30, 7
	l := start(t, t.TempDir(), func(c *onebox.Config) {
		c.CALs, c.TermServ.Limits.Call = cals, time.Minute // the machine may be slow
	})
	all := make([]*client.Config, devices)
	for i := range all {
		all[i] = l.device(t, fmt.Sprintf("PC-%d", i))
	}
	for round, want := range []map[string]int{{"temporary": devices}, {"CAL": cals, "nothing": devices - cals}} {
		got := map[string]int{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for _, device := range all {
			wg.Go(func() {
				s, err := client.Connect(t.Context(), device)
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				mu.Lock()
				defer mu.Unlock()
				got[given(t, s.Licensed)]++
			})
		}
		wg.Wait()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("round %d: -want +got\n%s", round+1, diff)
		}
	}
}

func TestEditions(t *testing.T) {
	for name, want := range map[string][]string{
		"w2k-rtm": {"CAL", "nothing"},
		"w2k-sp3": {"temporary", "CAL"},
		"ws2003":  {"temporary", "CAL"},
	} {
		t.Run(name, func(t *testing.T) {
			l := start(t, t.TempDir(), func(c *onebox.Config) {
				var err error
				if c.Profile, err = edition.Parse(name); err != nil {
					t.Fatal(err)
				}
			})
			device := l.device(t, "PC-1")
			for i, w := range want {
				if got := connect(t, device); got != w {
					t.Errorf("connection %d: given %s, want %s", i+1, got, w)
				}
			}
		})
	}
}
