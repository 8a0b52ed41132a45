package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

var day = time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)

// desk is where an administrator sits: a license server, a clearinghouse and a
// folder.
type desk struct {
	t      *testing.T
	dir    string
	server string // address
	store  running
	house  *clearinghouse.Clearinghouse
}

// running is a license server, and where its store lies.
type running struct {
	*ls.Server
	addr, file string
}

func newDesk(t *testing.T) *desk { return newDeskOf(t, "LS1", edition.W2KSP3()) }

// newDeskOf is a desk at a license server of that name and edition.
func newDeskOf(t *testing.T, name string, e edition.Profile) *desk {
	t.Helper()
	house, err := clearinghouse.Init(t.TempDir(), "Lab Clearinghouse", clock.Fixed(day))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { house.Close() })
	s := startServerWith(t, name, e, serverOptions{})
	return &desk{t: t, dir: t.TempDir(), server: s.addr, store: s, house: house}
}

// startServer runs a license server on the loopback for the test's time.
func startServer(t *testing.T) string {
	t.Helper()
	return startServerWith(t, "LS1", edition.W2KSP3(), serverOptions{}).addr
}

// serverOptions are what a license server was installed with.
type serverOptions struct {
	product       []byte
	backup        string // of another one, whose store it begins with
	clearinghouse func(context.Context, string, map[string]string) ([]string, error)
}

func startServerWith(t *testing.T, name string, e edition.Profile, o serverOptions) running {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, store.FileName)
	if o.backup != "" {
		if err := os.Link(o.backup, file); err != nil {
			t.Fatal(err)
		}
	}
	log := eventlog.New(io.Discard, name, ls.Program, clock.Fixed(day), slog.New(slog.DiscardHandler))
	server, err := ls.New(ls.Config{Name: name, Dir: dir, Clock: clock.Fixed(day), Log: log, Edition: e, Clearinghouse: o.clearinghouse})
	if err != nil {
		t.Fatal(err)
	}
	if o.product != nil {
		if err := server.SetProduct(t.Context(), o.product); err != nil {
			t.Fatal(err)
		}
	}
	id, err := identity.LoadOrCreate(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, l, id.ServerTLS(identity.AnyPeer, nil)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return running{server, l.Addr().String(), file}
}

func (d *desk) path(name string) string { return filepath.Join(d.dir, name) }

func (d *desk) write(name string, text []byte) string {
	d.t.Helper()
	if err := os.WriteFile(d.path(name), text, 0o600); err != nil {
		d.t.Fatal(err)
	}
	return d.path(name)
}

// run calls licmgr as in a shell, with @ standing for the folder.
func (d *desk) run(args ...string) (code int, stdout, stderr string) {
	d.t.Helper()
	line := []string{"licmgr", args[0], "--server", d.server, "--state", d.path("state")}
	for _, a := range args[1:] {
		line = append(line, strings.ReplaceAll(a, "@", d.dir))
	}
	var out, err bytes.Buffer
	code = tscli.Run(d.t.Context(), command(), line, &out, &err)
	return code, out.String(), err.String()
}

func (d *desk) must(args ...string) string {
	d.t.Helper()
	code, stdout, stderr := d.run(args...)
	if code != 0 {
		d.t.Fatalf("licmgr %s: exit %d: %s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

func (d *desk) refused(want string, args ...string) {
	d.t.Helper()
	code, stdout, stderr := d.run(args...)
	if code != tscli.CodeRefused || !strings.Contains(stderr, want) || stdout != "" {
		d.t.Errorf("licmgr %s: exit %d, %q, %q; want %q", strings.Join(args, " "), code, stdout, stderr, want)
	}
}

// pack leaves a key pack for a license server in a file.
func (d *desk) pack(name, serverID string, count uint32) clearinghouse.Pack {
	d.t.Helper()
	p, err := d.house.Issue(clearinghouse.Order{ServerID: serverID, Kind: token.CAL, Product: keypack.Products()[0],
		Program: keypack.OpenLicense, Count: count})
	if err != nil {
		d.t.Fatal(err)
	}
	d.write(name, p.Document)
	return p
}

// activate carries the request to the clearinghouse and back.
func (d *desk) activate(again bool) clearinghouse.Server {
	d.t.Helper()
	d.must("request", "-o", "@/request.txt", "--company", "Fabrikam")
	request, err := os.ReadFile(d.path("request.txt"))
	if err != nil {
		d.t.Fatal(err)
	}
	answer := d.house.Activate
	if again {
		answer = func(r []byte) (clearinghouse.Server, error) { return d.house.Reactivate(r, "redeployed") }
	}
	s, err := answer(request)
	if err != nil {
		d.t.Fatal(err)
	}
	d.write("activation.txt", s.Document)
	if out, want := d.must("activate", "--file", "@/activation.txt"), "LS1 is activated as "+s.ServerID+"\n"; out != want {
		d.t.Errorf("activate: %q, want %q", out, want)
	}
	return s
}

func (d *desk) show(args ...string) (s shown) {
	d.t.Helper()
	out := d.must(append([]string{"show", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		d.t.Fatalf("%s: %v", out, err)
	}
	return s
}

// TestTrip is the way of a license server from its installation to its first key
// pack, with every file carried by hand.
//
// proves R65
func TestTrip(t *testing.T) {
	d := newDesk(t)
	if s := d.show(); s.Server.Activated || s.Server.ServerID != "" || s.Server.Name != "LS1" || s.Server.Address != d.server {
		t.Errorf("before: %+v", s.Server)
	}
	if out := d.must("show"); !strings.Contains(out, "License Server ID  none: not activated, issues temporary tokens only\n") {
		t.Errorf("before:\n%s", out)
	}
	s := d.activate(false)
	p := d.pack("pack.txt", s.ServerID, 10)
	want := "key pack " + p.PackID + " is installed at LS1: 10 x CAL, Windows 2000\n"
	if out := d.must("install", "--file", "@/pack.txt"); out != want {
		t.Errorf("install: %q, want %q", out, want)
	}
	got := d.show()
	if !got.Server.Activated || got.Server.ServerID != s.ServerID || got.Server.Edition != "w2k-sp3" || got.Server.Features != "mark,expiry,referral" {
		t.Errorf("after: %+v", got.Server)
	}
	found := false
	for _, k := range got.KeyPacks {
		if k.ID != p.PackID {
			continue
		}
		found = true
		if *k.Total != 10 || *k.Available != 10 || k.Issued != 0 || k.Kind != "CAL" || k.Program != "Open License" || !k.Installed.Equal(day) {
			t.Errorf("key pack %+v", k)
		}
	}
	if !found {
		t.Errorf("key pack %s is not among %+v", p.PackID, got.KeyPacks)
	}
	out := d.must("show")
	for _, want := range []string{"License Server ID  " + s.ServerID + "\n", "KEY PACK", "AVAILABLE", p.PackID + "\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("show lacks %q:\n%s", want, out)
		}
	}

	d.refused("key pack "+p.PackID+" is installed already", "install", "--file", "@/pack.txt")
	d.refused("activated already", "activate", "--file", "@/activation.txt")
	d.refused("activation.txt: key pack, line 1: this is another document: ACTIVATION", "install", "--file", "@/activation.txt")
	d.refused("pack.txt: activation, line 1: this is another document: KEY PACK", "activate", "--file", "@/pack.txt")
	d.refused("no such file", "install", "--file", "@/nothing.txt")

	second, third := d.pack("pack2.txt", s.ServerID, 3), d.pack("pack3.txt", s.ServerID, 4)
	d.write("all.txt", slices.Concat(second.Document, p.Document, third.Document))
	want = "document 2 of 3: " + d.server + " answers: key pack " + p.PackID + " is installed already"
	if code, _, errs := d.run("install", "--file", "@/all.txt"); code != tscli.CodeRefused || !strings.Contains(errs, want) {
		t.Errorf("a file with three key packs: exit %d, %q; want %q", code, errs, want)
	}
	got = d.show()
	for _, want := range []string{second.PackID, third.PackID} {
		if !slices.ContainsFunc(got.KeyPacks, func(k keyPack) bool { return k.ID == want }) {
			t.Errorf("key pack %s stood beside one that was refused, and is not installed", want)
		}
	}

	again := d.activate(true)
	d.write("old.txt", p.Document)
	d.refused("is made for License Server ID "+s.ServerID+" and this server is "+again.ServerID, "install", "--file", "@/old.txt")
	if k := d.show().KeyPacks; len(k) != len(got.KeyPacks) {
		t.Errorf("a second activation lost key packs: %+v", k)
	}
}

// TestOthers: documents of other servers and other clearinghouses change nothing.
func TestOthers(t *testing.T) {
	d, other := newDesk(t), newDesk(t)
	d.write("early.txt", other.pack("pack.txt", other.activate(false).ServerID, 5).Document)
	d.refused("the license server is not activated", "install", "--file", "@/early.txt")
	activation, err := os.ReadFile(other.path("activation.txt"))
	if err != nil {
		t.Fatal(err)
	}
	d.write("theirs.txt", activation)
	d.refused(`it is made for the key of license server "LS1", not for this server's`, "activate", "--file", "@/theirs.txt")
	d.activate(false)
	d.refused("it comes from the clearinghouse with the key sha256:", "install", "--file", "@/early.txt")
	if k := d.show().KeyPacks; len(k) > 0 && k[0].ID != "" {
		t.Errorf("key packs after refusals: %+v", k)
	}
}

// TestTokens: every issued token is shown, whatever their number.
func TestTokens(t *testing.T) {
	d := newDesk(t)
	conn := d.dial()
	const devices = tsls.MaxLicenses + 7 // more than a page
	for i := range devices {
		hardware := hwid.New(0x04000201, [16]byte{byte(i), byte(i >> 8), 1})
		_, err := conn.Call(t.Context(), tsls.Allocate{Request: tsls.RequestTemp, HardwareID: hardware, Machine: "PC-\u00d6",
			Mode: "device", Edition: "w2k-sp3", Features: tsls.FeatureMark | tsls.FeatureExpiry})
		if err != nil {
			t.Fatal(err)
		}
	}
	s := d.show("--tokens")
	seen := map[string]bool{}
	for _, l := range s.Tokens {
		if l.Kind != "temporary" || l.State != "active" || l.Machine != "PC-\u00d6" || !l.Issued.Equal(day) || !l.Expires.Equal(day.AddDate(0, 0, 90)) {
			t.Fatalf("%+v", l)
		}
		seen[l.LicenseID] = true
	}
	if len(seen) != devices || len(s.Tokens) != devices {
		t.Errorf("%d tokens, %d of them different, want %d", len(s.Tokens), len(seen), devices)
	}
	out := d.must("show", "--tokens")
	if n := strings.Count(out, "PC-\u00d6    2003-03-03  2003-06-01\n"); n != devices {
		t.Errorf("%d lines of %d tokens:\n%s", n, devices, out[:min(len(out), 2000)])
	}
	if s := d.show(); s.Tokens != nil {
		t.Error("tokens are shown without --tokens")
	}
}

func (d *desk) dial() *transport.Conn {
	d.t.Helper()
	id, err := identity.LoadOrCreate(d.t.TempDir(), "TS1")
	if err != nil {
		d.t.Fatal(err)
	}
	hello := tsls.Hello{Program: "termsrv", Name: "TS1", Edition: "w2k-sp3", Features: tsls.FeatureMark | tsls.FeatureExpiry}
	conn, err := transport.Dial(d.t.Context(), d.server, id.ClientTLS(d.server, identity.OpenPins(d.t.TempDir()), nil), hello)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { conn.Close() })
	return conn
}

func TestConnect(t *testing.T) {
	d := newDesk(t)
	d.must("show", "--keylog", "@/keys.txt")
	if keys, err := os.ReadFile(d.path("keys.txt")); err != nil || !strings.Contains(string(keys), "CLIENT_TRAFFIC_SECRET_0 ") {
		t.Errorf("key log %q, %v", keys, err)
	}
	for _, server := range []string{"", "a:b:c", "ls1:x"} {
		if code, _, stderr := d.run("show", "--server", server); code != tscli.CodeUsage || !strings.Contains(stderr, "want a name or an address") {
			t.Errorf("--server %q: exit %d, %q", server, code, stderr)
		}
	}

	// The server is set up anew: its address shows another key.
	pins := d.path("state/" + identity.PinsName)
	text, err := os.ReadFile(pins)
	if err != nil {
		t.Fatal(err)
	}
	first, server := d.server, startServer(t)
	if err := os.WriteFile(pins, bytes.ReplaceAll(text, []byte(first), []byte(server)), 0o600); err != nil {
		t.Fatal(err)
	}
	d.server = server
	d.refused("if it was set up anew, delete line 3 of "+pins+" and try again", "show")

	code, _, stderr := d.run("show", "now")
	if code != tscli.CodeUsage || !strings.Contains(stderr, `unexpected argument "now"`) {
		t.Errorf("an argument too many: %d %s", code, stderr)
	}
	code, _, stderr = d.run("install")
	if code != tscli.CodeUsage || !strings.Contains(stderr, `--program`) {
		t.Errorf("no file: %d %s", code, stderr)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.server = l.Addr().String()
	d.refused("license server "+d.server, "show", "--timeout", "50ms")
	l.Close()
	d.refused("license server "+d.server, "show")
}
