package ls_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/codes"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

var day0 = time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)

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

func (h *hand) days(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.AddDate(0, 0, n)
}

// ca is a clearinghouse in a few lines.
type ca struct {
	key  *ecdsa.PrivateKey
	root *x509.Certificate
}

func newCA(t testing.TB) *ca {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root, err := enroll.CreateRoot("Test Clearinghouse", key)
	if err != nil {
		t.Fatal(err)
	}
	return &ca{key, root}
}

func (c *ca) activation(t testing.TB, request []byte) enroll.Activation {
	t.Helper()
	r, err := enroll.ParseActivationRequest(request)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.ParsePKIXPublicKey(r.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := enroll.CreateServerCertificate(public, c.root, c.key)
	if err != nil {
		t.Fatal(err)
	}
	return enroll.Activation{Server: r.Server, Company: r.Company, ServerID: codes.ServerID(cert), Issued: r.Issued,
		Certificate: cert.Raw, Root: c.root.Raw}
}

func (c *ca) activate(t testing.TB, request []byte) []byte {
	t.Helper()
	document, err := c.activation(t, request).Sign(c.key)
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// packID makes the i-th key pack id; they are in no order.
func packID(i int) string {
	id, err := codes.PackID(nil, "", codes.Pack{Count: uint32(1 + i*37%101), Serial: uint32(i)})
	if err != nil {
		panic(err)
	}
	return id
}

func (c *ca) pack(t testing.TB, k enroll.KeyPack) []byte {
	t.Helper()
	if k.Product == "" {
		k.Product, k.Major = "Windows 2000", 5
	}
	if k.Kind == "" {
		k.Kind = token.CAL.String()
	}
	if k.PackID == "" {
		k.PackID = packID(0)
	}
	k.Program, k.Issued = "License Code", day0
	document, err := k.Sign(c.key)
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// lab is a license server in a test, with what is around it.
type lab struct {
	*ls.Server
	t      testing.TB
	dir    string
	clock  *hand
	ca     *ca
	events *journal
	config ls.Config
}

// newLab starts a license server that is not activated.
func newLab(t testing.TB, p edition.Profile) *lab {
	t.Helper()
	l := &lab{t: t, dir: filepath.Join(t.TempDir(), "state"), clock: &hand{now: day0}, ca: newCA(t), events: &journal{}}
	p.MaxStep = 1000 * 24 * time.Hour // the hand moves as far as a test likes
	l.config = ls.Config{
		Name: "ls1", Dir: l.dir, Clock: l.clock, Edition: p, Seed: 7,
		Log: eventlog.New(l.events, "ls1", ls.Program, l.clock, nil),
	}
	l.start()
	t.Cleanup(func() { l.Close() })
	return l
}

func (l *lab) start() {
	l.t.Helper()
	s, err := ls.New(l.config)
	if err != nil {
		l.t.Fatal(err)
	}
	l.Server = s
}

// restart closes the server and opens its state folder again.
func (l *lab) restart() {
	l.t.Helper()
	if err := l.Close(); err != nil {
		l.t.Fatal(err)
	}
	l.start()
}

// licensed is a license server that is activated and has n CALs.
func licensed(t testing.TB, p edition.Profile, n uint32) *lab {
	t.Helper()
	l := newLab(t, p)
	l.activate()
	if n > 0 {
		l.install(enroll.KeyPack{Count: n})
	}
	return l
}

// tell hands the server a message; an error that it answers with comes as err.
func (l *lab) tell(m tsls.Message) (tsls.Message, error) {
	return tell(l.Server, m)
}

func tell(s *ls.Server, m tsls.Message) (tsls.Message, error) {
	answer := s.Handle(context.Background(), transport.Peer{Hello: tsls.Hello{Name: "ts1"}}, m)
	if err, ok := answer.(tsls.Error); ok {
		return nil, err
	}
	return answer, nil
}

// must is tell that succeeds with an answer of type A.
func must[A tsls.Message](l *lab, m tsls.Message) A {
	l.t.Helper()
	answer, err := l.tell(m)
	if err != nil {
		l.t.Fatalf("%v: %v", m.Type(), err)
	}
	a, ok := answer.(A)
	if !ok {
		l.t.Fatalf("%v is answered with %v", m.Type(), answer.Type())
	}
	if _, err := tsls.Append(nil, a); err != nil {
		l.t.Fatalf("answer cannot be sent: %v", err)
	}
	return a
}

func (l *lab) activate() tsls.ServerInfo {
	l.t.Helper()
	request := must[tsls.ActivationRequest](l, tsls.GetActivationRequest{Company: "Test"})
	return must[tsls.ServerInfo](l, tsls.Activate{Document: l.ca.activate(l.t, request.Document)})
}

func (l *lab) install(k enroll.KeyPack) tsls.KeyPackInfo {
	l.t.Helper()
	if k.ServerID == "" {
		k.ServerID = must[tsls.ServerInfo](l, tsls.Ping{}).ServerID
	}
	return must[tsls.KeyPackInstalled](l, tsls.InstallKeyPack{Document: l.ca.pack(l.t, k)}).Pack
}

// device is a device with the token that it keeps.
type device struct {
	id      hwid.ID
	name    string
	blob    []byte
	license token.License
}

func newDevice(i int) *device {
	sum := sha256.Sum256(fmt.Appendf(nil, "device %d", i))
	return &device{id: hwid.New(0x04010000, [16]byte(sum[:16])), name: fmt.Sprintf("PC%d", i)}
}

// request is what a terminal server would send for the device; change may alter it.
func (l *lab) request(d *device, kind tsls.Request, class tsls.Class, change ...func(*tsls.Allocate)) tsls.Allocate {
	req := tsls.Allocate{
		Request: kind, Presented: class, HardwareID: d.id, PlatformID: 0x04010000, Machine: d.name, User: "lab",
		Mode: "device", Edition: l.config.Edition.Edition.String(), Features: tsls.FeatureMark | tsls.FeatureExpiry,
	}
	if class != tsls.ClassNone {
		req.LicenseID, req.Issuer, req.Expires = d.license.LicenseID, d.license.Issuer, d.license.Expires
	}
	for _, c := range change {
		c(&req)
	}
	return req
}

// ask sends the request; a token in the answer goes to the device.
func (l *lab) ask(d *device, kind tsls.Request, class tsls.Class, change ...func(*tsls.Allocate)) tsls.Allocated {
	l.t.Helper()
	a := must[tsls.Allocated](l, l.request(d, kind, class, change...))
	if a.Answer.Issues() != (len(a.License) > 0) {
		l.t.Fatalf("%v with a token of %d bytes", a.Answer, len(a.License))
	}
	if len(a.License) > 0 {
		d.keep(l.t, a.License)
	}
	return a
}

func (d *device) keep(t testing.TB, blob []byte) {
	t.Helper()
	parsed, err := token.Parse(blob)
	if err != nil {
		t.Fatal(err)
	}
	d.blob, d.license = blob, parsed.License
}

func (l *lab) mark(d *device) tsls.Marked {
	l.t.Helper()
	return must[tsls.Marked](l, tsls.Mark{LicenseID: d.license.LicenseID, HardwareID: d.id, Issuer: d.license.Issuer,
		Machine: d.name, User: "lab", Expires: d.license.Expires})
}

// earn takes the device the usual way to a CAL.
func (l *lab) earn(d *device) {
	l.t.Helper()
	l.ask(d, tsls.RequestTemp, tsls.ClassNone)
	l.mark(d)
	if a := l.ask(d, tsls.RequestCAL, tsls.ClassTemporary); d.license.Kind != token.CAL {
		l.t.Fatalf("%s has no CAL: %v, %s", d.name, a.Answer, a.Reason)
	}
}

// free is how many CALs are left.
func (l *lab) free() (n uint32) {
	l.t.Helper()
	for _, p := range must[tsls.KeyPackList](l, tsls.KeyPacks{}).Packs {
		if p.Kind == token.CAL.String() {
			n += p.Available
		}
	}
	return n
}

// rows lists the rows of the device as "kind state".
func (l *lab) rows(d *device) (rows []string) {
	l.t.Helper()
	for _, r := range must[tsls.LicenseList](l, tsls.Licenses{}).Licenses {
		if r.HardwareID == d.id {
			rows = append(rows, r.Kind+" "+r.State)
		}
	}
	return rows
}

// journal is an event log that is read while the server writes it.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(b)
}

func (j *journal) bytes() []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	return bytes.Clone(j.buf.Bytes())
}

// logged lists the names of the events so far.
func (l *lab) logged() []eventlog.Event {
	l.t.Helper()
	events, err := eventlog.Read(bytes.NewReader(l.events.bytes()))
	if err != nil {
		l.t.Fatal(err)
	}
	return events
}

// last is the last event of one of the kinds.
func (l *lab) last(kinds ...eventlog.Kind) eventlog.Event {
	l.t.Helper()
	for _, e := range slices.Backward(l.logged()) {
		if slices.ContainsFunc(kinds, func(k eventlog.Kind) bool { return k.Name == e.Name }) {
			return e
		}
	}
	l.t.Fatalf("no event of %v", kinds)
	return eventlog.Event{}
}

// sound closes the server and looks whether everything in its store holds.
func (l *lab) sound() {
	l.t.Helper()
	if err := l.Close(); err != nil {
		l.t.Error(err)
	}
	st, err := store.Open(l.dir, store.Options{Name: l.config.Name})
	if err != nil {
		l.t.Fatal(err)
	}
	if err := st.Check(); err != nil {
		l.t.Error(err)
	}
	if err := st.Close(); err != nil {
		l.t.Error(err)
	}
	l.start()
}
