package enroll

import (
	"bytes"
	"crypto/elliptic"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/cursor"
)

// TestArmorRefuses: each fault of a file is named with its line and a remedy.
func TestArmorRefuses(t *testing.T) {
	o := newOffice(t)
	text := string(o.packText)
	body := strings.SplitN(text, "\n\n", 2)[1]
	first := strings.SplitN(body, "\n", 2)[0]
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "document: no line begins with -----BEGIN TSLAB"},
		{"binary", "\x00\x01\x02", "document: no line begins with"},
		{"huge", strings.Repeat("x", maxText+1), "document: 262145 bytes are more than any document has"},
		{"unknown", "-----BEGIN TSLAB INVOICE-----\n", `document, line 1: "-----BEGIN TSLAB INVOICE-----" begins no document`},
		{"begin cut", "-----BEGIN TSLAB KEY PACK\n", "document, line 1: "},
		{"another", string(o.requestText), "key pack, line 1: this is another document: ACTIVATION REQUEST; a key pack is written by `clearinghouse issue`"},
		{"no end", strings.Split(text, "-----END")[0], "the document has no end; copy the file again"},
		{"other end", strings.Replace(text, "END TSLAB KEY PACK", "END TSLAB ACTIVATION", 1), "where the document should end"},
		{"two", text + text, "a second document begins; give one file for each"},
		{"header", strings.Replace(text, "Quantity: 10", "Quantity 10", 1), `key pack, line 7: "Quantity 10" is no ` + "`Name: value`"},
		{"edited", strings.Replace(text, "Quantity: 10", "Quantity: 1000", 1), `key pack, line 7: the line says "Quantity: 1000", the signed part "Quantity: 10"; take the file as it was made`},
		{"header gone", strings.Replace(text, "Quantity: 10\n", "", 1), `key pack, line 7: the line says "Date: `},
		{"header more", strings.Replace(text, "\n\n", "\nDiscount: 10\n\n", 1), `key pack, line 10: the line "Discount: 10" is not signed`},
		{"last header gone", dropLine(text, 8), `key pack, line 9: the line "Clearinghouse key: sha256:`},
		{"line cut", strings.Replace(text, first, first[1:], 1), "key pack, line 11: 63 characters, want a multiple of four; copy the file again"},
		{"no base64", strings.Replace(text, first, "!"+first[1:], 1), "key pack, line 11: illegal base64 data at input byte 0"},
		{"mistyped", strings.Replace(text, first, mistype(first), 1), "a character among them is wrong"},
		{"line gone", strings.Replace(text, first+"\n", "", 1), "the checksum is"},
		{"no checksum", dropLine(text, strings.Count(text, "\n")-2), "the checksum is missing"},
		{"behind checksum", strings.Replace(text, "\n-----END", "\nAAAA\n-----END", 1), "text behind the checksum"},
	} {
		_, err := ParseKeyPack([]byte(tt.text), o.root)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v\nwant %q", tt.name, err, tt.want)
		}
	}
}

func dropLine(text string, i int) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(append(lines[:i:i], lines[i+1:]...), "")
}

func mistype(s string) string {
	if s[0] == 'A' {
		return "B" + s[1:]
	}
	return "A" + s[1:]
}

// TestBodyRefuses: faults behind a right checksum, as a forger would make them.
func TestDocuments(t *testing.T) {
	one := "-----BEGIN TSLAB KEY PACK-----\nx\n-----END TSLAB KEY PACK-----\n"
	two := strings.ReplaceAll(one, "x", "y")
	for text, want := range map[string][]string{
		"":                                {""},
		"a letter":                        {"a letter"},
		one:                               {one},
		"Dear customer,\n" + one:          {"Dear customer,\n" + one},
		one + two:                         {one, two},
		one + "\n" + two + "Regards\n":    {one + "\n", two + "Regards\n"},
		one + two + one:                   {one, two, one},
		"as in -----BEGIN TSLAB \n" + one: {"as in -----BEGIN TSLAB \n" + one},
		one + "-----BEGIN TSLAB":          {one + "-----BEGIN TSLAB"},
	} {
		var got []string
		for _, d := range Documents([]byte(text)) {
			got = append(got, string(d))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestBodyRefuses(t *testing.T) {
	o := newOffice(t)
	d, err := open(o.packText, KindKeyPack)
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(body []byte) []byte) string {
		return string(armor(KindKeyPack, d.headers, f(append([]byte(nil), d.body...))))
	}
	count := bytes.Index(d.body, binary.LittleEndian.AppendUint32(nil, 10))
	for _, tt := range []struct {
		name string
		text string
		want string
	}{
		{"version", change(func(b []byte) []byte { b[0] = 2; return b }), "key pack, line 1: format version 2, this release reads 1; use programs of the same release"},
		{"kind", change(func(b []byte) []byte { b[1] = 1; return b }), "key pack, line 1: the line says KEY PACK, the signed part ACTIVATION REQUEST"},
		{"trailing", change(func(b []byte) []byte { return append(b, 0) }), "the body does not decode: trailing bytes: 1"},
		{"count", change(func(b []byte) []byte { b[count]++; return b }), "the signature is not that of the clearinghouse; take the file as it was made"},
		{"count 0", change(func(b []byte) []byte { b[count] = 0; return b }), "count at offset"},
		{"signature", change(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), "the signature is not that of the clearinghouse"},
		{"no signature", change(func(b []byte) []byte { return b[:len(b)-10] }), "the body does not decode: signature at offset"},
		{"control character", change(func(b []byte) []byte { b[4] = '\n'; return b }), "has a character that cannot be shown"},
		{"empty", string(armor(KindKeyPack, d.headers, nil)), "the body does not decode: version at offset 0: truncated"},
	} {
		_, err := ParseKeyPack([]byte(tt.text), o.root)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v\nwant %q", tt.name, err, tt.want)
		}
	}
}

// TestBodyTruncated cuts the body at every byte, with a right checksum.
func TestBodyTruncated(t *testing.T) {
	o := newOffice(t)
	for kind, doc := range o.documents() {
		d, err := open(doc.text, kind)
		if err != nil {
			t.Fatal(err)
		}
		for i := range d.body {
			_, err := o.parse(kind, armor(kind, d.headers, d.body[:i]))
			if err == nil || !strings.Contains(err.Error(), cursor.ErrTruncated.Error()) {
				t.Errorf("%v cut to %d of %d bytes: %v", kind, i, len(d.body), err)
			}
		}
	}
}

// TestOthersRefused: sound documents of the wrong people.
func TestOthersRefused(t *testing.T) {
	o, foreign := newOffice(t), newOffice(t)
	check := func(name string, err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %q", name, err, want)
		}
	}
	_, err := ParseKeyPack(foreign.packText, o.root)
	check("pack of another clearinghouse", err, "it comes from the clearinghouse with the key sha256:")

	check("activation of another server", foreign.activation.CheckKey(o.serverKey.Public()), `made for the key of license server "LS1", not for this server's`)
	if err := o.activation.CheckKey(o.serverKey.Public()); err != nil {
		t.Errorf("own activation: %v", err)
	}

	stolen := o.request
	text, err := stolen.Sign(foreign.serverKey) // the key in it becomes the signer's
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseActivationRequest(text)
	if err != nil || bytes.Equal(got.PublicKey, o.request.PublicKey) {
		t.Errorf("a request cannot name a key that its sender lacks: %v", err)
	}
	text, err = seal(KindActivationRequest, stolen.code, stolen.headers(), foreign.serverKey)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ParseActivationRequest(text)
	check("request for another's key", err, "the signature is not that of the key in it")

	mixed := o.activation
	mixed.Root = foreign.root.Raw
	text, err = mixed.Sign(foreign.rootKey)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ParseActivation(text)
	check("certificate under another root", err, "license server certificate: not signed by the clearinghouse")

	mixed = o.activation
	mixed.ServerID = foreign.activation.ServerID
	text, err = mixed.Sign(o.rootKey)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ParseActivation(text)
	check("another id", err, "it names the License Server ID "+mixed.ServerID+", its certificate is "+o.activation.ServerID)

	mixed = o.activation
	text, err = mixed.Sign(foreign.rootKey)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ParseActivation(text)
	check("activation signed by another", err, "the signature is not that of the clearinghouse in it")
}

// TestSignRefuses: nothing is written that would not be read.
func TestSignRefuses(t *testing.T) {
	o := newOffice(t)
	for _, tt := range []struct {
		name string
		sign func() ([]byte, error)
		want string
	}{
		{"no name", func() ([]byte, error) { return ActivationRequest{Issued: day}.Sign(o.serverKey) }, "the license server has no name"},
		{"line break", func() ([]byte, error) {
			return ActivationRequest{Server: "LS1", Company: "A\nB", Issued: day}.Sign(o.serverKey)
		}, `company: "A\nB" has a character that cannot be shown`},
		{"blank", func() ([]byte, error) { return ActivationRequest{Server: "LS1 ", Issued: day}.Sign(o.serverKey) }, "begins or ends with a blank"},
		{"long", func() ([]byte, error) {
			return ActivationRequest{Server: strings.Repeat("x", 257), Issued: day}.Sign(o.serverKey)
		}, "server: longer than 256 bytes"},
		{"no date", func() ([]byte, error) {
			return ActivationRequest{Server: "LS1", Issued: time.Unix(-1, 0)}.Sign(o.serverKey)
		}, "issued: -1 is no second"},
		{"P-384", func() ([]byte, error) {
			return ActivationRequest{Server: "LS1", Issued: day}.Sign(newKey(t, elliptic.P384()))
		}, "no ECDSA key on P-256"},
		{"no count", func() ([]byte, error) { p := o.pack; p.Count = 0; return p.Sign(o.rootKey) }, "count: 0 is none of 1..1000000"},
		{"bad id", func() ([]byte, error) { p := o.pack; p.ServerID = "LS1"; return p.Sign(o.rootKey) }, "or \"LS1\" no License Server ID"},
		{"bad root", func() ([]byte, error) { a := o.activation; a.Root = nil; return a.Sign(o.rootKey) }, "root certificate"},
		{"large blob", func() ([]byte, error) {
			a := o.activation
			a.Certificate = make([]byte, maxBlob+1)
			return a.Sign(o.rootKey)
		}, "certificate: more than 8192 bytes"},
	} {
		if _, err := tt.sign(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
	}
}
