package client

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdpsec"
)

var (
	testID        = hwid.New(0xFF010000, [16]byte{7, 7})
	testChallenge = []byte("0123456789")
	testLicense   = licensing.NewLicenseInfo{Version: 0x00050000, Scope: "lab.example", Company: "Lab", Product: "LAB-TS", License: []byte("the license")}
)

// server is a terminal server that plays a part: each step answers the client's
// last message, nil for nothing.
type server struct {
	t     *testing.T
	key   *rdpsec.PrivateKey
	steps []func(s *server, last licensing.Message) []byte
	cert  []byte // of the connection

	random [32]byte
	keys   rdpsec.LicenseKeys
	last   licensing.Message
	got    []licensing.Message
}

func newServer(t *testing.T, steps ...func(s *server, last licensing.Message) []byte) *server {
	t.Helper()
	key, err := rdpsec.GenerateKey(rand.Reader, 512)
	if err != nil {
		t.Fatal(err)
	}
	return &server{t: t, key: key, steps: steps, random: [32]byte{1, 2, 3}}
}

func (s *server) ReadLicense() ([]byte, error) {
	if len(s.steps) == 0 {
		return nil, io.EOF
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	return step(s, s.last), nil
}

func (s *server) WriteLicense(b []byte) error {
	m, err := licensing.Parse(b)
	if err != nil {
		s.t.Errorf("the client sent %x: %v", b, err)
		return err
	}
	s.last = m
	s.got = append(s.got, m)
	switch m := m.(type) {
	case *licensing.NewLicenseRequest:
		s.derive(m.ClientKeys)
	case *licensing.LicenseInfo:
		s.derive(m.ClientKeys)
	}
	return nil
}

func (s *server) ServerCertificate() []byte { return s.cert }

func (s *server) derive(k licensing.ClientKeys) {
	premaster, err := s.key.Decrypt(k.EncryptedPremaster, rdpsec.PremasterSize)
	if err == nil {
		s.keys, err = rdpsec.NewLicenseKeys(premaster, k.ClientRandom[:], s.random[:])
	}
	if err != nil {
		s.t.Errorf("premaster secret: %v", err)
	}
}

func (s *server) request() *licensing.LicenseRequest {
	return &licensing.LicenseRequest{
		ServerRandom: s.random, Product: licensing.ProductInfo{Version: 0x00050000, Company: "Lab", Product: "LAB-TS"},
		KeyExchange: []uint32{licensing.KeyExchangeRSA}, ServerCertificate: rdpsec.ProprietaryCertificate(s.key.Public()),
		Scopes: []string{"other.example", "lab.example"},
	}
}

func message(m licensing.Message) []byte { return licensing.Append(nil, m, licensing.Version3) }

// The steps of real servers.
func sendRequest(s *server, _ licensing.Message) []byte { return message(s.request()) }
func sendChallenge(s *server, _ licensing.Message) []byte {
	return message(licensing.SealChallenge(s.keys, testChallenge))
}
func sendNew(s *server, _ licensing.Message) []byte {
	return message(&licensing.NewLicense{SealedLicense: licensing.SealLicense(s.keys, testLicense)})
}
func sendUpgrade(s *server, _ licensing.Message) []byte {
	return message(&licensing.UpgradeLicense{SealedLicense: licensing.SealLicense(s.keys, testLicense)})
}
func send(m licensing.Message) func(*server, licensing.Message) []byte {
	return func(*server, licensing.Message) []byte { return message(m) }
}
func sendBytes(b ...byte) func(*server, licensing.Message) []byte {
	return func(*server, licensing.Message) []byte { return b }
}

// noCertificate is a request without a certificate, which counts on that of the
// connection.
func noCertificate(s *server, _ licensing.Message) []byte {
	r := s.request()
	s.cert, r.ServerCertificate = r.ServerCertificate, nil
	return message(r)
}

func newExchange(t *testing.T, s *server, stored ...StoredLicense) *exchange {
	t.Helper()
	store, err := OpenWindowsStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range stored {
		if err := store.Put(l); err != nil {
			t.Fatal(err)
		}
	}
	persona, err := FindPersona("9x")
	if err != nil {
		t.Fatal(err)
	}
	return &exchange{conn: s, store: store, persona: persona, id: testID, user: "lab", machine: "PC1"}
}

var oldLicense = StoredLicense{Scope: "lab.example", Company: "Lab", Product: "LAB-TS", License: []byte("the old license")}

func TestExchangesThatEndWell(t *testing.T) {
	resend := send(&licensing.ErrorAlert{Code: licensing.InvalidMAC, Transition: licensing.ResendLastMessage})
	again := send(&licensing.ErrorAlert{Code: licensing.InvalidClient, Transition: licensing.ResetPhaseToStart})
	noted := send(&licensing.ErrorAlert{Code: licensing.NoLicenseServer, Transition: licensing.NoTransition})
	foreign := StoredLicense{Scope: "else.example", Company: "Lab", Product: "LAB-TS", License: []byte("foreign")}
	type steps = []func(*server, licensing.Message) []byte
	for name, c := range map[string]struct {
		stored []StoredLicense
		steps  steps
		sent   []licensing.Type
		holds  string
	}{
		"new":                      {nil, steps{sendRequest, sendChallenge, sendNew}, []licensing.Type{0x13, 0x15}, "the license"},
		"upgrade":                  {[]StoredLicense{oldLicense}, steps{sendRequest, sendChallenge, sendUpgrade}, []licensing.Type{0x12, 0x15}, "the license"},
		"shown and good":           {[]StoredLicense{oldLicense}, steps{sendRequest, send(licensing.ValidClient())}, []licensing.Type{0x12}, "the old license"},
		"of another scope":         {[]StoredLicense{foreign}, steps{sendRequest, sendChallenge, sendNew}, []licensing.Type{0x13, 0x15}, "foreign"},
		"no licensing":             {nil, steps{send(licensing.ValidClient())}, nil, ""},
		"xrdp 0.9":                 {nil, steps{sendRequest, sendBytes(0xFF, 2, 16, 0, 7, 0, 0, 0, 2, 0, 0, 0, 0x28, 0x14, 0, 0)}, []licensing.Type{0x13}, ""},
		"certificate not repeated": {nil, steps{noCertificate, sendChallenge, sendNew}, []licensing.Type{0x13, 0x15}, "the license"},
		"the last message again":   {nil, steps{sendRequest, resend, sendChallenge, resend, sendNew}, []licensing.Type{0x13, 0x13, 0x15, 0x15}, "the license"},
		"from the start again":     {nil, steps{sendRequest, again, sendRequest, sendChallenge, sendNew}, []licensing.Type{0x13, 0x13, 0x15}, "the license"},
		"a note by the way":        {nil, steps{noted, sendRequest, noted, sendChallenge, sendNew}, []licensing.Type{0x13, 0x15}, "the license"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, c.steps...)
			x := newExchange(t, s, c.stored...)
			result, err := x.run()
			if err != nil {
				t.Fatal(err)
			}
			var sent []licensing.Type
			for _, m := range s.got {
				sent = append(sent, m.Type())
			}
			if diff := cmp.Diff(c.sent, sent); diff != "" {
				t.Errorf("sent: -want +got\n%s", diff)
			}
			var holds string
			if l := x.store.Licenses(); len(l) > 0 {
				holds = string(l[0].License)
			}
			if holds != c.holds {
				t.Errorf("holds %q, want %q", holds, c.holds)
			}
			if (result.Presented != nil) != (len(c.stored) > 0 && c.stored[0].Scope == "lab.example") {
				t.Errorf("presented %v", result.Presented)
			}
		})
	}
}

func TestWhatTheClientSends(t *testing.T) {
	s := newServer(t, sendRequest, sendChallenge, sendUpgrade)
	if _, err := newExchange(t, s, oldLicense).run(); err != nil {
		t.Fatal(err)
	}
	info := s.got[0].(*licensing.LicenseInfo)
	if !bytes.Equal(info.License, oldLicense.License) || info.PlatformID != 0xFF0108AE {
		t.Errorf("showed %q as 0x%08X", info.License, info.PlatformID)
	}
	if id, err := info.Open(s.keys); err != nil || id != testID {
		t.Errorf("hardware id %v, %v", id, err)
	}
	d, id, err := s.got[1].(*licensing.PlatformChallengeResponse).Open(s.keys, testChallenge)
	if err != nil || id != testID || d.Form != licensing.FormSpecified || d.ClientType != licensing.ClientWin32 {
		t.Errorf("answered %+v as %v, %v", d, id, err)
	}
}

func TestExchangesThatAbort(t *testing.T) {
	badCertificate := func(s *server, _ licensing.Message) []byte {
		r := s.request()
		r.ServerCertificate = []byte{9, 9, 9, 9}
		return message(r)
	}
	unsealed := func(s *server, _ licensing.Message) []byte {
		m := licensing.SealChallenge(s.keys, testChallenge)
		m.MAC[0] ^= 1
		return message(m)
	}
	unsealedLicense := func(s *server, _ licensing.Message) []byte {
		sealed := licensing.SealLicense(s.keys, testLicense)
		sealed.EncryptedLicenseInfo[3] ^= 1
		return message(&licensing.NewLicense{SealedLicense: sealed})
	}
	shortLicense := func(s *server, _ licensing.Message) []byte {
		return message(&licensing.NewLicense{SealedLicense: licensing.SealedLicense{EncryptedLicenseInfo: s.keys.Encrypt([]byte{1}), MAC: s.keys.MAC([]byte{1})}})
	}
	cut := func(s *server, _ licensing.Message) []byte { return message(s.request())[:50] }
	var circles []func(*server, licensing.Message) []byte
	for range 20 {
		circles = append(circles, sendRequest, send(&licensing.ErrorAlert{Code: licensing.InvalidClient, Transition: licensing.ResetPhaseToStart}))
	}
	type steps = []func(*server, licensing.Message) []byte
	for name, c := range map[string]struct {
		steps steps
		code  licensing.Code
		sent  bool
	}{
		"refused at once":            {steps{send(licensing.Abort(licensing.NoLicenseServer))}, licensing.NoLicenseServer, false},
		"refused after the response": {steps{sendRequest, sendChallenge, send(licensing.Abort(licensing.InvalidClient))}, licensing.InvalidClient, false},
		"certificate of nonsense":    {steps{badCertificate}, licensing.InvalidServerCertificate, true},
		"challenge with a wrong MAC": {steps{sendRequest, unsealed}, licensing.InvalidMAC, true},
		"license with a wrong MAC":   {steps{sendRequest, sendChallenge, unsealedLicense}, licensing.InvalidMAC, true},
		"license cut short":          {steps{sendRequest, sendChallenge, shortLicense}, licensing.InvalidMessageLength, true},
		"request cut short":          {steps{cut}, licensing.InvalidMessageLength, true},
		"challenge first":            {steps{sendChallenge}, licensing.NoLicense, true},
		"license without challenge":  {steps{sendRequest, sendNew}, licensing.NoLicense, true},
		"second request":             {steps{sendRequest, sendRequest}, licensing.NoLicense, true},
		"a client's message":         {steps{sendRequest, send(&licensing.NewLicenseRequest{})}, licensing.NoLicense, true},
		"unknown message":            {steps{sendBytes(0x42, 3, 4, 0)}, licensing.NoLicense, true},
		"round in circles":           {circles, licensing.NoLicense, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, c.steps...)
			x := newExchange(t, s)
			_, err := x.run()
			var alert *licensing.AlertError
			if !errors.As(err, &alert) {
				t.Fatalf("%v, want an alert", err)
			}
			if alert.Alert.Code != c.code || alert.Sent != c.sent || alert.Alert.Transition != licensing.TotalAbort {
				t.Errorf("%v, want %v, sent %t", err, c.code, c.sent)
			}
			if got, ok := s.last.(*licensing.ErrorAlert); ok != c.sent || ok && got.Code != c.code {
				t.Errorf("the server was last told %v", s.last)
			}
			if len(x.store.Licenses()) > 0 {
				t.Error("a license was stored")
			}
		})
	}
}

func TestConnectionEndsInLicensing(t *testing.T) {
	s := newServer(t, sendRequest)
	if _, err := newExchange(t, s).run(); !errors.Is(err, io.EOF) {
		t.Errorf("%v, want EOF", err)
	}
	if _, ok := s.last.(*licensing.ErrorAlert); ok {
		t.Error("an alert was sent on a connection that had ended")
	}
}
