package story

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/onebox"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

const day = 24 * time.Hour

// journal is an event log that is read while it is written. What has been read once is
// not read again: some are long, and asked for often.
type journal struct {
	mu   sync.Mutex
	buf  bytes.Buffer // not read yet
	read []eventlog.Event
	mute bool
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.mute {
		return len(p), nil
	}
	return j.buf.Write(p)
}

func (j *journal) silence(mute bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mute = mute
}

func (j *journal) events(t testing.TB) []eventlog.Event {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	news, err := eventlog.Read(&j.buf)
	if err != nil {
		t.Fatal(err)
	}
	j.read = append(j.read, news...)
	return j.read
}

// running is a program that runs.
type running struct {
	cancel context.CancelFunc
	ended  chan error
}

func run(f func(context.Context) error) running {
	ctx, cancel := context.WithCancel(context.Background())
	r := running{cancel, make(chan error, 1)}
	go func() { r.ended <- f(ctx) }()
	return r
}

func (r *running) stop() error {
	if r.cancel == nil {
		return nil
	}
	r.cancel()
	r.cancel = nil
	return <-r.ended
}

// farm is what a story is about. Everything in it lives in one synctest bubble.
type farm struct {
	t     testing.TB
	wires *wires
	begin time.Time
	house *clearinghouse.Clearinghouse
	users *ts.Users // of all terminal servers
	ts    *termServer
	ls    *licenseServer
	pcs   map[string]*pc
}

type licenseServer struct {
	*ls.Server
	running
	farm    *farm
	addr    string
	config  ls.Config
	journal *journal
	cals    uint32 // installed
}

type termServer struct {
	*ts.Server
	running
	farm    *farm
	config  ts.Config
	journal *journal
}

type pc struct {
	*client.Config
	persona client.Persona
}

func newFarm(t testing.TB) *farm {
	t.Helper()
	f := &farm{t: t, wires: newWires(), begin: time.Now(), pcs: map[string]*pc{}}
	line, err := labUser()
	if err == nil {
		f.users, err = ts.ParseUsers(strings.NewReader(line), "users")
	}
	if err != nil {
		t.Fatal(err)
	}
	if f.house, err = clearinghouse.Init(filepath.Join(f.dir(), "house"), "Story Clearinghouse", clock.System{}); err != nil {
		t.Fatal(err)
	}
	return f
}

// labUser is the user of every farm: a password's hash is slow to make.
var labUser = sync.OnceValues(func() (string, error) { return ts.UserLine("lab", "lab") })

func (f *farm) dir() string { return shm(f.t) }

// end stops everybody: a bubble ends when all its goroutines have.
func (f *farm) end() {
	f.t.Helper()
	if f.ts != nil {
		if err := f.ts.stop(); err != nil {
			f.t.Errorf("terminal server: %v", err)
		}
	}
	if f.ls != nil {
		f.ls.end()
	}
	if err := f.house.Close(); err != nil {
		f.t.Error(err)
	}
}

// serve is what most stories begin with: an activated license server ls1 with CALs,
// and a terminal server ts1 that asks it.
func (f *farm) serve(p edition.Profile, cals uint32) {
	f.t.Helper()
	f.sell("ls1", p, cals)
	f.ts = f.termServer("ts1", p, f.ls.addr)
}

// sell makes the farm's license server, activated and with CALs.
func (f *farm) sell(name string, p edition.Profile, cals uint32) {
	f.t.Helper()
	f.ls = f.licenseServer(name, p)
	f.ls.activate()
	if cals > 0 {
		f.ls.install(token.CAL, cals)
	}
}

func (f *farm) licenseServer(name string, p edition.Profile) *licenseServer {
	f.t.Helper()
	l := &licenseServer{farm: f, addr: name + ":3343", journal: &journal{}}
	l.config = ls.Config{Name: name, Dir: filepath.Join(f.dir(), name), Clock: clock.System{}, Edition: p, Seed: 7,
		Log: eventlog.New(l.journal, name, ls.Program, clock.System{}, nil)}
	l.start()
	return l
}

func (l *licenseServer) start() {
	t := l.farm.t
	t.Helper()
	id, err := identity.LoadOrCreate(l.config.Dir, l.config.Name)
	if err == nil {
		l.Server, err = ls.New(l.config)
	}
	if err != nil {
		t.Fatal(err)
	}
	s, listener := l.Server, l.farm.wires.at(l.addr)
	l.running = run(func(ctx context.Context) error { return s.Run(ctx, listener, id.ServerTLS(identity.AnyPeer, nil)) })
	<-s.Ready()
}

func (l *licenseServer) end() {
	l.farm.t.Helper()
	if l.cancel == nil {
		return
	}
	if err := errors.Join(l.stop(), l.Close()); err != nil {
		l.farm.t.Errorf("license server: %v", err)
	}
}

// tell is an administrator's message.
func (l *licenseServer) tell(m tsls.Message) tsls.Message {
	l.farm.t.Helper()
	answer := l.Handle(context.Background(), transport.Peer{Hello: tsls.Hello{Program: "licmgr"}}, m)
	if err, ok := answer.(tsls.Error); ok {
		l.farm.t.Fatal(err)
	}
	return answer
}

func (l *licenseServer) activate() {
	l.farm.t.Helper()
	if _, err := onebox.Activate(context.Background(), l.Server, l.farm.house); err != nil {
		l.farm.t.Fatal(err)
	}
}

// install brings n licenses of the server's own edition.
func (l *licenseServer) install(kind token.Kind, n uint32) {
	l.farm.t.Helper()
	if err := onebox.Stock(context.Background(), l.Server, l.farm.house, kind, n); err != nil {
		l.farm.t.Fatal(err)
	}
}

func (l *licenseServer) free() (n uint32) {
	l.farm.t.Helper()
	for _, p := range l.tell(tsls.KeyPacks{}).(tsls.KeyPackList).Packs {
		if p.Kind == token.CAL.String() {
			n += p.Available
		}
	}
	return n
}

func (f *farm) termServer(name string, p edition.Profile, licenseServer string) *termServer {
	f.t.Helper()
	s := &termServer{farm: f, journal: &journal{}}
	s.config = ts.Config{
		Host: name, Dir: filepath.Join(f.dir(), name), KeyBits: 512, Profile: p, LicenseServer: licenseServer, Users: f.users,
		Dial: f.wires.dial, Clock: clock.System{}, Events: eventlog.New(s.journal, name, "termsrv", clock.System{}, nil),
	}
	s.start()
	return s
}

func (s *termServer) start() {
	s.farm.t.Helper()
	s.config.Listener = s.farm.wires.at(s.config.Host + ":3389")
	var err error
	if s.Server, err = ts.New(s.config); err != nil {
		s.farm.t.Fatal(err)
	}
	s.running = run(s.Server.Run)
	<-s.Ready()
}

// restart stops the terminal server and starts it again, changed. What it logs by
// starting is not the story's.
func (s *termServer) restart(change func(*ts.Config)) {
	s.farm.t.Helper()
	if err := s.stop(); err != nil {
		s.farm.t.Fatal(err)
	}
	change(&s.config)
	s.journal.silence(true)
	s.start()
	synctest.Wait()
	s.journal.silence(false)
}

// at sleeps until a moment after the story's beginning, and lets all that is due be
// done.
func (f *farm) at(after time.Duration) {
	if wait := time.Until(f.begin.Add(after)); wait > 0 {
		<-time.After(wait)
	}
	synctest.Wait()
}

// pc is the device of a name, made when it is first spoken of. Its screen is small:
// nobody looks at it.
func (f *farm) pc(name, persona string) *pc {
	f.t.Helper()
	if d := f.pcs[name]; d != nil {
		return d
	}
	p, err := client.FindPersona(persona)
	if err != nil {
		f.t.Fatal(err)
	}
	var store client.Store = &memory{}
	if p.Macintosh { // whose folder is looked at
		if store, err = client.OpenStore(p, f.t.TempDir()); err != nil {
			f.t.Fatal(err)
		}
	}
	f.pcs[name] = &pc{persona: p, Config: &client.Config{Server: "ts1:3389", Persona: p, Store: store, Name: name, User: "lab",
		Password: "lab", Dial: f.wires.dial, Desktop: rdp.Desktop{Width: 64, Height: 64, Bpp: 8}}}
	return f.pcs[name]
}

// outcome is what became of a connection.
type outcome struct {
	rule    string
	given   string // kind of the token that came, "" for none
	refused bool
	alert   string
	license token.License // that came
}

// connect connects to the farm's terminal server, logs on or fails to, and leaves.
func (f *farm) connect(s *termServer, d *pc, logon bool) outcome {
	f.t.Helper()
	before := len(s.journal.events(f.t))
	c := *d.Config
	c.Server = s.config.Host + ":3389"
	if !logon {
		c.Password = "wrong"
	}
	session, err := client.Connect(context.Background(), &c)
	var out outcome
	var refused *client.RefusedError
	var failed *client.LogonError
	switch {
	case err == nil:
		out.take(f.t, session.Licensed)
		session.Close()
	case errors.As(err, &failed) && !logon:
		if l, ok := lastLicense(d); ok {
			out.license = l
		}
	case errors.As(err, &refused):
		out.refused = true
		if refused.Alert != nil {
			out.alert = fmt.Sprint(refused.Alert.Code)
		}
	default:
		f.t.Fatalf("%s: %v", d.Name, err)
	}
	synctest.Wait()
	for _, e := range s.journal.events(f.t)[before:] {
		if e.Fields["rule"] != "" {
			out.rule = e.Fields["rule"]
		}
	}
	return out
}

// take reads what came. Whatever its kind, it came by the same messages: the question
// whether the client is who it says, and then the token.
func (o *outcome) take(t testing.TB, l client.Licensed) {
	t.Helper()
	if l.Stored == nil {
		return
	}
	want := []licensing.Type{licensing.TypeLicenseRequest, licensing.TypeNewLicenseRequest, licensing.TypePlatformChallenge,
		licensing.TypePlatformChallengeResponse, licensing.TypeNewLicense}
	if l.Presented != nil {
		want[1], want[4] = licensing.TypeLicenseInfo, licensing.TypeUpgradeLicense
	}
	if !slices.Equal(l.Messages, want) {
		t.Errorf("a token came by %v, want %v", l.Messages, want)
	}
	parsed, err := token.Parse(l.Stored.License)
	if err != nil {
		t.Fatal(err)
	}
	o.license, o.given = parsed.License, parsed.Kind.String()
}

// lastLicense is what the device holds.
func lastLicense(d *pc) (token.License, bool) {
	for _, l := range d.Store.Licenses() {
		if parsed, err := token.Parse(l.License); err == nil {
			return parsed.License, true
		}
	}
	return token.License{}, false
}

// modes are the modes of a terminal server by name.
var modes = map[string]policy.Mode{"device": policy.ModeDevice, "user": policy.ModeUser, "invalid": policy.ModeInvalid}
