package main

import (
	"os"
	"strings"
	"testing"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/codes"
	"github.com/tslab/tslab/wire/token"
)

// TestRefusedBeforeAnything: what is wrong is answered with its field and what to do,
// before a packet is sent: the license server that is named does not exist.
//
// proves R2, R75, R76, R134
func TestRefusedBeforeAnything(t *testing.T) {
	d := newDesk(t)
	o := newOffice(t, d.house)
	flags := func(p keypack.Program) map[string]string {
		args := o.buy(p, token.CAL, keypack.Products()[0], 3)
		m := map[string]string{}
		for i := 0; i+1 < len(args); i += 2 {
			m[args[i]] = args[i+1]
		}
		return m
	}
	open, sel, code := flags(keypack.OpenLicense), flags(keypack.Select), flags(keypack.LicenseCode)["--license-code"]
	number, auth, enrollment := open["--license-number"], open["--authorization-number"], sel["--enrollment-number"]
	pack := d.pack("pack.txt", d.activate(false).ServerID, 1)
	serverID, productID := pack.ServerID, codes.NewProductID([32]byte{1})
	swap := func(s string, i, j int) string {
		groups := strings.Split(s, "-")
		groups[i], groups[j] = groups[j], groups[i]
		return strings.Join(groups, "-")
	}
	d.write("binary", []byte{0, 1, 2, 0xff, 0xfe})
	d.write("empty", nil)
	d.write("huge", []byte(strings.Repeat("A", tscli.MaxInput)))
	d.write("reply.txt", []byte("operation: install\nserver-id: "+serverID+"\n"))
	d.write("bad-reply.txt", []byte("pack-id: "+swap(pack.PackID, 2, 3)+"\n"))
	d.server = "192.0.2.1:1"
	before := d.read("state")
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"activate --server-id", 2, "server-id"},
		{"activate --server-id LAB", 1, "server-id: it has 3 characters, not 35"},
		{"activate --server-id " + serverID[:len(serverID)-1], 1, "server-id: group 7 "},
		{"activate --server-id " + serverID + "A", 1, "server-id: group 7 "},
		{"activate --server-id " + swap(serverID, 2, 3), 1, "server-id: group"},
		{"activate --server-id " + strings.Replace(serverID, "LAB", "LAP", 1), 1, "server-id: it does not begin with LAB"},
		{"activate --server-id " + pack.PackID, 1, "server-id: this is a Key Pack ID"},
		{"activate --server-id " + productID, 1, "server-id: this is a Product ID"},
		{"activate --server-id LAB-A0-O1I", 1, "server-id: "},
		{"activate --server-id " + strings.Repeat("A", 5000), 1, "server-id: "},
		{"activate --file @/none", 1, "no such file"},
		{"activate --file @/empty", 1, "empty: document"},
		{"activate --file @/binary", 1, "binary: document"},
		{"activate --file @/huge", 1, "huge: document"},
		{"activate --file @/pack.txt", 1, "this is another document: KEY PACK"},
		{"activate --reply @/reply2.txt", 1, "no such file"},
		{"activate --reply @/empty", 1, "reply: the page has no line"},
		{"activate --reply @/binary", 1, "reply: the page has no line"},
		{"reactivate", 2, "--reason"},
		{"reactivate --reason x", 1, "reason: there is no reason \"x\"; choose one of redeployed"},
		{"reactivate --reason 0", 1, "reason: there is no reason"},
		{"install", 2, "--program"},
		{"install --program lease", 1, "program: there is no licensing program \"lease\"; choose one of license-code, open"},
		{"install --program select", 2, "--enrollment-number"},
		{"install --program open --license-number " + number, 2, "--authorization-number"},
		{"install --program open --license-number " + number + "7 --authorization-number " + auth + " -n 1", 1, "license-number: "},
		{"install --program open --license-number " + number[:len(number)-1] + " --authorization-number " + auth + " -n 1", 1, "license-number: "},
		{"install --program open --license-number " + auth + " --authorization-number " + number + " -n 1", 1, "license-number: "},
		{"install --program open --license-number " + number + " --authorization-number " + auth[:len(auth)-2] + " -n 1", 1, "authorization-number: group"},
		{"install --program select --enrollment-number 1234567 -n 1", 1, "enrollment-number: "},
		{"install --program select --enrollment-number " + enrollment, 2, "--count"},
		{"install --program select --enrollment-number " + enrollment + " -n 0", 1, "count: \"0\" is no number of licenses; give a number from 1"},
		{"install --program select --enrollment-number " + enrollment + " -n -3", 1, "count: \"-3\" is no number"},
		{"install --program select --enrollment-number " + enrollment + " -n 1e3", 1, "count: \"1e3\" is no number"},
		{"install --program select --enrollment-number " + enrollment + " -n 1000001", 1, "count: "},
		{"install --program select --enrollment-number " + enrollment + " -n 99999999999999999999", 1, "count: "},
		{"install --program select --enrollment-number " + enrollment + " -n 1 --kind server", 1, "kind: there are no licenses \"server\" in key packs; choose cal"},
		{"install --program select --enrollment-number " + enrollment + " -n 1 --product NT4", 1, "product: there is no product \"NT4\""},
		{"install --program select --enrollment-number " + enrollment + " -n 1 --license-code " + code, 1, "license-code: the program Select has no license code; leave it empty, or choose the program License Code"},
		{"install --program campus --enrollment-number " + enrollment + " --agreement-number LAB-1 -n 1", 1, "agreement-number: "},
		{"install --program school --agreement-number LAB-00000000 -n 1", 1, "agreement-number: "},
		{"install --program other --agreement-number x -n 1", 1, "agreement-number: "},
		{"install --program license-code --license-code " + code[:20], 1, "license-code: it has 16 characters, not 25"},
		{"install --program license-code --license-code " + swap(code, 1, 2), 1, "license-code: group"},
		{"install --program license-code --license-code " + swap(code, 2, 4), 1, "license-code: group"},
		{"install --program license-code --license-code " + serverID, 1, "license-code: this is a License Server ID"},
		{"install --license-code " + code + " --kind internet-connector", 1, "kind: Internet Connector licenses are not sold by the program License Code; choose Open License, Select or Enterprise"},
		{"install --license-code " + code + " --kind per-user", 1, "kind: the License Code stands for CAL licenses, not for Per User"},
		{"install --program campus --agreement-number " + flags(keypack.Campus)["--agreement-number"] + " -n 1 --kind internet-connector", 1, "kind: Internet Connector licenses are not sold"},
		{"install --pack-id " + serverID, 1, "pack-id: this is a License Server ID"},
		{"install --pack-id " + swap(pack.PackID, 4, 5), 1, "pack-id: group"},
		{"install --pack-id 7", 1, "pack-id: "},
		{"install --file @/binary", 1, "binary: document"},
		{"install --file @/huge", 1, "huge: document"},
		{"install --reply @/reply.txt", 1, "reply: the page has no line \"pack-id: ...\"; give the page"},
		{"install --reply @/bad-reply.txt", 1, "pack-id: group"},
		{"install extra", 2, "unexpected argument"},
		{"activate --set nothing", 1, ""}, // the license server is asked for its edition first, and is not there
		{"connection-method a b", 2, "unexpected argument"},
		{"properties --country Atlantis", 1, "country: the clearinghouse has no telephone in \"Atlantis\"; choose the nearest of"},
		{"properties --roots @/empty", 1, "has no certificate in PEM; write one with `clearinghouse root`"},
		{"properties --roots @/none", 1, "no such file"},
		{"pack", 2, "an argument is missing: FILE"},
		{"pack @/none", 1, "no such file"},
		{"assign PC-1", 2, "to nobody by hand"},
		{"wizard now", 2, "unexpected argument"},
	} {
		args := strings.Fields(tt.args)
		if strings.HasPrefix(tt.args, "activate --set") {
			args = append(args, "--timeout", "1ms")
		}
		code, stdout, stderr := d.run(args...)
		if code != tt.code || !strings.Contains(stderr, tt.want) || stdout != "" || strings.Count(strings.TrimSuffix(stderr, "\n"), "\n") > 1 {
			t.Errorf("licmgr %.120s: exit %d, %q, %.400q; want %d, %q", tt.args, code, stdout, stderr, tt.code, tt.want)
		}
		if tt.want != "" && strings.Contains(stderr, "192.0.2.1") {
			t.Errorf("licmgr %.120s: a packet was sent: %s", tt.args, stderr)
		}
	}
	if after := d.read("state"); after != before {
		t.Errorf("the tool's folder has changed:\n%s\n%s", before, after)
	}
	if _, err := o.house.Balance(); err != nil || o.asked != 0 {
		t.Errorf("%v; %d forms", err, o.asked)
	}
}

// read is all that lies in a folder.
func (d *desk) read(name string) string {
	d.t.Helper()
	var all strings.Builder
	entries, err := os.ReadDir(d.path(name))
	if err != nil {
		d.t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(d.path(name + "/" + e.Name()))
		if err != nil {
			d.t.Fatal(err)
		}
		all.WriteString(e.Name() + "\x00" + string(text) + "\x00")
	}
	return all.String()
}

// TestWizardRefuses: in the wizard nothing that is wrong goes further than its question.
func TestWizardRefuses(t *testing.T) {
	o := newOffice(t, newDesk(t).house)
	d := newDesk(t)
	d.house = o.house
	s := d.activate(false)
	code := o.buy(keypack.LicenseCode, token.CAL, keypack.Products()[0], 4)[3]
	slips := []string{"", "LAB", "LAB-C", strings.Repeat("X", 3000), "\x00\x01", s.ServerID, code[:len(code)-1], code + "7", strings.Replace(code, "-", "-A", 1), "quit"}
	answers := strings.Join(append(append([]string{"0", "8", "first", "1"}, slips...), code, "3", "Norway", "", "LAB-K", s.ServerID), "\n") + "\n"
	status, out, stderr := d.wizard(answers)
	if status != tscli.CodeRefused || !strings.Contains(stderr, "was ended") || strings.Count(out, "License Code (25") != len(slips)+1 {
		t.Errorf("exit %d, %s\n%s", status, stderr, out)
	}
	if len(d.show().KeyPacks) != 0 {
		t.Error("something was installed")
	}
	// The same call goes on with the number of the agent.
	said := d.must("install", "--method", "phone", "--country", "Norway", "--program", "license-code", "--license-code", code)
	d.must("install", "--pack-id", o.call(clearinghouse.OpInstall, said, "pack-id"))
}
