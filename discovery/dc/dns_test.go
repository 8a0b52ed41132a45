package dc

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestDig: the standard client finds what discovery looks for.
func TestDig(t *testing.T) {
	l := start(t, func(c *Config) {
		c.Records = []string{"dc2 A 10.0.0.9", "_ldap._tcp.dc._msdcs SRV 0 100 389 dc2", "ls1 AAAA fd00::7"}
	})
	for _, tt := range []struct {
		name string
		args []string
		want string // lines of +short
	}{
		{"A", []string{"+short", "dc1.corp.example"}, "127.0.0.1\n"},
		{"no case", []string{"+short", "DC2.Corp.Example", "A"}, "10.0.0.9\n"},
		{"AAAA", []string{"+short", "ls1.corp.example", "AAAA"}, "fd00::7\n"},
		{"PTR", []string{"+short", "-x", "127.0.0.1"}, "dc1.corp.example.\n"},
		{"domain controllers", []string{"+short", "_ldap._tcp.dc._msdcs.corp.example", "SRV"}, "0 100 389 dc1.corp.example.\n0 100 389 dc2.corp.example.\n"},
		{"of the site", []string{"+short", "_ldap._tcp.Oslo._sites.dc._msdcs.corp.example", "SRV"}, "0 100 389 dc1.corp.example.\n"},
		{"of another site", []string{"+short", "_ldap._tcp.bergen._sites.dc._msdcs.corp.example", "SRV"}, ""},
		{"by TCP", []string{"+short", "+tcp", "dc1.corp.example"}, "127.0.0.1\n"},
		{"without EDNS", []string{"+short", "+noedns", "dc1.corp.example"}, "127.0.0.1\n"},
		{"name server", []string{"+short", "corp.example", "NS"}, "dc1.corp.example.\n"},
	} {
		if got := l.dig(t, tt.args...); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{[]string{"_ldap._tcp.dc._msdcs.corp.example", "SRV"}, []string{"status: NOERROR", "flags: qr aa rd;", "dc2.corp.example.\t60\tIN\tA\t10.0.0.9"}},
		{[]string{"nobody.corp.example"}, []string{"status: NXDOMAIN", "SOA\tdc1.corp.example. hostmaster.corp.example."}},
		{[]string{"dc1.corp.example", "AAAA"}, []string{"status: NOERROR", "ANSWER: 0, AUTHORITY: 1"}},
		{[]string{"_tcp.dc._msdcs.corp.example"}, []string{"status: NOERROR", "ANSWER: 0, AUTHORITY: 1"}}, // a name between
		{[]string{"www.example.org"}, []string{"status: REFUSED"}},
		{[]string{"dc1.corp.example", "ANY"}, []string{"HINFO\t\"RFC8482\""}},
		{[]string{"dc1.corp.example", "TXT", "-c", "CH"}, []string{"status: REFUSED"}},
		{[]string{"+edns=1", "+noednsneg", "dc1.corp.example"}, []string{"status: BADVERS"}},
		{[]string{"+opcode=status", "dc1.corp.example"}, []string{"status: NOTIMP"}},
	} {
		out := l.dig(t, tt.args...)
		for _, want := range tt.want {
			if !strings.Contains(out, want) {
				t.Errorf("%v: no %q in\n%s", tt.args, want, out)
			}
		}
	}
	if out := l.dig(t, "corp.example", "AXFR"); !strings.Contains(out, "Transfer failed") {
		t.Errorf("the zone is given away:\n%s", out)
	}
}

// TestNsupdate: the standard client changes names, with the key for all and with a
// member's own.
func TestNsupdate(t *testing.T) {
	l := start(t, nil)
	admin := filepath.Join(l.dir, UpdateKeyName)
	m := l.join(t, host(t, "ts1"), "termsrv")
	own := keyFile(t, m.UpdateName, m.UpdateKey[:])
	for _, tt := range []struct {
		name, key, lines string
		want             string // in what nsupdate prints; empty: it is done
	}{
		{"add", admin, "update add ts9.corp.example 120 A 10.0.0.9", ""},
		{"add SRV", admin, "update add _ldap._tcp.dc._msdcs.corp.example 60 SRV 0 100 389 dc9.corp.example", ""},
		{"add by TCP", admin, "update add ts9.corp.example 120 AAAA fd00::9", ""},
		{"unsigned", "", "update add evil.corp.example 60 A 10.0.0.66", "REFUSED"},
		{"wrong key", keyFile(t, m.UpdateName, make([]byte, 32)), "update add ts1.corp.example 60 A 10.0.0.66", "BADSIG"},
		{"foreign key", keyFile(t, "ts1.other.example", m.UpdateKey[:]), "update add ts1.corp.example 60 A 10.0.0.66", "BADKEY"},
		{"own name", own, "update delete ts1.corp.example A\nupdate add ts1.corp.example 60 A 10.0.0.2", ""},
		{"own pointer", own, "update delete 2.0.0.10.in-addr.arpa PTR\nupdate add 2.0.0.10.in-addr.arpa 60 PTR ts1.corp.example", ""},
		{"another's name", own, "update add ts9.corp.example 60 A 10.0.0.66", "REFUSED"},
		{"another's deletion", own, "update delete ts9.corp.example", "REFUSED"},
		{"another's pointer", own, "update add 9.0.0.10.in-addr.arpa 60 PTR ts9.corp.example", "REFUSED"},
		{"service", own, "update add _ldap._tcp.dc._msdcs.corp.example 60 SRV 0 100 389 ts1.corp.example", "REFUSED"},
		{"other type", admin, "update add ts9.corp.example 60 TXT hello", "REFUSED"},
		{"other zone", admin, "zone example.org\nupdate add a.example.org 60 A 10.0.0.1", "NOTAUTH"},
		{"outside of the zone", admin, "zone corp.example\nupdate add a.example.org 60 A 10.0.0.1", "NOTZONE"},
		{"prerequisite holds", admin, "prereq yxrrset ts9.corp.example A 10.0.0.9\nupdate add ts9.corp.example 60 A 10.0.0.10", ""},
		{"no such set", admin, "prereq yxrrset ts9.corp.example A 10.0.0.9\nupdate add ts9.corp.example 60 A 10.0.0.11", "NXRRSET"},
		{"name is there", admin, "prereq nxdomain ts9.corp.example\nupdate add ts9.corp.example 60 A 10.0.0.11", "YXDOMAIN"},
		{"set is there", admin, "prereq nxrrset ts9.corp.example A\nupdate add ts9.corp.example 60 A 10.0.0.11", "YXRRSET"},
		{"name is not there", admin, "prereq yxdomain nobody.corp.example\nupdate add ts9.corp.example 60 A 10.0.0.11", "NXDOMAIN"},
		{"delete one", admin, "update delete ts9.corp.example A 10.0.0.9", ""},
		{"delete a name", admin, "update delete dc9.corp.example", ""},
	} {
		out, err := l.nsupdate(t, tt.key, tt.lines)
		if (err == nil) != (tt.want == "") || !strings.Contains(out, tt.want) {
			t.Errorf("%s: %v, %s; want %q", tt.name, err, out, tt.want)
		}
	}
	for _, tt := range []struct{ name, kind, want string }{
		{"ts9.corp.example", "A", "10.0.0.10\n"},
		{"ts9.corp.example", "AAAA", "fd00::9\n"},
		{"ts1.corp.example", "A", "10.0.0.2\n"},
		{"2.0.0.10.in-addr.arpa", "PTR", "ts1.corp.example.\n"},
		{"_ldap._tcp.dc._msdcs.corp.example", "SRV", "0 100 389 dc1.corp.example.\n0 100 389 dc9.corp.example.\n"},
		{"evil.corp.example", "A", ""},
	} {
		if got := l.dig(t, "+short", tt.name, tt.kind); got != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.name, tt.kind, got, tt.want)
		}
	}
	if texts := l.log.events(t, "name.refused"); len(texts) == 0 || !strings.Contains(strings.Join(texts, "\n"), "evil.corp.example.: update from 127.0.0.1 refused: the update is not signed") {
		t.Errorf("events %q", texts)
	}
	l.stop()
	again, err := openDirectory(l.dir)
	if err != nil || len(again.current.names["ts9.corp.example."][dns.TypeA]) != 1 {
		t.Errorf("after a restart: %v, %v", again.current.Records, err)
	}
}

// TestSignedAnswers: dig checks the signature of an answer to a signed question.
func TestSignedAnswers(t *testing.T) {
	l := start(t, nil)
	out := l.dig(t, "-k", filepath.Join(l.dir, UpdateKeyName), "dc1.corp.example")
	if !strings.Contains(out, "TSIG\thmac-sha256.") || strings.Contains(out, "verify") {
		t.Errorf("answer is not signed:\n%s", out)
	}
}

func keyFile(t *testing.T, name string, secret []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	text := fmt.Sprintf("key \"%s\" {\n algorithm hmac-sha256;\n secret \"%s\";\n};\n", strings.TrimSuffix(name, "."), base64.StdEncoding.EncodeToString(secret))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFaults: names that are not there on request, and names that no update reaches.
func TestFaults(t *testing.T) {
	l := start(t, nil)
	admin := filepath.Join(l.dir, UpdateKeyName)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(l.AddRecord("ts1 A 10.0.0.2"))
	check(l.SetHidden("ts1", true))
	if out := l.dig(t, "ts1.corp.example"); !strings.Contains(out, "status: NXDOMAIN") {
		t.Errorf("hidden:\n%s", out)
	}
	check(l.SetHidden("ts1", false))
	check(l.SetStale("ts1", true))
	for _, lines := range []string{"update delete ts1.corp.example", "update add ts1.corp.example 60 A 10.0.0.3"} {
		if out, err := l.nsupdate(t, admin, lines); err != nil {
			t.Errorf("a stale name takes every update: %v %s", err, out)
		}
	}
	if got := l.dig(t, "+short", "ts1.corp.example"); got != "10.0.0.2\n" {
		t.Errorf("stale: %q", got)
	}
	check(l.SetStale("ts1", false))
	if out, err := l.nsupdate(t, admin, "update delete ts1.corp.example"); err != nil {
		t.Errorf("%v %s", err, out)
	}
	if got := l.dig(t, "+short", "ts1.corp.example"); got != "" {
		t.Errorf("after the fault: %q", got)
	}
	if l.SetStale("a.example.org.", true) == nil {
		t.Error("a name of no zone here is stale")
	}
}
