package ts_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

const day = 24 * time.Hour

var day0 = time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)

// lab is a terminal server under test.
type lab struct {
	*ts.Server
	clock  *clock.Lab
	events chan eventlog.Event
	stop   func()
}

// tap hands the events on to the test.
type tap chan eventlog.Event

func (t tap) Write(line []byte) (int, error) {
	e, err := eventlog.Decode(line)
	if err == nil {
		t <- e
	}
	return len(line), err
}

// newLab makes a calendar and a terminal server without a license server.
func newLab(t testing.TB, change func(*ts.Config)) *lab {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clock")
	if err := clock.CreateLab(path, day0); err != nil {
		t.Fatal(err)
	}
	calendar, err := clock.OpenLab(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { calendar.Close() })
	return startLab(t, calendar, change)
}

func startLab(t testing.TB, calendar *clock.Lab, change func(*ts.Config)) *lab {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	events := make(tap, 10000)
	c := ts.Config{
		Host: "ts1", Dir: t.TempDir(), Listener: listener, KeyBits: 512, Clock: calendar,
		Events: eventlog.New(events, "ts1", "termsrv", calendar, nil),
		Limits: ts.Limits{Call: 10 * time.Second, Answer: 10 * time.Second},
	}
	if change != nil {
		change(&c)
	}
	server, err := ts.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	<-server.Ready()
	l := &lab{Server: server, clock: calendar, events: events}
	l.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("terminal server ended: %v", err)
		}
	})
	t.Cleanup(l.stop)
	return l
}

// await reads events until one of that name comes.
func (l *lab) await(t *testing.T, name string) eventlog.Event {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case e := <-l.events:
			if e.Name == name {
				return e
			}
		case <-timeout:
			t.Fatalf("no event %s", name)
		}
	}
}

// rest empties the events that have come.
func (l *lab) rest() (events []eventlog.Event) {
	for {
		select {
		case e := <-l.events:
			events = append(events, e)
		default:
			return events
		}
	}
}

// count empties the events that have come and counts them.
func (l *lab) count() map[string]int {
	count := map[string]int{}
	for {
		select {
		case e := <-l.events:
			count[e.Name]++
		default:
			return count
		}
	}
}

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
	return &client.Config{Server: l.Addr().String(), Persona: persona, Store: store, Name: name, User: "lab", Password: "lab"}
}

// connect connects once and leaves.
func connect(t *testing.T, c *client.Config) (client.Licensed, error) {
	t.Helper()
	s, err := client.Connect(t.Context(), c)
	if err != nil {
		return client.Licensed{}, err
	}
	return s.Licensed, s.Close()
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

// licenseServer is a license server that does as the test says.
type licenseServer struct {
	addr   string
	now    func() time.Time
	signer *token.Signer
	stop   func()

	mu     sync.Mutex
	answer func(tsls.Message) tsls.Message // nil: own answers
	marks  []tsls.Mark
	asked  []tsls.Allocate
}

// serveLicenses starts a license server that is not activated on addr.
func serveLicenses(t testing.TB, addr string, now func() time.Time) *licenseServer {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	id, err := identity.LoadOrCreate(t.TempDir(), "ls1")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := token.SelfSign("ls1", day0, key)
	if err != nil {
		t.Fatal(err)
	}
	ls := &licenseServer{
		addr: listener.Addr().String(), now: now, signer: &token.Signer{Chain: [][]byte{certificate}, Key: key},
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() {
		done <- transport.Serve(ctx, listener, id.ServerTLS(identity.AnyPeer, nil), ls.handle, transport.Limits{Request: time.Second})
	}()
	ls.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("license server ended: %v", err)
		}
	})
	t.Cleanup(ls.stop)
	return ls
}

// script replaces the license server's own answers.
func (ls *licenseServer) script(f func(tsls.Message) tsls.Message) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.answer = f
}

func (ls *licenseServer) handle(_ context.Context, _ transport.Peer, m tsls.Message) tsls.Message {
	ls.mu.Lock()
	answer := ls.answer
	switch m := m.(type) {
	case tsls.Mark:
		ls.marks = append(ls.marks, m)
	case tsls.Allocate:
		ls.asked = append(ls.asked, m)
	}
	ls.mu.Unlock()
	if answer != nil {
		if m := answer(m); m != nil {
			return m
		}
	}
	switch m := m.(type) {
	case tsls.Allocate:
		return ls.temporary(m)
	case tsls.Mark:
		return tsls.Marked{}
	}
	return tsls.ServerInfo{
		Name: "ls1", Edition: "w2k-sp3", Features: tsls.FeatureMark | tsls.FeatureExpiry, Certificates: ls.signer.Chain,
	}
}

// temporary gives every device a temporary token.
func (ls *licenseServer) temporary(m tsls.Allocate) tsls.Message {
	if m.Presented != tsls.ClassNone {
		return tsls.Allocated{Answer: tsls.AnswerKeep, Validated: true}
	}
	now := ls.now().Truncate(time.Second)
	license, err := token.Sign(token.License{
		Kind: token.Temporary, LicenseID: "LAB-T-1", HardwareID: m.HardwareID, Product: "W2K", Version: token.Version{Major: 5},
		Machine: m.Machine, User: m.User, Issued: now, Expires: now.Add(90 * day), Issuer: "ls1",
	}, ls.signer)
	if err != nil {
		return tsls.Errorf(tsls.CodeInternal, "%v", err)
	}
	return tsls.Allocated{Answer: tsls.AnswerTempNew, License: license}
}

func (ls *licenseServer) marked() int {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return len(ls.marks)
}

// refusedBy is the licensing alert, or else the error.
func refusedBy(err error) string {
	var refused *client.RefusedError
	if errors.As(err, &refused) && refused.Alert != nil {
		return refused.Alert.Error()
	}
	if err == nil {
		return "admitted"
	}
	return err.Error()
}

// lockedBuffer is written by the server and read by the test.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
