package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/clearinghouse/web"
	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/codes"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
)

// office is a clearinghouse on the network, with a reseller.
type office struct {
	t       *testing.T
	house   *clearinghouse.Clearinghouse
	address string
	seller  *ecdsa.PrivateKey
	asked   int // forms that came over the network
}

func newOffice(t *testing.T, house *clearinghouse.Clearinghouse) *office {
	t.Helper()
	seller, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, house: house, seller: seller}
	cert, err := house.WebCertificate([]string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	site, err := web.New(house, func(string, clearinghouse.Op, clearinghouse.Answer, error) { o.asked++ })
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := site.Server(nil, log.New(io.Discard, "", 0))
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}})) }()
	t.Cleanup(func() {
		server.Close()
		<-ended
	})
	o.address = l.Addr().String()
	return o
}

// buy sells licenses to somebody and returns the numbers, as flags of install.
func (o *office) buy(p keypack.Program, kind token.Kind, product keypack.Product, count uint32) []string {
	o.t.Helper()
	var random [32]byte
	if _, err := rand.Read(random[:]); err != nil {
		o.t.Fatal(err)
	}
	numbers, err := p.NewNumbers(kind, product, count, random)
	if err != nil {
		o.t.Fatal(err)
	}
	record, err := enroll.Purchase{Reseller: "Shop", Program: string(p), Kind: kind.String(), Product: product.Name, Count: count, Numbers: numbers, Issued: day}.Sign(o.seller)
	if err != nil {
		o.t.Fatal(err)
	}
	if _, err := o.house.TakeIn(record); err != nil {
		o.t.Fatal(err)
	}
	args := []string{"--program", p.Flag()}
	for i, f := range p.Fields() {
		args = append(args, "--"+f.Name, numbers[i])
	}
	if p != keypack.LicenseCode {
		args = append(args, "--count", fmt.Sprint(count))
	}
	return args
}

// call is a telephone call, or a browser: a form in, a number out.
func (o *office) call(op clearinghouse.Op, said string, field string) string {
	o.t.Helper()
	form := clearinghouse.Form{}
	for _, name := range ordered() {
		if m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(fmt.Sprintf("  %-22s ", labelOf(name))) + `(\S.*)$`).FindStringSubmatch(said); m != nil {
			form[name] = m[1]
		}
	}
	a, err := o.house.Do(op, form)
	if err != nil {
		o.t.Fatalf("%s %v: %v", op, form, err)
	}
	if field == "pack-id" {
		return a.Packs[0].PackID
	}
	return a.ServerID
}

// atDesk is a desk at a license server that was installed from a product document, and
// that has a way to the clearinghouse if routed.
func atDesk(t *testing.T, name string, e edition.Profile, o *office, routed bool) *desk {
	t.Helper()
	var opts serverOptions
	var err error
	if _, opts.product, err = o.house.NewProduct(); err != nil {
		t.Fatal(err)
	}
	if routed {
		opts.clearinghouse = func(ctx context.Context, op string, form map[string]string) ([]string, error) {
			client := &web.Client{Address: o.address, Roots: []*x509.Certificate{o.house.Root()}}
			a, err := client.Do(ctx, clearinghouse.Op(op), form)
			return a.Documents, err
		}
	}
	s := startServerWith(t, name, e, opts)
	d := &desk{t: t, dir: t.TempDir(), server: s.addr, store: s, house: o.house}
	d.write("root.pem", clearinghouse.EncodeRoot(o.house.Root()))
	d.must("properties", "--clearinghouse", o.address, "--roots", "@/root.pem", "--company", "Fabrikam", "--contact", "Amy Jones", "--country", "norway", "--return-fax", "+47 22 00 00 00")
	return d
}

// viaMethod activates or installs by a method that is no online one: what licmgr says
// goes to the clearinghouse by hand, and its number comes back.
func (d *desk) viaMethod(o *office, op clearinghouse.Op, method keypack.Method, args ...string) {
	d.t.Helper()
	command, field := "activate", "server-id"
	if op == clearinghouse.OpInstall {
		command, field = "install", "pack-id"
	}
	first := append([]string{command, "--method", string(method), "--trust"}, args...)
	switch method {
	case keypack.Internet, keypack.Automatic:
		d.must(first...)
	case keypack.Fax:
		d.must(append(first, "--page", "@/page.txt")...)
		text, err := os.ReadFile(d.path("page.txt"))
		if err != nil {
			d.t.Fatal(err)
		}
		page, err := keypack.ReadFax(string(text))
		if err != nil {
			d.t.Fatal(err)
		}
		a, err := o.house.Do(clearinghouse.Op(page.Operation), page.Fields)
		if err != nil {
			d.t.Fatalf("%+v: %v", page, err)
		}
		reply := "TSLAB CLEARINGHOUSE, BY FAX\n\nserver-id: " + a.ServerID + "\n"
		if len(a.Packs) > 0 {
			reply = "operation: install\npack-id: " + a.Packs[0].PackID + "\n"
		}
		d.write("reply.txt", []byte(reply))
		d.must(command, "--reply", "@/reply.txt")
	default:
		number := o.call(op, d.must(first...), field)
		if len(strings.ReplaceAll(number, "-", "")) != 35 {
			d.t.Errorf("%s has not 35 letters and digits", number)
		}
		d.must(command, "--"+field, strings.ToLower(strings.ReplaceAll(number, "-", " ")))
	}
}

// TestEveryDoor: by each connection method a license server is activated, once, and gets
// key packs of four programs; a license server needs no way to the clearinghouse, but for
// Automatic of Windows Server 2003.
//
// proves R14, R60, R63, R66, R67, R68, R69, R72, R74, R136, R181, R197, R198, R199, R200, R204
func TestEveryDoor(t *testing.T) {
	for _, e := range []edition.Profile{edition.W2KSP3(), edition.WS2003()} {
		product := ownProduct(&e)
		for _, method := range keypack.Methods(&e) {
			t.Run(e.Edition.String()+" "+string(method), func(t *testing.T) {
				house := newDesk(t).house
				o := newOffice(t, house)
				d := atDesk(t, "LS1", e, o, method == keypack.Automatic)
				d.viaMethod(o, clearinghouse.OpActivate, method)
				for _, p := range []keypack.Program{keypack.LicenseCode, keypack.OpenLicense, keypack.Select, keypack.Campus} {
					d.viaMethod(o, clearinghouse.OpInstall, method, o.buy(p, token.CAL, product, 5)...)
				}
				s := d.show()
				if !s.Server.Activated || len(s.KeyPacks) != 4 {
					t.Fatalf("%+v", s)
				}
				for _, k := range s.KeyPacks {
					if *k.Total != 5 || k.Product != product.Name || len(strings.ReplaceAll(k.ID, "-", "")) != 35 {
						t.Errorf("%+v", k)
					}
				}
				d.refused("a license server is activated once", "activate", "--method", string(method), "--trust")
				want := 0
				if method.Online() {
					want = 5
				}
				if o.asked != want {
					t.Errorf("%d forms over the network, want %d", o.asked, want)
				}
			})
		}
	}
}

// TestRoute: Automatic of 2003 fails where the license server has no way to the
// clearinghouse, though the tool has one; a knob makes it as in Windows 2000.
func TestRoute(t *testing.T) {
	o := newOffice(t, newDesk(t).house)
	d := atDesk(t, "LS1", edition.WS2003(), o, false)
	d.refused("cannot reach it by itself; start it with --clearinghouse", "activate", "--method", "automatic", "--trust")
	d.refused("has no connection method \"fax\"", "activate", "--method", "fax")
	if d.show().Server.Activated || o.asked != 0 {
		t.Error("something was done")
	}
	d.must("activate", "--trust", "--set", "activation_needs_net_on=tool")
	if !d.show().Server.Activated {
		t.Error("not activated")
	}
}

// TestTrustedSite: where Internet Explorer's enhanced security is on, the clearinghouse
// must be a trusted site for Automatic, and for a browser on the license server.
//
// proves R196
func TestTrustedSite(t *testing.T) {
	o := newOffice(t, newDesk(t).house)
	d := atDesk(t, "LS1", edition.WS2003(), o, true)
	d.refused("is not among the trusted sites", "activate")
	d.refused("is not among the trusted sites", "activate", "--method", "web") // the license server is this machine
	if o.asked != 0 {
		t.Error("the clearinghouse was asked")
	}
	d.must("activate", "--method", "phone")
	d.must("activate", "--method", "web", "--set", "ie_esc=off")
	d.must("activate", "--trust")
	d.must(append([]string{"install"}, o.buy(keypack.LicenseCode, token.PerUser, keypack.Products()[1], 3)...)...) // it is trusted now
	if sameMachine("192.0.2.77") || !sameMachine("127.0.0.1") || sameMachine("a b") {
		t.Error("which machine is this")
	}
	// The wizard asks, and goes nowhere when it is declined.
	d = atDesk(t, "LS2", edition.WS2003(), o, true)
	asked := o.asked
	code, out, stderr := d.wizard("\n\n\n\n\nno\n")
	if code != tscli.CodeRefused || !strings.Contains(stderr, "is not among the trusted sites") || !strings.Contains(out, "1  Automatic (recommended)") || o.asked != asked {
		t.Errorf("declined: %d, %s\n%s", code, stderr, out)
	}
	if code, _, stderr = d.wizard("\n\n\n\n\nyes\nno\n"); code != 0 || !d.show().Server.Activated {
		t.Errorf("added: %d, %s", code, stderr)
	}
}

// wizard runs the wizard with the answers.
func (d *desk) wizard(answers string, args ...string) (code int, stdout, stderr string) {
	d.t.Helper()
	var out, errs bytes.Buffer
	cmd := command()
	cmd.Reader = strings.NewReader(answers)
	code = tscli.Run(d.t.Context(), cmd, append([]string{"licmgr", "wizard", "--server", d.server, "--state", d.path("state")}, args...), &out, &errs)
	return code, out.String(), errs.String()
}

// TestWizard: the wizard asks as the original did, the recommended method first, and
// names the group of a number that is mistyped.
//
// proves R65, R75, R79
func TestWizard(t *testing.T) {
	o := newOffice(t, newDesk(t).house)
	d := atDesk(t, "LS1", edition.W2KSP3(), o, false)
	select1 := o.buy(keypack.Select, token.InternetConnector, keypack.Products()[0], 2)
	code := o.buy(keypack.LicenseCode, token.CAL, keypack.Products()[0], 7)
	bad := []byte(code[3])
	bad[len(bad)-1]++
	answers := strings.Join([]string{
		"",                             // Internet, which is recommended
		"Amy", "Amy Jones", "", "", "", // the administrator
		"yes", "3", select1[3], "3", "", "two", "2", // Select, Internet Connector
		"yes", "1", string(bad), code[3], // License Code with a slip
		"no",
	}, "\n") + "\n"
	status, out, stderr := d.wizard(answers)
	for _, want := range []string{"1  Internet (recommended)", "2  Web Browser", "3  Telephone", "4  Fax", "Other (License Code)", "is no number of licenses", "group", "Product ID       LAB-P"} {
		if !strings.Contains(out, want) {
			t.Errorf("the wizard does not say %q:\n%s", want, out)
		}
	}
	if s := d.show(); status != 0 || !s.Server.Activated || len(s.KeyPacks) != 2 {
		t.Errorf("exit %d, %s\n%+v\n%s", status, stderr, s, out)
	}
	// Who goes back can activate again, for a reason, and change the connection method.
	former := d.show().Server.ServerID
	answers = strings.Join([]string{"3", "back", "back", "2", "back", "2", "redeployed", "1", "", "", "", "", "yes", "back", "3"}, "\n") + "\n"
	status, out, stderr = d.wizard(answers)
	if now := d.show().Server; status != 0 || !now.Activated || now.ServerID == former || strings.Count(out, "1  Install license tokens\n  2  Activate the license server again\n  3  End") != 4 {
		t.Errorf("exit %d, %s\n%+v\n%s", status, stderr, now, out)
	}
	// Who goes away in the middle leaves nothing behind.
	before := d.show()
	if status, _, stderr = d.wizard("4\n"); status != tscli.CodeRefused || !strings.Contains(stderr, "was ended") {
		t.Errorf("exit %d, %s", status, stderr)
	}
	if after := d.show(); len(after.KeyPacks) != len(before.KeyPacks) {
		t.Error("something was installed")
	}
}

// TestReactivate: for a reason, under another License Server ID; and what is not
// reactivated needs none.
func TestReactivate(t *testing.T) {
	o := newOffice(t, newDesk(t).house)
	d := atDesk(t, "LS1", edition.W2KSP3(), o, false)
	d.must("activate")
	old := d.show().Server.ServerID
	if code, _, stderr := d.run("reactivate"); code != tscli.CodeUsage || !strings.Contains(stderr, "--reason") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	d.refused(`there is no reason "boredom"; choose one of redeployed`, "reactivate", "--reason", "boredom")
	d.must("reactivate", "--reason", "certificate-corrupt")
	if now := d.show().Server.ServerID; now == old || !codes.Valid(codes.LicenseServerID, now) {
		t.Errorf("%s, before %s", now, old)
	}
	d.viaReason(o, "redeployed")
}

// viaReason reactivates by telephone.
func (d *desk) viaReason(o *office, reason string) {
	d.t.Helper()
	said := d.must("reactivate", "--method", "phone", "--reason", reason)
	if !strings.Contains(said, "+47 99 99 99 42") {
		d.t.Errorf("not the number of Norway:\n%s", said)
	}
	d.must("reactivate", "--server-id", o.call(clearinghouse.OpReactivate, said, "server-id"))
}

// TestDeactivate: by telephone, against the clearinghouse's confirmation code; afterwards it
// is activated anew, without a reason.
func TestDeactivate(t *testing.T) {
	o := newOffice(t, newDesk(t).house)
	d := atDesk(t, "LS1", edition.W2KSP3(), o, false)
	if code, _, stderr := d.run("deactivate"); code != tscli.CodeNothing || !strings.Contains(stderr, "is not activated") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	d.must("activate")
	d.must(append([]string{"install"}, o.buy(keypack.LicenseCode, token.CAL, keypack.Products()[0], 3)...)...)
	id := d.show().Server.ServerID
	said := d.must("deactivate")
	if !strings.Contains(said, "Call the clearinghouse in Norway: +47") || !strings.Contains(said, "You want: deactivate") || !strings.Contains(said, id) ||
		!strings.Contains(said, "--confirmation") || strings.Contains(said, "--reply") {
		t.Errorf("what to say:\n%s", said)
	}
	a, err := o.house.Do(clearinghouse.OpDeactivate, clearinghouse.Form{"server-id": id})
	if err != nil {
		t.Fatal(err)
	}
	code := a.Confirmation
	other := "A" // than the code's last letter
	if strings.HasSuffix(code, other) {
		other = "D"
	}
	d.refused("confirmation: group 3", "deactivate", "--confirmation", code[:len(code)-1]+other)
	d.refused("confirmation: this is a License Server ID", "deactivate", "--confirmation", id)
	if !d.show().Server.Activated {
		t.Fatal("deactivated without a confirmation")
	}
	if out := d.must("deactivate", "--confirmation", strings.ToLower(code)); out != "LS1 is deactivated, and issues temporary tokens only\n" {
		t.Error(out)
	}
	if s := d.show(); s.Server.Activated || len(s.KeyPacks) != 1 {
		t.Errorf("%+v", s)
	}
	d.must("activate")
	if s := d.show().Server; !s.Activated || s.ServerID == id {
		t.Errorf("activated again: %+v", s)
	}
}

// TestProperties: what is remembered is shown, and the method can be changed.
//
// proves R138
func TestProperties(t *testing.T) {
	o := newOffice(t, newDesk(t).house)
	d := atDesk(t, "LS1", edition.W2KSP3(), o, false)
	var p shownProperties
	if err := json.Unmarshal([]byte(d.must("properties", "--json")), &p); err != nil {
		t.Fatal(err)
	}
	if p.Method != "internet" || len(p.Methods) != 4 || p.Methods[0] != "internet" || p.Company != "Fabrikam" || p.Country != "Norway" || !codes.Valid(codes.ProductID, p.ProductID) {
		t.Errorf("%+v", p)
	}
	if out := d.must("properties"); !strings.Contains(out, "Connection method  Internet\n") {
		t.Error(out)
	}
	if out := d.must("connection-method"); out != "METHOD    NAME\ninternet  Internet     used, recommended\nweb       Web Browser\nphone     Telephone\nfax       Fax\n" {
		t.Errorf("%q", out)
	}
	if out := d.must("connection-method", "Telephone"); out != "Connection method of LS1: Telephone\n" {
		t.Errorf("%q", out)
	}
	if out := d.must("activate"); !strings.HasPrefix(out, "Call the clearinghouse in Norway: ") {
		t.Error(out)
	}
	if out := d.must("connection-method", "--set", "default_method=fax"); !strings.HasPrefix(out, "METHOD    NAME\nfax       Fax          recommended\n") {
		t.Error(out)
	}
	if out := d.must("connection-method", "--json", "--set", "connection_methods=phone"); !strings.Contains(out, `{"method":"phone","label":"Telephone","recommended":true,"used":true}`) {
		t.Error(out)
	}
	d.refused("has no connection method \"pigeon\"", "connection-method", "pigeon")
	d.refused("the clearinghouse has no telephone in", "properties", "--country", "Atlantis")
	d.write("state/"+settingsName, []byte("{"))
	d.refused("delete it", "properties")
}

// TestKept: what the clearinghouse has given out is not lost when the license server
// cannot be reached with it.
func TestKept(t *testing.T) {
	d := newDesk(t)
	m := &dealer{settings: &settings{path: d.path("state/" + settingsName)}}
	if err := os.MkdirAll(d.path("state"), 0o700); err != nil {
		t.Fatal(err)
	}
	err := m.keep(clearinghouse.OpInstall, "a key pack", net.ErrClosed)
	kept := d.path("state/install.txt")
	if text, _ := os.ReadFile(kept); string(text) != "a key pack" || err == nil || !strings.Contains(err.Error(), "licmgr install --file "+kept) {
		t.Errorf("%q, %v", text, err)
	}
}
