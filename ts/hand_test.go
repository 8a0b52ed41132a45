package ts_test

import (
	"bytes"
	"encoding/hex"
	"net"
	"testing"

	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdpsec"
)

// hand is a licensing phase that the test speaks message by message: what no honest
// client says, and what real ones say differently.
type hand struct {
	t    *testing.T
	conn *rdpconn.Conn
	keys rdpsec.LicenseKeys
	id   hwid.ID

	request   *licensing.LicenseRequest // the server's
	challenge []byte
}

// byHand connects to the server up to its licensing phase.
func (l *lab) byHand(t *testing.T, change func(*rdpconn.ClientConfig)) *hand {
	t.Helper()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := rdpconn.ClientConfig{Protocols: rdpconn.RDPOnly, ClientName: "PC-1", User: "lab", Password: "lab"}
	if change != nil {
		change(&c)
	}
	conn, err := rdpconn.Dial(t.Context(), nc, &c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Abort() })
	return &hand{t: t, conn: conn, id: hwid.New(0xFF010000, [16]byte{1, 2, 3})}
}

func (h *hand) read() licensing.Message {
	h.t.Helper()
	b, err := h.conn.ReadLicense()
	if err != nil {
		h.t.Fatal(err)
	}
	m, err := licensing.Parse(b)
	if err != nil {
		h.t.Fatal(err)
	}
	return m
}

func (h *hand) send(b []byte) {
	h.t.Helper()
	if err := h.conn.WriteLicense(b); err != nil {
		h.t.Fatal(err)
	}
}

func (h *hand) write(m licensing.Message) {
	h.t.Helper()
	h.send(licensing.Append(nil, m, licensing.Version3))
}

// agree reads the license request and makes the keys of both ends; a request without
// a certificate is answered with the key of SC_SECURITY.
func (h *hand) agree() licensing.ClientKeys {
	h.t.Helper()
	m, ok := h.read().(*licensing.LicenseRequest)
	if !ok {
		h.t.Fatal("the server did not begin with a license request")
	}
	h.request = m
	certificate := m.ServerCertificate
	if len(certificate) == 0 {
		certificate = h.conn.ServerCertificate()
	}
	key, err := rdpsec.ParseServerCertificate(certificate)
	if err != nil {
		h.t.Fatal(err)
	}
	premaster := bytes.Repeat([]byte{7}, rdpsec.PremasterSize)
	keys := licensing.ClientKeys{
		KeyExchange: licensing.KeyExchangeRSA, PlatformID: 0xFF010000,
		ClientRandom: [32]byte{9}, EncryptedPremaster: key.Encrypt(premaster),
	}
	if h.keys, err = rdpsec.NewLicenseKeys(premaster, keys.ClientRandom[:], m.ServerRandom[:]); err != nil {
		h.t.Fatal(err)
	}
	return keys
}

// ask asks for a new license.
func (h *hand) ask() {
	h.t.Helper()
	h.write(&licensing.NewLicenseRequest{ClientKeys: h.agree(), User: "lab", Machine: "PC-1"})
}

// show shows a stored license.
func (h *hand) show(license []byte) {
	h.t.Helper()
	m := &licensing.LicenseInfo{ClientKeys: h.agree(), License: license}
	m.Seal(h.keys, h.id)
	h.write(m)
}

// challenged reads the challenge.
func (h *hand) challenged() {
	h.t.Helper()
	m, ok := h.read().(*licensing.PlatformChallenge)
	if !ok {
		h.t.Fatal("no challenge")
	}
	var err error
	if h.challenge, err = m.Open(h.keys); err != nil {
		h.t.Fatal(err)
	}
}

// respond answers it in a form.
func (h *hand) respond(form licensing.ResponseForm) {
	h.t.Helper()
	h.write(licensing.SealResponse(h.keys, licensing.AppendResponseData(nil, licensing.ResponseData{
		Form: form, ClientType: licensing.ClientWin32, Detail: licensing.DetailFull, Challenge: h.challenge,
	}), h.id))
}

// given reads the license that ends the phase.
func (h *hand) given() []byte {
	h.t.Helper()
	var sealed *licensing.SealedLicense
	switch m := h.read().(type) {
	case *licensing.NewLicense:
		sealed = &m.SealedLicense
	case *licensing.UpgradeLicense:
		sealed = &m.SealedLicense
	default:
		h.t.Fatalf("%v, want a license", m.Type())
	}
	info, err := sealed.Open(h.keys)
	if err != nil {
		h.t.Fatal(err)
	}
	return info.License
}

// last is the next message as it is on the wire, in hexadecimal.
func (h *hand) last() string {
	h.t.Helper()
	b, err := h.conn.ReadLicense()
	if err != nil {
		return err.Error()
	}
	return hex.EncodeToString(b)
}

// over reports whether the server has ended the connection, and hangs up.
func (h *hand) over() bool {
	_, err := h.conn.ReadLicense()
	h.conn.Abort()
	return err != nil
}
