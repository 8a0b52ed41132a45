package ts_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
)

// peer is a client that speaks the licensing phase by hand.
type peer struct {
	*rdpconn.Conn
	t       *testing.T
	request *licensing.LicenseRequest
	first   licensing.ClientKeys
	keys    rdpsec.LicenseKeys
}

func (l *lab) peer(t *testing.T, change func(*rdpconn.ClientConfig)) *peer {
	t.Helper()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	config := &rdpconn.ClientConfig{
		ClientName: "PEER", User: "lab", Password: "lab", Desktop: rdp.Desktop{Width: 640, Height: 480, Bpp: 16},
		StepTimeout: 10 * time.Second,
	}
	if change != nil {
		change(config)
	}
	conn, err := rdpconn.Dial(t.Context(), nc, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Abort() })
	return &peer{Conn: conn, t: t}
}

// begin reads the request and makes the client's half of the keys.
func (p *peer) begin() *peer {
	p.t.Helper()
	m, ok := p.read().(*licensing.LicenseRequest)
	if !ok {
		p.t.Fatal("no LICENSE_REQUEST")
	}
	p.request = m
	key, err := rdpsec.ParseServerCertificate(m.ServerCertificate)
	if err != nil {
		p.t.Fatal(err)
	}
	premaster := bytes.Repeat([]byte{1}, rdpsec.PremasterSize)
	p.first = licensing.ClientKeys{
		KeyExchange: licensing.KeyExchangeRSA, PlatformID: 0xff010000,
		ClientRandom: [32]byte{1, 2, 3}, EncryptedPremaster: key.Encrypt(premaster),
	}
	p.keys, err = rdpsec.NewLicenseKeys(premaster, p.first.ClientRandom[:], m.ServerRandom[:])
	if err != nil {
		p.t.Fatal(err)
	}
	return p
}

func (p *peer) read() licensing.Message {
	p.t.Helper()
	b, err := p.ReadLicense()
	if err != nil {
		p.t.Fatal(err)
	}
	m, err := licensing.Parse(b)
	if err != nil {
		p.t.Fatal(err)
	}
	return m
}

func (p *peer) write(m licensing.Message) { p.raw(licensing.Append(nil, m, licensing.Version3)) }

func (p *peer) raw(b []byte) {
	p.t.Helper()
	if err := p.WriteLicense(b); err != nil {
		p.t.Fatal(err)
	}
}

// challenged asks for a new license and reads the challenge.
func (p *peer) challenged() []byte {
	p.t.Helper()
	p.write(&licensing.NewLicenseRequest{ClientKeys: p.first, User: "lab", Machine: "PEER"})
	m, ok := p.read().(*licensing.PlatformChallenge)
	if !ok {
		p.t.Fatal("no PLATFORM_CHALLENGE")
	}
	challenge, err := m.Open(p.keys)
	if err != nil || len(challenge) != licensing.ChallengeSize {
		p.t.Fatalf("challenge of %d bytes, %v", len(challenge), err)
	}
	return challenge
}

var peerID = hwid.New(2, [16]byte{'P', 'E', 'E', 'R'})

// TestBrokenProtocol: what a client does wrong is answered with the protocol's own
// error, and the connection ends.
func TestBrokenProtocol(t *testing.T) {
	l := newLab(t, nil)
	response := func(p *peer, data []byte) *licensing.PlatformChallengeResponse {
		return licensing.SealResponse(p.keys, data, peerID)
	}
	request := func(p *peer) []byte {
		return licensing.Append(nil, &licensing.NewLicenseRequest{ClientKeys: p.first, User: "u", Machine: "m"}, licensing.Version3)
	}
	for name, tt := range map[string]struct {
		do   func(p *peer)
		want string
	}{
		"truncated":          {func(p *peer) { b := request(p); p.raw(b[:len(b)-5]) }, "ERR_INVALID_MESSAGE_LEN"},
		"preamble only":      {func(p *peer) { p.raw([]byte{0x13, 3, 4, 0}) }, "ERR_INVALID_MESSAGE_LEN"},
		"half a preamble":    {func(p *peer) { p.raw([]byte{0x13}) }, "ERR_INVALID_MESSAGE_LEN"},
		"unknown type":       {func(p *peer) { p.raw([]byte{0x77, 3, 8, 0, 0, 0, 0, 0}) }, "ERR_INVALID_CLIENT"},
		"response first":     {func(p *peer) { p.write(response(p, nil)) }, "ERR_INVALID_CLIENT"},
		"server's message":   {func(p *peer) { p.write(p.request) }, "ERR_INVALID_CLIENT"},
		"premaster too long": {func(p *peer) { setAll(p.first.EncryptedPremaster); p.raw(request(p)) }, "ERR_INVALID_CLIENT"},
		"twice": {func(p *peer) {
			p.challenged()
			p.raw(request(p))
		}, "ERR_INVALID_CLIENT"},
		"license with wrong MAC": {func(p *peer) {
			m := &licensing.LicenseInfo{ClientKeys: p.first, License: []byte("x")}
			m.Seal(p.keys, peerID)
			m.MAC[0] ^= 1
			p.write(m)
		}, "ERR_INVALID_MAC"},
		"license with a short hardware id": {func(p *peer) {
			m := &licensing.LicenseInfo{ClientKeys: p.first, License: []byte("x"), EncryptedHWID: p.keys.Encrypt([]byte("short")), MAC: p.keys.MAC([]byte("short"))}
			p.write(m)
		}, "ERR_INVALID_CLIENT"},
		"response with wrong MAC": {func(p *peer) {
			m := response(p, p.challenged())
			m.MAC[3] ^= 1
			p.write(m)
		}, "ERR_INVALID_MAC"},
		"response to something else": {func(p *peer) {
			c := p.challenged()
			c[0] ^= 1
			p.write(response(p, c))
		}, "ERR_INVALID_CLIENT"},
	} {
		for mode, change := range map[string]func(*rdpconn.ClientConfig){
			"none":   func(c *rdpconn.ClientConfig) { c.Encryption = []rdpsec.Method{rdpsec.MethodNone} },
			"sealed": func(c *rdpconn.ClientConfig) { c.EncryptLicensing, c.SaltedMAC = true, true },
			"TLS":    func(c *rdpconn.ClientConfig) { c.Protocols = rdpconn.TLSOnly },
		} {
			t.Run(name+", "+mode, func(t *testing.T) {
				if mode == "TLS" {
					tls := newLab(t, func(c *ts.Config) { c.Security = rdpconn.BothPreferTLS })
					brokenProtocol(t, tls, change, tt.do, tt.want)
					return
				}
				brokenProtocol(t, l, change, tt.do, tt.want)
			})
		}
	}
	l.count()
	if _, err := connect(t, l.device(t, "PC-1")); err != nil {
		t.Errorf("an honest client afterwards: %v", err)
	}
}

func brokenProtocol(t *testing.T, l *lab, change func(*rdpconn.ClientConfig), do func(*peer), want string) {
	t.Helper()
	p := l.peer(t, change).begin()
	do(p)
	alert, ok := p.read().(*licensing.ErrorAlert)
	if !ok || alert.Code.String() != want || alert.Transition != licensing.TotalAbort {
		t.Fatalf("answered with %v, want %s", alert, want)
	}
	if _, err := p.ReadLicense(); err == nil {
		t.Error("the connection goes on")
	}
	p.Abort()
	e := l.await(t, "connection.refused")
	if !strings.Contains(e.Fields["reason"], want) {
		t.Errorf("the event says %q", e.Fields["reason"])
	}
}

func setAll(b []byte) {
	for i := range b {
		b[i] = 0xff
	}
}

// TestResponseForms accepts the three forms in which real clients answer.
func TestResponseForms(t *testing.T) {
	l := newLab(t, nil)
	for _, form := range []licensing.ResponseForm{licensing.FormSpecified, licensing.FormEcho, licensing.FormPadded} {
		p := l.peer(t, nil).begin()
		data := licensing.AppendResponseData(nil, licensing.ResponseData{
			Form: form, ClientType: licensing.ClientOther, Detail: licensing.DetailFull, Challenge: p.challenged(),
		})
		p.write(licensing.SealResponse(p.keys, data, peerID))
		if alert, ok := p.read().(*licensing.ErrorAlert); !ok || !alert.IsValidClient() {
			t.Errorf("%v: answered with %v", form, alert)
		}
	}
}

// TestForeignLicense shows another vendor's license: it counts as none, and what the
// client is given upgrades it.
func TestForeignLicense(t *testing.T) {
	var l *lab
	ls := serveLicenses(t, "127.0.0.1:0", func() time.Time { return l.clock.Now() })
	l = newLab(t, func(c *ts.Config) { c.LicenseServer = ls.addr })
	p := l.peer(t, nil).begin()
	m := &licensing.LicenseInfo{ClientKeys: p.first, License: []byte("a license of somebody else")}
	m.Seal(p.keys, peerID)
	p.write(m)
	challenge, ok := p.read().(*licensing.PlatformChallenge)
	if !ok {
		t.Fatal("no challenge before a new license")
	}
	plain, err := challenge.Open(p.keys)
	if err != nil {
		t.Fatal(err)
	}
	p.write(licensing.SealResponse(p.keys, plain, peerID))
	if m, ok := p.read().(*licensing.UpgradeLicense); !ok {
		t.Errorf("answered with %v", m)
	}
}

// TestAnotherHardwareID names one device first and then another.
func TestAnotherHardwareID(t *testing.T) {
	var l *lab
	ls := serveLicenses(t, "127.0.0.1:0", func() time.Time { return l.clock.Now() })
	l = newLab(t, func(c *ts.Config) { c.LicenseServer = ls.addr })
	p := l.peer(t, nil).begin()
	m := &licensing.LicenseInfo{ClientKeys: p.first, License: []byte("x")}
	m.Seal(p.keys, peerID)
	p.write(m)
	plain, err := p.read().(*licensing.PlatformChallenge).Open(p.keys)
	if err != nil {
		t.Fatal(err)
	}
	p.write(licensing.SealResponse(p.keys, plain, hwid.New(3, [16]byte{})))
	if alert, ok := p.read().(*licensing.ErrorAlert); !ok || alert.Code != licensing.InvalidClient {
		t.Errorf("answered with %v", alert)
	}
}

// TestClientGivesUp: the client's own alert ends the connection without a word.
func TestClientGivesUp(t *testing.T) {
	l := newLab(t, nil)
	p := l.peer(t, nil).begin()
	p.write(licensing.Abort(licensing.NoLicense))
	if b, err := p.ReadLicense(); err == nil {
		t.Errorf("answered with %x", b)
	}
	if e := l.await(t, "connection.refused"); !strings.Contains(e.Fields["reason"], "received ERR_NO_LICENSE") {
		t.Errorf("the event says %q", e.Fields["reason"])
	}
}

// TestErrorInfoTellsOfBrokenProtocol: a client that announced it learns by Set Error
// Info what it did wrong.
func TestErrorInfoTellsOfBrokenProtocol(t *testing.T) {
	l := newLab(t, func(c *ts.Config) { c.Errors = ts.ErrorInfo })
	p := l.peer(t, nil).begin()
	p.raw([]byte{0x13, 3, 4, 0})
	if alert, ok := p.read().(*licensing.ErrorAlert); !ok || !alert.IsValidClient() {
		t.Fatalf("answered with %v", alert)
	}
	if err := p.Activate(rdp.Desktop{}); err != nil {
		t.Fatal(err)
	}
	var err error
	for err == nil {
		_, err = p.ReadUpdate()
	}
	var end *rdpconn.PeerError
	if !errors.As(err, &end) || end.Code != 0x103 {
		t.Errorf("ended with %v, want error info 0x103", err)
	}
}

// TestTranscript is a line of JSON for each PDU, the licensing messages by type, and
// never a password.
func TestTranscript(t *testing.T) {
	var text lockedBuffer
	l := newLab(t, func(c *ts.Config) { c.Transcript = &text })
	device := l.device(t, "PC-1")
	device.User, device.Password = "lab", "lab"
	if _, err := connect(t, device); err != nil {
		t.Fatal(err)
	}
	l.stop()
	var types []byte
	for line := range strings.Lines(text.String()) {
		var pdu struct {
			Direction, Step, PDU, Data string
			License                    byte
		}
		if err := json.Unmarshal([]byte(line), &pdu); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if pdu.License != 0 {
			types = append(types, pdu.License)
		}
		if pdu.Step == "client info" && pdu.Data != "" {
			t.Errorf("the password stands in %s", line)
		}
	}
	if diff := cmp.Diff([]byte{0x01, 0x13, 0x02, 0x15, 0xff}, types); diff != "" {
		t.Errorf("licensing messages: -want +got\n%s", diff)
	}
}

// panicking is a transcript that breaks the connection that writes to it.
type panicking struct{}

func (panicking) Write([]byte) (int, error) { panic("no more paper") }

func TestPanicEndsOneConnection(t *testing.T) {
	l := newLab(t, func(c *ts.Config) { c.Transcript = panicking{} })
	for range 2 {
		if _, err := connect(t, l.device(t, "PC-1")); err == nil {
			t.Error("connected")
		}
		if e := l.await(t, "connection.refused"); !strings.Contains(e.Fields["reason"], "no more paper") {
			t.Errorf("the event says %q", e.Fields["reason"])
		}
	}
}
