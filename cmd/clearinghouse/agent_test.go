package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"strings"
	"testing"
	"time"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
)

// stocked is a desk with a clearinghouse, a product document and a purchase of 25.
func stocked(t *testing.T) (d desk, productID, enrollment string) {
	t.Helper()
	d = newDesk(t)
	d.must("init")
	d.must("product", "-o", "@/product.txt")
	p, err := enroll.ParseProduct(d.read("product.txt"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	numbers, err := keypack.Select.NewNumbers(token.CAL, keypack.Products()[0], 25, [32]byte{1, 2, 3, 4, 5, 6})
	if err != nil {
		t.Fatal(err)
	}
	record, err := enroll.Purchase{Reseller: "Contoso", Program: "Select", Numbers: numbers, Kind: "CAL", Product: "Windows 2000", Count: 25, Issued: time.Now()}.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.path("purchase.txt"), record, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := d.must("purchase", "@/purchase.txt"); out != "25 x CAL, Windows 2000, of Select: 25 bought, 25 left\n" {
		t.Errorf("purchase: %s", out)
	}
	return d, p.ProductID, numbers[0]
}

// number is the code behind a label in what was printed.
func said(t *testing.T, out, label string) string {
	t.Helper()
	_, rest, ok := strings.Cut(out, label+": ")
	code, _, _ := strings.Cut(rest, "\n")
	if !ok {
		t.Fatalf("no %s in\n%s", label, out)
	}
	return code
}

// The agent hears which group was misread, and takes that group alone.
//
// proves R68, R146, R199
func TestAgent(t *testing.T) {
	d, product, enrollment := stocked(t)
	groups := strings.Split(product, "-")
	misread := append([]string{}, groups...)
	misread[3] = misread[3][:4] + map[bool]string{true: "A", false: "C"}[misread[3][4] != 'A']
	out := d.must("agent", "--country", "norway", "activate", strings.ToLower(strings.Join(misread, "-")), groups[3], "Fabrikam")
	for _, want := range []string{"Clearinghouse, Norway, +47 ", "I am sorry: group 3 (" + misread[3] + ") is mistyped; read that group again.", "I have: L A B, P ", "Your License Server ID, group by group:"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	id := said(t, out, "License Server ID")
	code, _, stderr := d.run("agent", "recover", "")
	if code != tscli.CodeRefused || !strings.Contains(stderr, "I can do nothing without the License Server ID") {
		t.Errorf("recovery without the License Server ID: %d %s", code, stderr)
	}
	pack := said(t, d.must("agent", "install", id, "select", enrollment, "5.0", "cal", "10"), "Key Pack ID")
	if !strings.HasPrefix(pack, "LAB-K") {
		t.Error(pack)
	}
	d.must("agent", "recover", id, "select", enrollment, "5.0", "cal", "K7-1")
	if code, _, stderr := d.run("agent", "recover", id, "select", enrollment, "5.0", "cal", "K7-1"); code != tscli.CodeRefused || !strings.Contains(stderr, "K7-1 was recovered") {
		t.Errorf("the same loss again: %d %s", code, stderr)
	}
	for _, tt := range []struct{ args, want string }{
		{"agent sell", "is nothing that the clearinghouse does on the telephone"},
		{"agent activate", "the caller has hung up; nothing was changed"},
		{"agent activate x x x", "it does not begin with LAB"},
		{"agent --country Atlantis activate", "the clearinghouse has no telephone in"},
		{"agent install " + id + " lease", "there is no licensing program"},
	} {
		if code, _, stderr := d.run(strings.Fields(tt.args)...); code != tscli.CodeRefused || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: %d %s; want %q", tt.args, code, stderr, tt.want)
		}
	}
	if out := d.must("audit"); !strings.Contains(out, `"balance":{"bought":25,"installed":10,"recovered":1,"own_issue":0,"tokens":11}`) {
		t.Errorf("audit: %s", out)
	}
}

// A page comes in, a page goes out; without a number for the answer none does.
//
// proves R69
func TestFax(t *testing.T) {
	d, product, _ := stocked(t)
	page := keypack.FaxPage{Operation: "activate", Return: "+47 22 22 22 22", Fields: map[string]string{"product-id": product, "company": "Fabrikam"}}
	text, err := page.Print()
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(d.path("page.txt"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ name, text, want string }{
		{"no return number", strings.Replace(text, "+47 22 22 22 22", "", 1), "return-fax: it is empty; give the number"},
		{"a name for a number", strings.Replace(text, "+47 22 22 22 22", "home", 1), "is no telephone number"},
		{"no page", "hello", "send the page that licmgr printed"},
		{"half a page", text[:len(text)-10], "the page has no end"},
		{"a smudge", strings.Replace(text, "company: ", "company ", 1), "cannot be read"},
		{"a purchase", strings.Replace(text, "activate", "recover", 1), "call the clearinghouse"},
	} {
		write(tt.text)
		if code, stdout, stderr := d.run("fax", "@/page.txt"); code != tscli.CodeRefused || !strings.Contains(stderr, tt.want) || stdout != "" {
			t.Errorf("%s: %d %q; want %q", tt.name, code, stderr, tt.want)
		}
	}
	write(text)
	d.must("fax", "@/page.txt", "-o", "@/reply.txt")
	reply := string(d.read("reply.txt"))
	if !strings.HasPrefix(reply, "TSLAB CLEARINGHOUSE, BY FAX TO +47 22 22 22 22\n") || !strings.Contains(reply, "server-id: LAB-A") {
		t.Errorf("reply:\n%s", reply)
	}
}

// The file commands work while the server runs, and a new folder gets a root.
//
// proves R12, R15
func TestServe(t *testing.T) {
	d := newDesk(t)
	ctx, stop := context.WithCancel(t.Context())
	ready := make(chan string, 10)
	ended := make(chan error, 1)
	go func() {
		ended <- serve(ctx, tscli.Daemon{State: d.path("ch"), Host: "ch1", Listen: "127.0.0.1:0"}, "Lab Two", nil, lines(ready))
	}()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	if !strings.Contains(d.must("root"), "BEGIN CERTIFICATE") {
		t.Error("root")
	}
	d.request("request.txt")
	if out := d.must("activate", "@/request.txt", "-o", "@/activation.txt"); !strings.HasPrefix(out, "activation of LS1 as LAB-A") {
		t.Errorf("activate: %s", out)
	}
	if code, _, stderr := d.run("activate", "@/request.txt"); code != tscli.CodeRefused || !strings.Contains(stderr, "a license server is activated once") {
		t.Errorf("a second time: %d %s", code, stderr)
	}
	if n := strings.Count(d.must("audit"), "\n"); n != 3 {
		t.Errorf("%d lines of the audit log, want 3", n)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	events := string(d.read("ch/events.jsonl"))
	if !strings.Contains(events, "clearinghouse.answered") || !strings.Contains(events, "clearinghouse.refused") || strings.Contains(events, "abrikam") {
		t.Errorf("events:\n%s", events)
	}
	d.must("root") // out of the folder again
}

// lines tells of every line that is written.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	select {
	case l <- string(b):
	default:
	}
	return len(b), nil
}
