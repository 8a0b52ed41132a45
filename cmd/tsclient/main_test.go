package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/client"
	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
	"github.com/tslab/tslab/wire/token"
)

// tsclient runs the command as a shell would.
func tsclient(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = tscli.Run(t.Context(), command(), append([]string{"tsclient"}, args...), &out, &errs)
	return code, out.String(), errs.String()
}

// serve is a terminal server that answers every device with one message, and logs
// on who is let in with the right password.
func serve(t *testing.T, answer licensing.Message) string {
	t.Helper()
	key, err := rdpsec.GenerateKey(rand.Reader, 512)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			conn, err := rdpconn.Accept(t.Context(), nc, &rdpconn.ServerConfig{Protocols: rdpconn.RDPOnly, Key: key})
			if err != nil {
				continue
			}
			if err := conn.WriteLicense(licensing.Append(nil, answer, licensing.Version3)); err == nil && conn.Activate(rdp.Desktop{Width: 640, Height: 480, Bpp: 16}) == nil {
				if conn.Info().Password == "lab" {
					conn.WriteLogon()
				}
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

func TestConnect(t *testing.T) {
	good, bad := serve(t, licensing.ValidClient()), serve(t, licensing.Abort(licensing.NoLicenseServer))
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"good":             {[]string{good}, 0, "logged on as  lab"},
		"good, as JSON":    {[]string{good, "--json"}, 0, `"outcome":"connected"`},
		"refused":          {[]string{bad}, 3, "refused by licensing"},
		"refused, as JSON": {[]string{"--json", bad}, 3, `"alert":"ERR_NO_LICENSE_SERVER, ST_TOTAL_ABORT"`},
		"wrong password":   {[]string{good, "--password", "x"}, 4, "logon of lab"},
		"not there":        {[]string{"127.0.0.1:1"}, 5, "cannot be reached"},
		"no host":          {nil, 2, "HOST[:PORT]"},
		"nonsense":         {[]string{"a:b:c"}, 2, `"a:b:c": want a name or an address`},
		"two hosts":        {[]string{good, good}, 2, "unexpected argument"},
		"persona":          {[]string{good, "--persona", "amiga"}, 2, "want one of 9x"},
		"security":         {[]string{good, "--security", "x"}, 2, "security"},
		"encryption":       {[]string{good, "--encryption", "57"}, 2, "encryption"},
		"hardware id":      {[]string{good, "--hardware-id", "12"}, 2, "40 hexadecimal digits"},
		"zero hardware id": {[]string{good, "--hardware-id", strings.Repeat("0", 40)}, 2, "means none"},
		"long name":        {[]string{good, "--name", "ABCDEFGHIJKLMNOP"}, 2, "15 characters"},
		"root":             {[]string{good, "--root", "/x"}, 2, "--persona mac"},
		"no such flag":     {[]string{good, "--nonsense"}, 2, "nonsense"},
		"no such clock":    {[]string{good, "--clock", "/no/such/clock"}, 1, "/no/such/clock"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := tsclient(t, append([]string{"connect", "--state", t.TempDir()}, c.args...)...)
			if code != c.code || !strings.Contains(stdout+stderr, c.says) {
				t.Errorf("exit %d, want %d and %q\n%s%s", code, c.code, c.says, stdout, stderr)
			}
		})
	}
}

func TestConnectKeepsItsState(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	server := serve(t, licensing.ValidClient())
	reports := make([]connectReport, 2)
	for i := range reports {
		_, stdout, stderr := tsclient(t, "connect", "--json", "--name", "PC7", server)
		if err := json.Unmarshal([]byte(stdout), &reports[i]); err != nil {
			t.Fatalf("%v: %s%s", err, stdout, stderr)
		}
	}
	if reports[0].HardwareID == "" || reports[0].HardwareID != reports[1].HardwareID || reports[0].Device != "PC7" {
		t.Errorf("%+v, then %+v", reports[0], reports[1])
	}
	dir := filepath.Join(os.Getenv("XDG_STATE_HOME"), "tslab", "tsclient")
	for _, name := range []string{client.WindowsFile, "events.jsonl"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if code, _, stderr := tsclient(t, "wipe"); code != 0 {
		t.Errorf("wipe: %s", stderr)
	}
	if code, _, stderr := tsclient(t, "wipe"); code != 3 || !strings.Contains(stderr, "nothing to delete") {
		t.Errorf("second wipe: %d, %s", code, stderr)
	}
}

var day0 = time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)

// stored fills a store with a token and a foreign license, and returns its folder
// and the file of the root.
func stored(t *testing.T) (dir, roots string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	server, err := token.SelfSign("LS1", day0, key)
	if err != nil {
		t.Fatal(err)
	}
	id := hwid.New(0xFF010000, [16]byte{1})
	blob, err := token.Sign(token.License{
		Kind: token.Temporary, LicenseID: "LAB-1", HardwareID: id, Product: "Windows 2000", Version: token.Version{Major: 5},
		Machine: "PC7", Issued: day0, Expires: day0.AddDate(0, 0, 90), Issuer: "LS1",
	}, &token.Signer{Chain: [][]byte{server}, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	s, err := client.OpenWindowsStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		s.SetHardwareID(id),
		s.Put(client.StoredLicense{Scope: "tslab.example", Company: "TSLab", Product: "LAB-TS", License: blob}),
		s.Put(client.StoredLicense{Scope: "else", Company: "E", Product: "X", License: []byte("foreign")}),
		clock.CreateLab(filepath.Join(dir, "clock"), day0),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	roots = filepath.Join(dir, "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server}), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, roots
}

func TestToken(t *testing.T) {
	dir, roots := stored(t)
	code, stdout, stderr := tsclient(t, "token", "--state", dir, "--roots", roots, "--clock", filepath.Join(dir, "clock"))
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []string{
		"entry        LICENSE000", "filed under  tslab.example, TSLab, LAB-TS", "kind         temporary", "license id   LAB-1",
		"product      Windows 2000 5.0", "machine      PC7", "issued       2003-03-03 09:00 UTC",
		"validity     valid to 2003-06-01 09:00 UTC (", "days left)", "issuer       LS1", "chain 1      LS1", "check        sound, to LS1",
		"LICENSE001", "7 bytes are no license token of this lab",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is missing in\n%s", want, stdout)
		}
	}
	var reports []tokenReport
	if _, stdout, _ = tsclient(t, "token", "--json", "--state", dir); json.Unmarshal([]byte(stdout), &reports) != nil || len(reports) != 2 {
		t.Fatalf("not JSON: %s", stdout)
	}
	if !reports[0].Sound || reports[1].Sound || !strings.Contains(reports[0].Check, "--roots would tell") {
		t.Errorf("%+v", reports)
	}
}

func TestTokenSaysWhyNot(t *testing.T) {
	dir, _ := stored(t)
	_, other := stored(t)
	if _, stdout, _ := tsclient(t, "token", "--state", dir, "--roots", other); !strings.Contains(stdout, "not activated") {
		t.Errorf("another root:\n%s", stdout)
	}
	s, err := client.OpenWindowsStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetHardwareID(hwid.New(1, [16]byte{2})); err != nil {
		t.Fatal(err)
	}
	if _, stdout, _ := tsclient(t, "token", "--state", dir); !strings.Contains(stdout, "another hardware id") {
		t.Errorf("another device:\n%s", stdout)
	}
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"no store":       {[]string{"--state", t.TempDir()}, 3},
		"none as JSON":   {[]string{"--state", t.TempDir(), "--json"}, 3},
		"no such roots":  {[]string{"--state", dir, "--roots", "/no/such/file"}, 1},
		"roots of noise": {[]string{"--state", dir, "--roots", filepath.Join(dir, client.WindowsFile)}, 1},
		"no such file":   {[]string{"--state", dir, filepath.Join(dir, "x.cal")}, 1},
	} {
		if code, _, stderr := tsclient(t, append([]string{"token"}, c.args...)...); code != c.code {
			t.Errorf("%s: exit %d, want %d: %s", name, code, c.code, stderr)
		}
	}
}

// TestTokenOfAnotherClient: xfreerdp and rdesktop keep a token as it came, each in a
// file of its own, with no word of the hardware id.
func TestTokenOfAnotherClient(t *testing.T) {
	dir, _ := stored(t)
	s, err := client.OpenWindowsStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for i, l := range s.Licenses() {
		files = append(files, filepath.Join(t.TempDir(), []string{"ours.cal", "foreign.cal"}[i]))
		if err := os.WriteFile(files[i], l.License, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, stdout, stderr := tsclient(t, append([]string{"token", "--state", t.TempDir()}, files...)...)
	for _, want := range []string{"ours.cal", "license id   LAB-1", "check        sound", "foreign.cal", "7 bytes are no license token of this lab"} {
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("exit %d, no %q in\n%s%s", code, want, stdout, stderr)
		}
	}
	if strings.Contains(stdout, "filed under") {
		t.Errorf("of files nobody knows what they are filed under:\n%s", stdout)
	}
}

// TestRemedy: who was refused with a license of its own is told how to look at it and
// to begin anew; who had none, or met a server without a license server, is not.
func TestRemedy(t *testing.T) {
	invalid, nobody := licensing.Abort(licensing.InvalidClient).Error(), licensing.Abort(licensing.NoLicenseServer).Error()
	cal := &tokenSummary{Kind: "CAL", LicenseID: "LAB-7"}
	for _, tt := range []struct {
		report connectReport
		state  string
		want   []string
	}{
		{connectReport{Outcome: "refused", Alert: invalid, Presented: cal}, "", []string{"it has shown CAL LAB-7, does not expire", "`tsclient token`", "`tsclient wipe` deletes it"}},
		{connectReport{Outcome: "refused", ErrorInfo: 0x105, Presented: cal}, "pc1", []string{"`tsclient token --state pc1`", "`tsclient wipe --state pc1`"}},
		{connectReport{Outcome: "refused", Alert: nobody, Presented: cal}, "", nil},
		{connectReport{Outcome: "refused", Alert: invalid}, "", nil},
		{connectReport{Outcome: "logon failed", Presented: cal}, "", nil},
	} {
		got := tt.report.remedy(tt.state)
		if (got == "") != (tt.want == nil) {
			t.Errorf("%+v: %q", tt.report, got)
		}
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%+v: %q, want %q", tt.report, got, want)
			}
		}
	}
}

func TestWipe(t *testing.T) {
	for flag, want := range map[string][2]int{"--hardware-id": {0, 2}, "--licenses": {1, 0}, "": {0, 0}} {
		dir, _ := stored(t)
		args := []string{"wipe", "--state", dir}
		if flag != "" {
			args = append(args, flag)
		}
		if code, stdout, stderr := tsclient(t, args...); code != 0 || !strings.Contains(stdout, "deleted") {
			t.Errorf("%s: exit %d: %s", flag, code, stderr)
		}
		s, err := client.OpenWindowsStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		got := [2]int{0, len(s.Licenses())}
		if _, ok := s.HardwareID(); ok {
			got[0] = 1
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: hardware ids, licenses: -want +got\n%s", flag, diff)
		}
	}
}

func TestValidity(t *testing.T) {
	for want, now := range map[string]time.Time{
		"valid to 2003-03-03 09:00 UTC":               {},
		"valid to 2003-03-03 09:00 UTC (2 days left)": day0.AddDate(0, 0, -2),
		"valid to 2003-03-03 09:00 UTC (1 day left)":  day0.AddDate(0, 0, -1),
		"valid to 2003-03-03 09:00 UTC (0 days left)": day0,
		"expired 2003-03-03 09:00 UTC":                day0.Add(time.Second),
	} {
		if got := validity(day0, now); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestDamageOfAPart: each part of a license is found in it, and nothing else is changed.
func TestDamageOfAPart(t *testing.T) {
	dir, _ := stored(t)
	license := func() []byte {
		s, err := client.OpenWindowsStore(dir)
		if err != nil || len(s.Licenses()) == 0 {
			t.Fatalf("%v", err)
		}
		return s.Licenses()[0].License
	}
	before := license()
	sound, err := token.Parse(before)
	if err != nil {
		t.Fatal(err)
	}
	leaf := bytes.Index(before, sound.Leaf.Raw)
	dates, err := asn1.Marshal(sound.Leaf.NotAfter)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		part, byte string
		want       int
	}{
		{"header", "0", 0},
		{"chain", "1", bytes.Index(before, sound.Chain[0].Raw) + 1},
		{"hwid", "19", leaf + bytes.Index(sound.Leaf.Raw, sound.HardwareID[:]) + 19},
		{"dates", "15", leaf + bytes.LastIndex(sound.Leaf.Raw, dates)},
		{"signature", "0", len(before) - len(sound.Leaf.Signature) - 2}, // the rest is an empty set of signers
	} {
		code, stdout, stderr := tsclient(t, "damage", "--state", dir, "--part", tt.part, "--byte", tt.byte)
		if want := fmt.Sprintf("spoiled byte %d of the license", tt.want); code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("%s: exit %d, want %q: %s%s", tt.part, code, want, stdout, stderr)
		}
		spoiled := license()
		for n := range before {
			if (spoiled[n] != before[n]) != (n == tt.want) {
				t.Errorf("%s: byte %d is %02x, was %02x", tt.part, n, spoiled[n], before[n])
			}
		}
		if code, _, stderr := tsclient(t, "damage", "--state", dir, "--byte", fmt.Sprint(tt.want)); code != 0 || !bytes.Equal(license(), before) {
			t.Errorf("%s is not mended: exit %d: %s", tt.part, code, stderr)
		}
	}
}

// TestNoSuchPart: what is not found in a license is not spoiled.
func TestNoSuchPart(t *testing.T) {
	dir, _ := stored(t)
	s, err := client.OpenWindowsStore(dir)
	if err != nil || len(s.Licenses()) == 0 {
		t.Fatalf("%v", err)
	}
	license := s.Licenses()[0].License
	sound, err := token.Parse(license)
	if err != nil {
		t.Fatal(err)
	}
	date, err := asn1.Marshal(sound.Leaf.NotBefore)
	if err != nil {
		t.Fatal(err)
	}
	other := *sound
	other.HardwareID[0] ^= 1
	for _, tt := range []struct {
		license []byte
		token   *token.Token
		part    string
		found   bool
	}{
		{license, sound, "hwid", true}, {license, &other, "hwid", false}, {license, &other, "header", true},
		{sound.Leaf.Raw, sound, "header", false}, {sound.Leaf.Raw, sound, "chain", false}, {sound.Leaf.Raw, sound, "dates", false},
		{sound.Chain[0].Raw, sound, "chain", false}, {nil, sound, "signature", false},
	} {
		_, _, err := find(tt.license, tt.token, date, tt.part)
		if (err == nil) != tt.found || err != nil && !strings.Contains(err.Error(), "the license has no such part: "+tt.part) {
			t.Errorf("%s in %d bytes: %v", tt.part, len(tt.license), err)
		}
	}
	if _, _, err := find(license, sound, []byte("no date"), "dates"); err == nil {
		t.Error("found a date that is not there")
	}
}

// TestDamage: a license is spoiled and mended, or another maker's comes in its place.
func TestDamage(t *testing.T) {
	dir, _ := stored(t)
	first := func() []byte {
		t.Helper()
		s, err := client.OpenWindowsStore(dir)
		if err != nil || len(s.Licenses()) == 0 {
			t.Fatalf("%v", err)
		}
		return s.Licenses()[0].License
	}
	before := first()
	for n, args := range [][]string{{"--byte", "100"}, {"--byte", "100"}, {"--foreign"}} {
		if code, _, stderr := tsclient(t, append([]string{"damage", "--state", dir}, args...)...); code != 0 {
			t.Fatalf("%v: exit %d: %s", args, code, stderr)
		}
		var foreign *token.ForeignError
		_, err := token.Parse(first())
		if bytes.Equal(first(), before) != (n == 1) || errors.As(err, &foreign) != (n == 2) {
			t.Errorf("%d, %v: %v", n, args, err)
		}
	}
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"nothing wanted": {[]string{"--state", dir}, 2},
		"both":           {[]string{"--state", dir, "--byte", "1", "--foreign"}, 2},
		"too far":        {[]string{"--state", dir, "--byte", "100000"}, 2},
		"no such part":   {[]string{"--state", dir, "--part", "foot"}, 1},
		"no store":       {[]string{"--state", t.TempDir(), "--foreign"}, 3},
	} {
		if code, _, stderr := tsclient(t, append([]string{"damage"}, c.args...)...); code != c.code {
			t.Errorf("%s: exit %d, want %d: %s", name, code, c.code, stderr)
		}
	}
}
