package enroll

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/cursor"
)

// fields is what carries the fields of a kind of document.
func fields(kind Kind) func(*coder) {
	switch kind {
	case KindActivationRequest:
		return new(ActivationRequest).code
	case KindActivation:
		return new(Activation).code
	case KindKeyPack:
		return new(signedKeyPack).code
	case KindJoinRequest:
		return new(JoinRequest).code
	case KindJoined:
		return new(Joined).code
	case KindSiteQuery:
		return new(SiteQuery).code
	case KindSiteEntry:
		return new(SiteEntry).code
	case KindSiteAnswer:
		return new(SiteAnswer).code
	case KindProduct:
		return new(Product).code
	case KindPurchase:
		return new(Purchase).code
	case KindOrder:
		return new(Order).code
	case KindRefusal:
		return new(Refusal).code
	default:
		return nil
	}
}

// FuzzBody: what decodes is written again with the same bytes, and no body of
// another maker passes for a signed one.
func FuzzBody(f *testing.F) {
	o := newOffice(f)
	for kind, doc := range o.documents() {
		d, err := open(doc.text, kind)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(d.body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) < 2 || fields(Kind(body[1])) == nil {
			return
		}
		kind := Kind(body[1])
		code := fields(kind)
		d := armored{kind: kind, first: 1, body: body}
		signed, signature, err := d.unseal(code)
		if err != nil {
			return
		}
		c := coder{w: cursor.NewWriter(append([]byte(signedPrefix), body[:2]...))}
		code(&c)
		if c.err != nil || !bytes.Equal(c.w.Bytes(), signed) {
			t.Fatalf("%v: %x became %x (%v)", kind, signed, c.w.Bytes(), c.err)
		}
		c.blob("signature", &signature)
		if !bytes.Equal(c.w.Bytes()[len(signedPrefix):], body) {
			t.Fatalf("%v: signature differs", kind)
		}
		o.parse(kind, armor(kind, nil, body))
	})
}

// FuzzFile: what is read out of a file is found again in the file made of it.
func FuzzFile(f *testing.F) {
	o := newOffice(f)
	for _, doc := range o.documents() {
		f.Add(string(doc.text))
		f.Add(strings.ReplaceAll(string(doc.text), "\n", "\r\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := split([]byte(text))
		if err != nil {
			return
		}
		kind, _, err := begin(lines)
		if err != nil {
			return
		}
		d, err := open([]byte(text), kind)
		if err != nil {
			return
		}
		again, err := open(armor(d.kind, d.headers, d.body), d.kind)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if !bytes.Equal(again.body, d.body) || len(again.headers) != len(d.headers) {
			t.Fatalf("%q changed", text)
		}
	})
}
