package clearinghouse

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/codes"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
)

// office is a clearinghouse with an activated license server and a purchase of each
// program.
type office struct {
	*Clearinghouse
	t      *testing.T
	dir    string
	key    *ecdsa.PrivateKey // of the license server
	server Server
	seller *ecdsa.PrivateKey
	bought map[keypack.Program]Form // the numbers of each purchase
}

func newOffice(t *testing.T) *office {
	t.Helper()
	h, dir := newHouse(t)
	text, key := request(t, "LS1")
	s, err := h.Activate(text)
	if err != nil {
		t.Fatal(err)
	}
	o := &office{Clearinghouse: h, t: t, dir: dir, key: key, server: s, bought: map[keypack.Program]Form{}}
	if o.seller, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	for i, p := range keypack.Programs() {
		o.sell(p, token.CAL, 25, byte(i+1))
	}
	return o
}

// record is a reseller's record of a purchase.
func (o *office) record(p keypack.Program, kind token.Kind, count uint32, n byte) ([]byte, Form) {
	o.t.Helper()
	random := [32]byte{n, n, n, n, n, n, n, n}
	product := keypack.Products()[0]
	numbers, err := p.NewNumbers(kind, product, count, random)
	if err != nil {
		o.t.Fatal(err)
	}
	text, err := enroll.Purchase{Reseller: "Contoso", Program: string(p), Numbers: numbers, Kind: kind.String(), Product: product.Name,
		Count: count, Issued: day.AddDate(0, 0, int(n))}.Sign(o.seller)
	if err != nil {
		o.t.Fatal(err)
	}
	form := Form{"program": p.Flag()}
	for i, f := range p.Fields() {
		form[f.Name] = numbers[i]
	}
	return text, form
}

func (o *office) sell(p keypack.Program, kind token.Kind, count uint32, n byte) {
	o.t.Helper()
	text, form := o.record(p, kind, count, n)
	if _, err := o.TakeIn(text); err != nil {
		o.t.Fatal(err)
	}
	o.bought[p] = form
}

// form is the purchase of a program with more fields; an empty one is taken out.
func (o *office) form(p keypack.Program, more ...string) Form {
	f := Form{"server-id": o.server.ServerID}
	for k, v := range o.bought[p] {
		f[k] = v
	}
	if p != keypack.LicenseCode {
		f["product"], f["kind"], f["count"] = "Windows 2000", "cal", "5"
	}
	for i := 0; i < len(more); i += 2 {
		if f[more[i]] = more[i+1]; more[i+1] == "" {
			delete(f, more[i])
		}
	}
	return f
}

func (o *office) must(op Op, f Form) Answer {
	o.t.Helper()
	a, err := o.Do(op, f)
	if err != nil {
		o.t.Fatalf("%s %v: %v", op, f, err)
	}
	return a
}

// bytes is all that the state folder's databases hold.
func (o *office) bytes() string {
	o.t.Helper()
	var all bytes.Buffer
	for _, db := range []*bbolt.DB{o.db, o.customers} {
		if err := db.View(func(tx *bbolt.Tx) error { _, err := tx.WriteTo(&all); return err }); err != nil {
			o.t.Fatal(err)
		}
	}
	return all.String()
}

// Each program's numbers get key packs, till the purchase is used up.
//
// proves R61, R63, R75, R76, R180
func TestEveryProgram(t *testing.T) {
	o := newOffice(t)
	secret, err := enroll.Secret(o.key, o.Root().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range keypack.Programs() {
		a := o.must(OpInstall, o.form(p))
		want := uint32(5)
		if p == keypack.LicenseCode {
			want = 25
		}
		pack, err := keypack.ReadID(strings.ToLower(a.Packs[0].PackID), secret, o.server.ServerID, nil)
		if err != nil || pack.Count != want || pack.Program != p || pack.Kind != token.CAL {
			t.Errorf("%s: the Key Pack ID says %+v, %v", p, pack, err)
		}
		document, err := keypack.Read([]byte(a.Documents[0]), o.Root(), o.server.ServerID)
		if err != nil || document.ID != pack.ID || document.Count != want {
			t.Errorf("%s: the document says %+v, %v", p, document, err)
		}
		if again := o.must(OpPrint, o.form(p, "count", "")); again.Packs[0].PackID != pack.ID {
			t.Errorf("%s: printed again as %s", p, again.Packs[0].PackID)
		}
	}
	o.must(OpInstall, o.form(keypack.Select, "count", "20"))
	if _, err := o.Do(OpInstall, o.form(keypack.Select, "count", "1")); err == nil || !strings.Contains(err.Error(), "0 of 25 licenses are left") {
		t.Errorf("more than was bought: %v", err)
	}
	b, err := o.Balance()
	if err != nil || b != (Balance{Bought: 175, Installed: 75, Tokens: 75}) {
		t.Errorf("balance %+v, %v", b, err)
	}
}

// wrong is an input that is refused: with the field and what to do.
type wrong struct {
	name          string
	op            Op
	form          Form
	field, remedy string
}

// mistype changes the character of a code at a place that counts from 0.
func mistype(code string, at int) string {
	c := byte('A')
	if code[at] == c {
		c = 'C'
	}
	return code[:at] + string(c) + code[at+1:]
}

// swapGroups exchanges the third and the fourth group behind LAB.
func swapGroups(code string) string {
	g := strings.Split(code, "-")
	g[3], g[4] = g[4], g[3]
	return strings.Join(g, "-")
}

func (o *office) wrongs() []wrong {
	id, code := o.server.ServerID, o.bought[keypack.LicenseCode]["license-code"]
	stranger := codes.ServerID(&x509.Certificate{SerialNumber: big.NewInt(1)})
	request, _ := request(o.t, "LS2")
	install := func(name string, p keypack.Program, field, remedy string, change ...string) wrong {
		return wrong{name, OpInstall, o.form(p, change...), field, remedy}
	}
	select1 := o.bought[keypack.Select]["enrollment-number"]
	auth := o.bought[keypack.OpenLicense]["authorization-number"]
	return []wrong{
		// License Server IDs
		install("no server id", keypack.Select, "server-id", "type its 35 characters", "server-id", ""),
		install("server id one short", keypack.Select, "server-id", "read that group again", "server-id", id[:len(id)-1]),
		install("server id one long", keypack.Select, "server-id", "read that group again", "server-id", id+"A"),
		install("server id mistyped", keypack.Select, "server-id", "read that group again", "server-id", mistype(id, 10)),
		install("server id with two wrong groups", keypack.Select, "server-id", "in their order", "server-id", mistype(mistype(id, 10), 20)),
		install("server id with groups swapped", keypack.Select, "server-id", "in their order", "server-id", swapGroups(id)),
		install("server id with a look-alike", keypack.Select, "server-id", "the characters are", "server-id", id[:9]+"O"+id[10:]),
		install("server id of another maker", keypack.Select, "server-id", "from LAB on", "server-id", "BCDFG-HJKMP-QRTVW-XY234-6789B-CDFGH-JKMPQ"),
		install("server id of nobody", keypack.Select, "server-id", "activate it first", "server-id", stranger),
		install("a License Code as server id", keypack.Select, "server-id", "type the code that begins with LAB-A", "server-id", code),
		install("huge server id", keypack.Select, "server-id", "shorten it", "server-id", strings.Repeat("A", 1<<20)),
		install("binary server id", keypack.Select, "server-id", "type it by hand", "server-id", "LAB\x00\x01\x02"),
		install("server id that is no UTF-8", keypack.Select, "server-id", "type it by hand", "server-id", "LAB-\xff\xfe"),
		install("server id in Cyrillic", keypack.Select, "server-id", "A to Z", "server-id", strings.ReplaceAll(id[:5]+strings.Repeat("\u0410", 31), "-", "")),
		// License Codes
		install("no License Code", keypack.LicenseCode, "license-code", "type its 25 characters", "license-code", ""),
		install("License Code one short", keypack.LicenseCode, "license-code", "read that group again", "license-code", code[:len(code)-1]),
		install("License Code without a dash and one short", keypack.LicenseCode, "license-code", "count the characters", "license-code", strings.ReplaceAll(code, "-", "")[:24]),
		install("License Code mistyped", keypack.LicenseCode, "license-code", "read that group again", "license-code", mistype(code, 10)),
		install("License Code with groups swapped", keypack.LicenseCode, "license-code", "in their order", "license-code", swapGroups(code)),
		install("License Code with a zero", keypack.LicenseCode, "license-code", "the characters are", "license-code", code[:8]+"0"+code[9:]),
		install("License Code that nobody sold", keypack.LicenseCode, "license-code", "ask the reseller", "license-code", o.unsold()),
		install("License Code for more", keypack.LicenseCode, "count", "leave it out", "count", "26"),
		install("License Code for another product", keypack.LicenseCode, "product", "leave it out", "product", "Windows Server 2003"),
		install("License Code for another kind", keypack.LicenseCode, "kind", "leave it out", "kind", "internet-connector"),
		install("a License Server ID as License Code", keypack.LicenseCode, "license-code", "LAB-C", "license-code", id),
		// Programs and their numbers
		install("no program", keypack.Select, "program", "choose one of", "program", ""),
		install("unknown program", keypack.Select, "program", "choose one of", "program", "lease"),
		install("huge program", keypack.Select, "program", "shorten it", "program", strings.Repeat("select", 100)),
		install("number of another program", keypack.Select, "license-code", "or choose the program License Code", "license-code", code),
		install("wrong program for the number", keypack.Enterprise, "enrollment-number", "ask the reseller", "enrollment-number", select1),
		install("no enrollment number", keypack.Select, "enrollment-number", "type LAB- and its 7 digits", "enrollment-number", ""),
		install("enrollment number one short", keypack.Select, "enrollment-number", "count them", "enrollment-number", select1[:len(select1)-1]),
		install("enrollment number one long", keypack.Select, "enrollment-number", "count them", "enrollment-number", select1+"0"),
		install("enrollment number with a letter", keypack.Select, "enrollment-number", "type digits", "enrollment-number", select1[:6]+"O"+select1[7:]),
		install("enrollment number mistyped", keypack.Select, "enrollment-number", "compare it with the purchase record", "enrollment-number", codes.EnrollmentNumber().Make(1)[:10]+"9"),
		install("enrollment number of nobody", keypack.Select, "enrollment-number", "ask the reseller", "enrollment-number", codes.EnrollmentNumber().Make(77)),
		install("enrollment number of another maker", keypack.Select, "enrollment-number", "from LAB on", "enrollment-number", "1234567"),
		install("agreement number with 8 digits", keypack.Campus, "agreement-number", "count them", "agreement-number", codes.OpenLicenseNumber().Make(5)),
		install("license number with 7 digits", keypack.OpenLicense, "license-number", "count them", "license-number", select1),
		install("no authorization number", keypack.OpenLicense, "authorization-number", "type its 15 characters", "authorization-number", ""),
		install("authorization number mistyped", keypack.OpenLicense, "authorization-number", "read that group again", "authorization-number", mistype(auth, 8)),
		install("authorization number of another", keypack.OpenLicense, "license-number", "ask the reseller", "authorization-number", codes.NewAuthorization([32]byte{99})),
		// Quantity, kind, product
		install("no quantity", keypack.Select, "count", "order as many as were bought", "count", ""),
		install("none", keypack.Select, "count", "from 1 on", "count", "0"),
		install("fewer than none", keypack.Select, "count", "from 1 on", "count", "-5"),
		install("half a license", keypack.Select, "count", "from 1 on", "count", "2.5"),
		install("a word", keypack.Select, "count", "from 1 on", "count", "many"),
		install("more than a number holds", keypack.Select, "count", "from 1 on", "count", "99999999999999999999"),
		install("more than a pack holds", keypack.Select, "count", "as many as were bought", "count", "1000001"),
		install("more than was bought", keypack.Select, "count", "buy more", "count", "26"),
		install("temporary tokens", keypack.Select, "kind", "choose cal", "kind", "temporary"),
		install("a kind that was not bought", keypack.Select, "kind", "choose what was bought", "kind", "internet-connector"),
		install("per user of Windows 2000", keypack.Select, "product", "choose another", "kind", "per-user"),
		install("Internet Connector of a campus", keypack.Campus, "program", "Open License, Select and Enterprise", "kind", "internet-connector"),
		install("unknown product", keypack.Select, "product", "choose one", "product", "NT 4.0"),
		install("a field that there is not", keypack.Select, `"discount"`, "leave it out", "discount", "10"),
		// Requests and products
		{"no request", OpActivate, Form{}, "product-id", "type its 25 characters"},
		{"no document", OpActivate, Form{RequestField: "hello"}, RequestField, "give a file"},
		{"a document cut off", OpActivate, Form{RequestField: string(request[:len(request)-40])}, RequestField, "copy the file again"},
		{"a document that was edited", OpActivate, Form{RequestField: strings.Replace(string(request), "Fabrikam", "Contoso", 1)}, RequestField, "take the file as it was made"},
		{"another document", OpActivate, Form{RequestField: string(o.server.Document)}, RequestField, "licmgr request"},
		{"a huge document", OpActivate, Form{RequestField: strings.Repeat("A", 1<<20)}, RequestField, "shorten it"},
		{"a binary document", OpActivate, Form{RequestField: "\x00\x01\xff"}, RequestField, "give a file"},
		{"both ways at once", OpActivate, Form{RequestField: string(request), "product-id": codes.NewProductID([32]byte{})}, "product-id", "give one of the two"},
		{"Product ID of nobody", OpActivate, Form{"product-id": codes.NewProductID([32]byte{9})}, "product-id", "product document"},
		{"Product ID mistyped", OpActivate, Form{"product-id": mistype(codes.NewProductID([32]byte{9}), 10)}, "product-id", "read that group again"},
		{"huge company", OpActivate, Form{RequestField: string(request), "company": strings.Repeat("x", 300)}, "company", "shorten it"},
		{"activated already", OpActivate, Form{RequestField: o.request()}, RequestField, "reactivate it, with the reason"},
		{"no reason", OpReactivate, Form{RequestField: o.request()}, "reason", "choose one of"},
		{"unknown reason", OpReactivate, Form{RequestField: o.request(), "reason": "boredom"}, "reason", "choose one of"},
		{"reactivated though it never was", OpReactivate, Form{RequestField: string(request), "reason": "upgraded"}, "reason", "activate it"},
		{"deactivated by nobody", OpDeactivate, Form{"server-id": stranger}, "server-id", "activate it first"},
		// Purchase records
		{"no record", OpPurchase, Form{}, "purchase", "give a file"},
		{"a request as a record", OpPurchase, Form{"purchase": string(request)}, "purchase", "tslab sell"},
		{"a record taken in before", OpPurchase, Form{"purchase": o.takenIn()}, "purchase", "nothing is to be done"},
		{"another's record", OpPurchase, Form{"purchase": o.impostor()}, "purchase", "under another name"},
		// Recovery and transfer
		{"recovery without the server id", OpRecover, o.form(keypack.Select, "server-id", "", "license-id", "A-1"), "server-id", "type its 35 characters"},
		{"recovery without a purchase", OpRecover, o.form(keypack.Select, "enrollment-number", codes.EnrollmentNumber().Make(77), "license-id", "A-1"), "enrollment-number", "ask the reseller"},
		{"recovery of nothing", OpRecover, o.form(keypack.Select), "license-id", "lsreport"},
		{"recovery of what was never installed", OpRecover, o.form(keypack.Select, "license-id", "A-1"), "license-id", "more than was installed"},
		{"recovery twice in one", OpRecover, o.form(keypack.Select, "license-id", "A-1 A-1"), "license-id", "once"},
		{"transfer to itself", OpTransfer, o.form(keypack.Select, "license-id", "A-1", "from", "PC1", "to", "pc1"), "to", "another computer"},
		{"transfer from nowhere", OpTransfer, o.form(keypack.Select, "license-id", "A-1", "to", "PC1"), "from", "name the computer"},
		{"issued again for itself", OpReissue, o.form(keypack.Select, "former-id", id), "former-id", "printed again"},
		{"issued again for nobody", OpReissue, o.form(keypack.Select, "former-id", stranger), "former-id", "audit log"},
		{"issued again for a mistyped id", OpReissue, o.form(keypack.Select, "former-id", mistype(id, 10)), "former-id", "read that group again"},
		{"printed though never made", OpPrint, o.form(keypack.School), "server-id", "issued again"},
		{"a forged order", OpInstall, Form{RequestField: o.forged()}, RequestField, "take the file as it was made"},
	}
}

func (o *office) unsold() string {
	code, err := codes.NewLicenseCode(codes.Bought{Kind: uint8(token.CAL), Product: 1, Count: 25}, [32]byte{200})
	if err != nil {
		o.t.Fatal(err)
	}
	return code
}

func (o *office) request() string {
	text, err := enroll.ActivationRequest{Server: "LS1", Issued: day}.Sign(o.key)
	if err != nil {
		o.t.Fatal(err)
	}
	return string(text)
}

// takenIn is a record whose like was taken in, signed once more.
func (o *office) takenIn() string {
	text, _ := o.record(keypack.Select, token.CAL, 25, 3)
	return string(text)
}

func (o *office) impostor() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		o.t.Fatal(err)
	}
	other := *o
	other.seller = key
	text, _ := other.record(keypack.Select, token.CAL, 1000, 50)
	return string(text)
}

// forged is an order that names the license server and is signed by another.
func (o *office) forged() string {
	text, err := enroll.Order{ServerID: o.server.ServerID, Fields: []string{"program=select"}, Issued: day}.Sign(o.seller)
	if err != nil {
		o.t.Fatal(err)
	}
	return string(text)
}

// Every wrong input is answered with its field and the remedy, and nothing changes:
// not a byte of the databases.
//
// proves R8, R72, R134, R146, R200
func TestWrongInputs(t *testing.T) {
	o := newOffice(t)
	list := o.wrongs()
	if len(list) < 60 {
		t.Fatalf("%d wrong inputs, want 60 at least", len(list))
	}
	before := o.bytes()
	for _, w := range list {
		a, err := o.Do(w.op, w.form)
		faults := keypack.FaultsOf(err)
		found := false
		for _, f := range faults {
			found = found || f.Field == w.field && strings.Contains(f.Remedy, w.remedy) && f.Problem != ""
		}
		if !found {
			t.Errorf("%s: %+v, %v; want field %s, remedy %q", w.name, a, err, w.field, w.remedy)
		}
		if after := o.bytes(); after != before {
			t.Fatalf("%s: the databases changed", w.name)
		}
	}
}

// A purchase is used once; what is asked for again is refused by what it was used for.
//
// proves R8
func TestUsed(t *testing.T) {
	o := newOffice(t)
	o.must(OpInstall, o.form(keypack.LicenseCode))
	if _, err := o.Do(OpInstall, o.form(keypack.LicenseCode)); err == nil || !strings.Contains(err.Error(), "license-code: the License Code was used; have its key pack printed again") {
		t.Errorf("a License Code twice: %v", err)
	}
	more, err := enroll.Purchase{Reseller: "Contoso", Program: "Select", Numbers: []string{o.bought[keypack.Select]["enrollment-number"]}, Kind: "CAL",
		Product: "Windows 2000", Count: 10, Issued: day.AddDate(1, 0, 0)}.Sign(o.seller)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := o.TakeIn(more); err != nil || p.Bought != 35 {
		t.Errorf("more under one agreement: %+v, %v", p, err)
	}
}

// A lost token is made good once, by who has the License Server ID and the purchase.
//
// proves R146, R178, R190
func TestRecovery(t *testing.T) {
	o := newOffice(t)
	o.must(OpInstall, o.form(keypack.Select, "count", "10"))
	a := o.must(OpRecover, o.form(keypack.Select, "count", "", "license-id", "K7-1, K7-2"))
	if len(a.Packs) != 1 || a.Packs[0].Count != 2 || !a.Packs[0].Recovered {
		t.Errorf("recovered %+v", a.Packs)
	}
	_, err := o.Do(OpRecover, o.form(keypack.Select, "count", "", "license-id", "K7-3 K7-2"))
	if err == nil || !strings.Contains(err.Error(), "license-id: the license K7-2 was recovered 2003-03-03") {
		t.Errorf("the same loss again: %v", err)
	}
	o.must(OpTransfer, o.form(keypack.Select, "count", "", "license-id", "K7-5", "from", "pc5", "to", "pc6"))
	for _, again := range []Form{
		o.form(keypack.Select, "count", "", "license-id", "K7-5", "from", "pc5", "to", "pc7"),
		o.form(keypack.Select, "count", "", "license-id", "K7-9", "from", "PC6", "to", "pc8"),
	} {
		if _, err := o.Do(OpTransfer, again); err == nil || !strings.Contains(err.Error(), "once") && !strings.Contains(err.Error(), "may be once") {
			t.Errorf("transferred a second time: %v", err)
		}
	}
	_, err = o.Do(OpRecover, o.form(keypack.Select, "count", "", "license-id", "K8-1 K8-2 K8-3 K8-4 K8-5 K8-6 K8-7 K8-8"))
	if err == nil || !strings.Contains(err.Error(), "3 of the 10 licenses installed were made good before") {
		t.Errorf("eleven of ten licenses: %v", err)
	}
	b, err := o.Balance()
	if err != nil || b.Bought != 175 || b.Installed != 10 || b.Recovered != 3 || b.Tokens != 13 {
		t.Errorf("balance %+v, %v", b, err)
	}
}

// With another License Server ID the key packs are made again, once each.
//
// proves R121
func TestReissue(t *testing.T) {
	o := newOffice(t)
	first := o.must(OpInstall, o.form(keypack.Select, "count", "20")).Packs[0]
	text, key := request(t, "LS1") // set up anew, with another key
	s, err := o.Activate(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Do(OpPrint, o.form(keypack.Select, "server-id", s.ServerID)); err == nil || !strings.Contains(err.Error(), "have them issued again") {
		t.Errorf("printed for the new id: %v", err)
	}
	a := o.must(OpReissue, o.form(keypack.Select, "server-id", s.ServerID, "former-id", o.server.ServerID))
	secret, err := enroll.Secret(key, o.Root().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := keypack.ReadID(a.Packs[0].PackID, secret, s.ServerID, nil); err != nil || p.Count != 20 || a.Packs[0].Instead != first.PackID {
		t.Errorf("issued again: %+v, %v", a.Packs, err)
	}
	if _, err := o.Do(OpReissue, o.form(keypack.Select, "server-id", s.ServerID, "former-id", o.server.ServerID)); err == nil || !strings.Contains(err.Error(), "once") {
		t.Errorf("a second time: %v", err)
	}
	if _, err := o.Do(OpInstall, o.form(keypack.Select)); err == nil || !strings.Contains(err.Error(), "is "+s.ServerID+" now") {
		t.Errorf("for the former id: %v", err)
	}
	if b, err := o.Balance(); err != nil || b.Installed != 20 || b.Tokens != 20 {
		t.Errorf("balance %+v, %v", b, err)
	}
}

// A Product ID alone activates, eight times.
//
// proves R67, R199
func TestProduct(t *testing.T) {
	o := newOffice(t)
	a := o.must(OpProduct, Form{})
	p, err := enroll.ParseProduct([]byte(a.Documents[0]))
	if err != nil {
		t.Fatal(err)
	}
	form := Form{"product-id": strings.ToLower(p.ProductID), "company": "Fabrikam"}
	first := o.must(OpActivate, form)
	activation, key, err := p.Open(first.ServerID)
	if err != nil || activation.ServerID != first.ServerID {
		t.Fatalf("the License Server ID opens %+v, %v", activation, err)
	}
	if _, err := o.Do(OpActivate, form); err == nil || !strings.Contains(err.Error(), "product-id: ") || !strings.Contains(err.Error(), first.ServerID) {
		t.Errorf("a second time: %v", err)
	}
	pack := o.must(OpInstall, o.form(keypack.Select, "server-id", first.ServerID)).Packs[0]
	secret, err := enroll.Secret(key, o.Root().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := keypack.ReadID(pack.PackID, secret, first.ServerID, nil); err != nil || got.Count != 5 {
		t.Errorf("a key pack for it: %+v, %v", got, err)
	}
	form["reason"] = "redeployed"
	seen := map[string]bool{first.ServerID: true}
	for range activationsOf - 1 {
		again := o.must(OpReactivate, form)
		if _, _, err := p.Open(again.ServerID); err != nil || seen[again.ServerID] {
			t.Fatalf("activated again as %s: %v", again.ServerID, err)
		}
		seen[again.ServerID] = true
	}
	if _, err := o.Do(OpReactivate, form); err == nil || !strings.Contains(err.Error(), "all 8 activations of the product are used up") {
		t.Errorf("a ninth time: %v", err)
	}
}

func TestDeactivate(t *testing.T) {
	o := newOffice(t)
	a := o.must(OpDeactivate, Form{"server-id": o.server.ServerID})
	secret, err := enroll.Secret(o.key, o.Root().PublicKey)
	if err != nil || a.Confirmation != codes.ConfirmationCode(secret, o.server.ServerID) {
		t.Errorf("confirmation %s, %v", a.Confirmation, err)
	}
	if _, err := o.Do(OpInstall, o.form(keypack.Select)); err == nil || !strings.Contains(err.Error(), "was deactivated; activate the license server again") {
		t.Errorf("a key pack afterwards: %v", err)
	}
	if s := o.must(OpActivate, Form{RequestField: o.request()}); s.ServerID == o.server.ServerID {
		t.Error("the same License Server ID again")
	}
}

func TestPrintActivation(t *testing.T) {
	o := newOffice(t)
	a := o.must(OpPrint, Form{"server-id": o.server.ServerID})
	got, err := enroll.ParseActivation([]byte(a.Documents[0]))
	if err != nil || got.ServerID != o.server.ServerID || got.Company != "" || !bytes.Equal(got.Certificate, o.server.Certificate) {
		t.Errorf("printed again: %+v, %v", got, err)
	}
}

// An order that the license server has signed says who asks.
//
// proves R71
func TestSignedOrder(t *testing.T) {
	o := newOffice(t)
	fields := []string{"server-id=LAB-A"} // does not count: the signature says whose it is
	for k, v := range o.form(keypack.Select) {
		if k != "server-id" {
			fields = append(fields, k+"="+v)
		}
	}
	text, err := enroll.Order{ServerID: o.server.ServerID, Fields: fields, Issued: day}.Sign(o.key)
	if err != nil {
		t.Fatal(err)
	}
	if a := o.must(OpInstall, Form{RequestField: string(text)}); a.Packs[0].ServerID != o.server.ServerID || a.Packs[0].Count != 5 {
		t.Errorf("ordered %+v", a.Packs)
	}
}

// What customers told lies in a file of its own, which nothing reads out.
//
// proves R195
func TestCustomersApart(t *testing.T) {
	o := newOffice(t)
	for _, p := range keypack.Programs() {
		o.must(OpInstall, o.form(p))
	}
	name, err := os.ReadFile(filepath.Join(o.dir, DatabaseName))
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(o.dir, CustomersName))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(name, []byte("abrikam")) || !bytes.Contains(kept, []byte("jo@fabrikam.example")) {
		t.Error("the customer's data do not lie in their own file alone")
	}
	err = o.Audit(func(r Record) error {
		if strings.Contains(r.Detail, "abrikam") {
			return errors.New(r.Detail)
		}
		return nil
	})
	if err != nil {
		t.Errorf("the audit log tells: %v", err)
	}
}
