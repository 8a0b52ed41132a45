package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/program"
	"github.com/tslab/tslab/wire/codes"
	"github.com/tslab/tslab/wire/enroll"
)

// desk is a folder in which clearinghouse is called as in a shell.
type desk struct {
	t   *testing.T
	dir string
}

func newDesk(t *testing.T) desk { return desk{t, t.TempDir()} }

func (d desk) path(name string) string { return filepath.Join(d.dir, name) }

func (d desk) read(name string) []byte {
	d.t.Helper()
	text, err := os.ReadFile(d.path(name))
	if err != nil {
		d.t.Fatal(err)
	}
	return text
}

// run calls clearinghouse with --state and with @ standing for the folder.
func (d desk) run(args ...string) (code int, stdout, stderr string) {
	d.t.Helper()
	line := []string{"clearinghouse", args[0], "--state", d.path("ch")}
	for _, a := range args[1:] {
		line = append(line, strings.ReplaceAll(a, "@", d.dir))
	}
	var out, err bytes.Buffer
	code = tscli.Run(d.t.Context(), command(), line, &out, &err)
	return code, out.String(), err.String()
}

func (d desk) must(args ...string) string {
	d.t.Helper()
	code, stdout, stderr := d.run(args...)
	if code != 0 {
		d.t.Fatalf("clearinghouse %s: exit %d: %s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

// request leaves the activation request of a new license server in a file.
func (d desk) request(name string) {
	d.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		d.t.Fatal(err)
	}
	text, err := enroll.ActivationRequest{Server: "LS1", Issued: time.Now()}.Sign(key)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(d.path(name), text, 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func TestTrip(t *testing.T) {
	d := newDesk(t)
	if out := d.must("init", "--name", "Lab One"); !strings.HasPrefix(out, `clearinghouse "Lab One" made in `) {
		t.Errorf("init: %s", out)
	}
	d.request("request.txt")
	if out := d.must("activate", "@/request.txt", "-o", "@/activation.txt"); !strings.HasPrefix(out, "activation of LS1 as LAB-") {
		t.Errorf("activate: %s", out)
	}
	a, err := enroll.ParseActivation(d.read("activation.txt"))
	if err != nil {
		t.Fatal(err)
	}
	d.must("issue", "--server", strings.ToLower(a.ServerID), "--count", "25", "--product", "5.2", "-o", "@/pack.txt")
	block, rest := pem.Decode([]byte(d.must("root")))
	if block == nil || block.Type != "CERTIFICATE" || len(rest) != 0 || !bytes.Equal(block.Bytes, a.Root) {
		t.Error("root is not the activation's root, alone")
	}
	d.must("root", "-o", "@/root.pem")
	if b, _ := pem.Decode(d.read("root.pem")); b == nil || !bytes.Equal(b.Bytes, a.Root) {
		t.Error("root -o")
	}
	root, err := enroll.ParseKeyPack(d.read("pack.txt"), mustRoot(t, a))
	if err != nil || root.Count != 25 || root.Product != "Windows Server 2003" || root.Kind != "CAL" {
		t.Errorf("key pack %+v, %v", root, err)
	}
	if out := d.must("issue", "--server", a.ServerID, "-n", "1", "--kind", "internet-connector"); !strings.Contains(out, "License: Internet Connector\n") {
		t.Errorf("issue to standard output: %s", out)
	}
	if out := d.must("issue", "--server", a.ServerID, "-n", "1", "--kind", "per-user"); !strings.Contains(out, "License: Per User\n") ||
		!strings.Contains(out, "Product: Windows Server 2003 (5.2)\n") {
		t.Errorf("issue of Per User licenses: %s", out)
	}
	if n := strings.Count(d.must("audit"), "\n"); n != 6 { // the last is the balance
		t.Errorf("%d lines of the audit log, want 6", n)
	}
}

func TestRefusals(t *testing.T) {
	d := newDesk(t)
	if code, _, stderr := d.run("root"); code != tscli.CodeRefused || !strings.Contains(stderr, "make one with `clearinghouse init --state ") {
		t.Errorf("before init: %d %s", code, stderr)
	}
	d.must("init")
	d.request("request.txt")
	d.must("activate", "@/request.txt", "-o", "@/activation.txt")
	a, err := enroll.ParseActivation(d.read("activation.txt"))
	if err != nil {
		t.Fatal(err)
	}
	before := d.must("audit")
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"init", tscli.CodeRefused, "its root is not overwritten; choose another folder"},
		{"init now", tscli.CodeUsage, `unexpected argument "now"`},
		{"activate", tscli.CodeUsage, "want a file with an activation request, or --product-id"},
		{"activate @/nothing.txt", tscli.CodeRefused, "no such file"},
		{"activate @/request.txt", tscli.CodeRefused, "reactivate it, with the reason"},
		{"activate @/activation.txt", tscli.CodeRefused, "request: activation request, line 1: this is another document: ACTIVATION"},
		{"activate @/request.txt --reason redeployed -o @/none/x", tscli.CodeRefused, "the folder does not exist"},
		{"activate @/request.txt --reason redeployed -o @", tscli.CodeRefused, "is a folder; name a file"},
		{"issue --count 1", tscli.CodeUsage, `"server" not set`},
		{"issue --server " + a.ServerID, tscli.CodeUsage, "want --count"},
		{"issue --server " + a.ServerID + " --count 0", tscli.CodeRefused, `count: "0" is no number of licenses; give a number from 1 on`},
		{"issue --server " + a.ServerID + " --count -1", tscli.CodeRefused, `"-1" is no number of licenses`},
		{"issue --server " + a.ServerID + " --count ten", tscli.CodeRefused, `"ten" is no number of licenses`},
		{"issue --server " + a.ServerID + " --count 1 --kind temporary", tscli.CodeRefused, "choose cal, internet-connector or per-user"},
		{"issue --server " + a.ServerID + " --count 1 --kind per-user --product 5.0", tscli.CodeRefused, "came with Windows Server 2003"},
		{"issue --server " + a.ServerID + " --count 1 --product NT", tscli.CodeRefused, `there is no product "NT"`},
		{"issue --server " + a.ServerID + " --count 1 --program Lease", tscli.CodeRefused, `there is no licensing program "Lease"`},
		{"issue --server LS1 --count 1", tscli.CodeRefused, "server-id: it does not begin with LAB"},
		{"issue --server " + codes.ServerID(&x509.Certificate{SerialNumber: big.NewInt(1)}) + " --count 1", tscli.CodeRefused, "no license server was activated here as"},
		{"root --clock @/nothing", tscli.CodeRefused, "nothing"},
		{"sell", tscli.CodeUsage, ""},
		{"export", tscli.CodeUsage, ""},
		{"buy", tscli.CodeRefused, "you cannot purchase CALs from the clearinghouse"},
		{"deactivate --server " + a.ServerID + "A", tscli.CodeRefused, "has 6 characters, not 5"},
		{"activate @/request.txt --reason boredom", tscli.CodeRefused, `there is no reason "boredom"`},
		{"purchase @/request.txt", tscli.CodeRefused, "this is another document"},
	} {
		code, stdout, stderr := d.run(strings.Fields(tt.args)...)
		if code != tt.code || !strings.Contains(stderr, tt.want) || stdout != "" {
			t.Errorf("clearinghouse %s: exit %d, %q, %q; want %d, %q", tt.args, code, stdout, stderr, tt.code, tt.want)
		}
	}
	if after := d.must("audit"); after != before {
		t.Errorf("a refusal changed the database:\n%s", after)
	}
}

// TestStateFolder: a clearinghouse and a server do not share one.
func TestStateFolder(t *testing.T) {
	d := newDesk(t)
	if err := os.Mkdir(d.path("ch"), 0o700); err != nil {
		t.Fatal(err)
	}
	program.Own(d.path("ch"), "lserver", "ls1")
	if code, _, stderr := d.run("init"); code != tscli.CodeRefused || !strings.Contains(stderr, `belongs to license server "ls1"`) {
		t.Errorf("exit %d: %s", code, stderr)
	}
	d = newDesk(t)
	d.must("init")
	d.must("root")
	if err := program.Owned(d.path("ch"), "lserver", "ls1"); err == nil || !strings.Contains(err.Error(), "belongs to the clearinghouse") {
		t.Errorf("its own folder: %v", err)
	}
}

// sold takes in the record of a purchase of 25 licenses by Select and returns its number.
func (d desk) sold() string {
	d.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		d.t.Fatal(err)
	}
	number := codes.EnrollmentNumber().Make(123456)
	record, err := enroll.Purchase{Reseller: "Shop", Program: "Select", Kind: "CAL", Product: "Windows 2000", Count: 25, Numbers: []string{number}, Issued: time.Now()}.Sign(key)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(d.path("purchase.txt"), record, 0o600); err != nil {
		d.t.Fatal(err)
	}
	d.must("purchase", "@/purchase.txt")
	return number
}

// serverID is that of the activation in a file.
func (d desk) serverID(name string) string {
	d.t.Helper()
	a, err := enroll.ParseActivation(d.read(name))
	if err != nil {
		d.t.Fatal(err)
	}
	return a.ServerID
}

// TestServices: the clearinghouse activates, issues key packs, gets lost licenses back, and
// reactivates, with which a key pack of before goes to the new License Server ID.
//
// proves R179
func TestServices(t *testing.T) {
	d := newDesk(t)
	d.must("init")
	number := d.sold()
	d.request("request.txt")
	d.must("activate", "@/request.txt", "-o", "@/activation.txt")
	former := d.serverID("activation.txt")
	for _, tt := range []struct {
		args, want string
		count      uint32
	}{
		{"install --server SERVER --program select --enrollment-number NUMBER --count 25", "key pack LAB-K", 25},
		{"print --server SERVER --program select --enrollment-number NUMBER", "key pack LAB-K", 25},
		{"recover --server SERVER --program select --enrollment-number NUMBER --license-id LAB-AAAAA-0000001,LAB-AAAAA-0000002", "2 x CAL", 2},
		{"activate @/request.txt --reason certificate-corrupt", "activation of LS1", 0},
		{"reissue --server SERVER --former-id FORMER --program select --enrollment-number NUMBER", "25 x CAL", 25},
	} {
		words := strings.NewReplacer("SERVER", d.serverID("activation.txt"), "NUMBER", number, "FORMER", former).Replace(tt.args)
		file := "pack.txt"
		if tt.count == 0 {
			file = "activation.txt"
		}
		if out := d.must(append(strings.Fields(words), "-o", "@/"+file)...); !strings.Contains(out, tt.want) {
			t.Errorf("%s: %s; want %s", tt.args, out, tt.want)
		}
		if tt.count > 0 && !strings.Contains(string(d.read(file)), d.serverID("activation.txt")) {
			t.Errorf("%s: the key pack is for somebody else:\n%s", tt.args, d.read(file))
		}
	}
	if d.serverID("activation.txt") == former {
		t.Error("a reactivation has brought the former License Server ID")
	}
	if code, _, stderr := d.run("install", "--server", former, "--program", "select", "--enrollment-number", number, "--count", "1"); code != tscli.CodeRefused || !strings.Contains(stderr, "was activated again and is "+d.serverID("activation.txt")+" now") {
		t.Errorf("for the former License Server ID: exit %d, %s", code, stderr)
	}
	if out := d.must("audit"); !strings.Contains(out, `"bought":25,"installed":25,"recovered":2`) {
		t.Errorf("audit: %s", out)
	}
}

// TestSellsNothing: licenses cannot be had of the clearinghouse for money, and a purchase
// that no reseller has recorded gets none.
//
// proves R202
func TestSellsNothing(t *testing.T) {
	d := newDesk(t)
	d.must("init")
	d.request("request.txt")
	d.must("activate", "@/request.txt", "-o", "@/activation.txt")
	before := d.read("ch/clearinghouse.db")
	for _, args := range [][]string{
		{"buy"},
		{"install", "--server", d.serverID("activation.txt"), "--program", "select", "--enrollment-number", codes.EnrollmentNumber().Make(7), "--count", "5"},
	} {
		code, stdout, stderr := d.run(args...)
		if code != tscli.CodeRefused || stdout != "" || !strings.Contains(stderr, "reseller") {
			t.Errorf("%v: exit %d, %q, %q", args, code, stdout, stderr)
		}
	}
	if !bytes.Equal(before, d.read("ch/clearinghouse.db")) {
		t.Error("the database has changed")
	}
}
