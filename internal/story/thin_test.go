package story

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/onebox"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// hand is a calendar that the test moves.
type hand struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hand) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hand) SleepUntil(ctx context.Context, _ time.Time) error {
	<-ctx.Done()
	return ctx.Err()
}

func (h *hand) add(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// thin is a license server with its store, and a terminal server that is the rules
// and nothing around them: what it decides on is real tokens.
type thin struct {
	t       rapid.TB // so that a failure tells the sequence
	house   *clearinghouse.Clearinghouse
	clock   *hand
	config  ls.Config
	server  *ls.Server
	up      bool
	profile edition.Profile // of the terminal server
	mode    policy.Mode     // of it
	ahead   time.Duration   // its calendar is of the license server's
	grace   policy.Grace
	signers map[string]bool
	seen    map[string]policy.Evidence // of tokens that were verified
	cals    uint32
	ids     int
}

// thinPC is a device.
type thinPC struct {
	name string
	os   policy.OS
	id   hwid.ID
	blob []byte
	held token.License
}

func newHouse(t testing.TB) *clearinghouse.Clearinghouse {
	t.Helper()
	house, err := clearinghouse.Init(filepath.Join(t.TempDir(), "house"), "Thin Clearinghouse", clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { house.Close() })
	return house
}

func newThin(t rapid.TB, house *clearinghouse.Clearinghouse, dir string, p, licenseServer edition.Profile) *thin {
	t.Helper()
	w := &thin{t: t, house: house, clock: &hand{now: time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)}, up: true, profile: p,
		signers: map[string]bool{}, seen: map[string]policy.Evidence{}}
	w.config = ls.Config{Name: "ls1", Dir: filepath.Join(dir, "0"), Clock: w.clock, Edition: licenseServer, Seed: 7,
		Log: eventlog.New(nil, "ls1", ls.Program, w.clock, nil)}
	w.open()
	info, err := onebox.Activate(context.Background(), w.server, house)
	if err != nil {
		t.Fatal(err)
	}
	w.learn(info)
	return w
}

func (w *thin) open() {
	w.t.Helper()
	var err error
	if w.server, err = ls.New(w.config); err != nil {
		w.t.Fatal(err)
	}
}

// restart stops the server and starts it again; the terminal server forgets all but
// what it has stored.
func (w *thin) restart() {
	w.t.Helper()
	if err := w.server.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
	w.reload()
}

// kill makes of the server what a power cut between two steps leaves: its file as it
// is now, in another folder, and nothing else.
func (w *thin) kill() {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.config.Dir, store.FileName))
	if err != nil {
		w.t.Fatal(err)
	}
	old := w.server
	w.ids++
	w.config.Dir = filepath.Join(filepath.Dir(w.config.Dir), fmt.Sprintf("killed-%d", w.ids))
	if err := os.MkdirAll(w.config.Dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.config.Dir, store.FileName), text, 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.open()
	if err := old.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.reload()
}

// reload reads what the terminal server has stored.
func (w *thin) reload() {
	w.t.Helper()
	stored, err := json.Marshal(w.grace)
	if err == nil {
		w.grace = policy.Grace{}
		err = json.Unmarshal(stored, &w.grace)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// now is the terminal server's calendar.
func (w *thin) now() time.Time { return w.clock.Now().Add(w.ahead) }

func (w *thin) tell(m tsls.Message) tsls.Message {
	w.t.Helper()
	answer := w.server.Handle(context.Background(), transport.Peer{Hello: tsls.Hello{Name: "ts1"}}, m)
	if err, ok := answer.(tsls.Error); ok {
		w.t.Fatal(err)
	}
	return answer
}

func (w *thin) install(n uint32) {
	w.t.Helper()
	if err := onebox.Stock(context.Background(), w.server, w.house, token.CAL, n); err != nil {
		w.t.Fatal(err)
	}
	w.cals += n
}

func (w *thin) free() (n uint32) {
	w.t.Helper()
	for _, p := range w.tell(tsls.KeyPacks{}).(tsls.KeyPackList).Packs {
		if p.Kind == token.CAL.String() {
			n += p.Available
		}
	}
	return n
}

func (w *thin) learn(info tsls.ServerInfo) {
	for _, c := range info.Certificates {
		w.signers[string(c)] = true
	}
}

func (w *thin) pc(name string) *thinPC {
	d := &thinPC{name: name}
	w.reimage(d)
	return d
}

func (w *thin) reimage(d *thinPC) {
	w.ids++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", d.name, w.ids))
	*d = thinPC{name: d.name, os: d.os, id: hwid.New(0x04010000, [16]byte(sum[:16]))}
}

// days lets the calendar run, a day at a time, as a lab does.
func (w *thin) days(n int) {
	for range n {
		w.clock.add(day)
		w.grace, _ = w.grace.Due(&w.profile, w.now())
		if _, err := w.server.Status(); err != nil { // it looks at its calendar
			w.t.Fatal(err)
		}
	}
}

// classify reads what the device shows.
func (w *thin) classify(d *thinPC) tsls.Class {
	e := policy.Evidence{Presented: len(d.blob) > 0, HardwareID: d.id}
	if e.Presented {
		seen, ok := w.seen[string(d.blob)]
		if !ok { // signatures do not age, and these are many
			parsed, err := token.Parse(d.blob)
			if err != nil {
				w.t.Fatal(err)
			}
			seen.License = parsed.License
			seen.Err = parsed.Verify(w.now(), []*x509.Certificate{w.house.Root()}, nil)
			seen.Rooted, seen.KnownSigner = seen.Err == nil, w.signers[string(parsed.Server().Raw)]
			w.seen[string(d.blob)] = seen
		}
		e.License, e.Err, e.Rooted, e.KnownSigner = seen.License, seen.Err, seen.Rooted, seen.KnownSigner
	}
	return policy.Classify(&w.profile, w.now(), e).Class
}

// serves asks the license server whether it is one for this terminal server.
func (w *thin) serves() bool {
	hello := tsls.Hello{Name: "ts1", Edition: w.profile.Edition.String()}
	_, ok := w.server.Handle(context.Background(), transport.Peer{}, hello).(tsls.ServerInfo)
	return w.up && ok
}

// connect is a connection with its logon.
func (w *thin) connect(d *thinPC, logon bool) policy.Outcome {
	w.t.Helper()
	e := w.profile.Edition
	features := tsls.Announced(e) & tsls.Announced(w.config.Edition.Edition)
	decision := policy.Before(w.now(), policy.Server{Profile: &w.profile, Mode: w.mode, Grace: w.grace, Features: features},
		policy.Client{Class: w.classify(d), OS: d.os})
	var answer policy.Answer
	var license []byte
	up := w.serves()
	if decision.Verb == policy.Ask && up {
		answer, license = w.ask(d, decision.Ask)
	}
	out := policy.After(decision, answer)
	w.grace = out.Grace
	if out.Admit && out.Pushed != policy.PushNone {
		parsed, err := token.Parse(license)
		if err != nil {
			w.t.Fatalf("%s pushes %v: %v", out.Rule, out.Pushed, err)
		}
		d.blob, d.held = license, parsed.License
	}
	if out.Admit && out.Mark && logon && up {
		w.tell(tsls.Mark{LicenseID: d.held.LicenseID, HardwareID: d.id, Issuer: d.held.Issuer, Machine: d.name, Expires: d.held.Expires})
	}
	return out
}

// ask is the question of a decision, and its answer.
func (w *thin) ask(d *thinPC, q policy.Question) (answer policy.Answer, license []byte) {
	w.t.Helper()
	info := w.tell(tsls.Ping{}).(tsls.ServerInfo)
	answer = policy.Answer{Up: true, Activated: info.Activated, CALIssuedEver: info.CALIssuedEver}
	if q.Ping {
		return answer, nil
	}
	e := w.profile.Edition
	a := w.tell(tsls.Allocate{Request: q.Request, Presented: q.Presented, Mode: q.Mode, LicenseID: d.held.LicenseID,
		Issuer: d.held.Issuer, Expires: d.held.Expires, HardwareID: d.id, Machine: d.name, User: "lab",
		Edition: e.String(), Features: tsls.Announced(e)}).(tsls.Allocated)
	answer.Code, answer.Validated, answer.CALIssuedEver = a.Answer, a.Validated, a.CALIssuedEver
	return answer, a.License
}
