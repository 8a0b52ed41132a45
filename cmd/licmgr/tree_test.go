package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/tsls"
)

// forestOf is a license server with a key pack of each kind, and one that is bare.
func forestOf() []shown {
	number := func(n uint32) *uint32 { return &n }
	id := "LAB-A6-FTMPY-6EC4K-3W3EF-WRZZR-DX3M3-RTEM3"
	pack := strings.Replace(id, "A6", "KH", 1)
	installed, end := day, day.AddDate(0, 0, 90)
	return []shown{
		{
			Server: server{Name: "LS1", Address: "10.11.12.13:3343", ServerID: id, Edition: "w2k-sp3", Scope: "enterprise", Activated: true},
			KeyPacks: []keyPack{
				{Kind: "built-in", Product: "Windows 2000", Issued: 3},
				{Kind: "temporary", Product: "Windows 2000", Issued: 1},
				{ID: pack, Kind: "CAL", Product: "Windows 2000", Program: "Open License", Total: number(1000000), Available: number(999999), Issued: 1, Installed: &installed},
				{ID: pack + "x", Kind: "Internet Connector", Product: "Windows 2000", Program: "Select", Total: number(1), Available: number(1), Installed: &installed},
			},
			Tokens: []license{
				{LicenseID: "LAB-ABCDE-0000001", KeyPackID: pack, Kind: "CAL", Product: "Windows 2000", State: "active", Machine: "PC-1", Issued: day, Expires: &end},
				{LicenseID: "LAB-ABCDE-0000002", Kind: "temporary", Product: "Windows 2000", State: "active", Validated: true, Machine: "A-VERY-LONG-NAME-\x1b[2J", Issued: day, Expires: &end},
				{LicenseID: "LAB-ABCDE-0000003", Kind: "built-in", Product: "Windows 2000", State: "active", User: "amy", Issued: day},
			},
		},
		{Server: server{Name: "LS2", Address: "10.11.12.14:3343", Edition: "ws2003", Scope: "domain"}, KeyPacks: []keyPack{}},
	}
}

const forestText = `All servers
├─ LS1  10.11.12.13:3343  activated, w2k-sp3, enterprise
│  │  LAB-A6-FTMPY-6EC4K-3W3EF-WRZZR-DX3M3-RTEM3
│  ├─ Existing Windows 2000 License
│  │  │  Total unlimited  Available unlimited  Issued 3
│  │  └─ LAB-ABCDE-0000003  active      amy             2003-03-03
│  ├─ Temporary Licenses for Windows 2000 Terminal Services Client Access
│  │  License
│  │  │  Total unlimited  Available unlimited  Issued 1
│  │  └─ LAB-ABCDE-0000002  validated   A-VERY-LONG-N…  2003-03-03 - 2003-06-01
│  ├─ Windows 2000 Terminal Services Client Access License
│  │  │  Total 1000000    Available 999999     Issued 1
│  │  │  CAL, Open License, since 2003-03-03
│  │  │  LAB-KH-FTMPY-6EC4K-3W3EF-WRZZR-DX3M3-RTEM3
│  │  └─ LAB-ABCDE-0000001  active      PC-1            2003-03-03 - 2003-06-01
│  └─ Windows 2000 Terminal Services Internet Connector License
│        Total 1          Available 1          Issued 0
│        Internet Connector, Select, since 2003-03-03
│        LAB-KH-FTMPY-6EC4K-3W3EF-WRZZR-DX3M3-RTEM3x
└─ LS2  10.11.12.14:3343  not activated, ws2003, domain
`

// TestTree: All servers, their key packs by the names of the era with Total, Available
// and Issued, and the tokens with their status; in 80 columns.
//
// proves R32, R77, R135
func TestTree(t *testing.T) {
	var b strings.Builder
	if err := printTree(&b, forestOf(), true); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(forestText, b.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	var flat strings.Builder
	if err := forestOf()[0].print(&flat, true); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(b.String()+flat.String(), "\n") {
		if n := utf8.RuneCountInString(line); n > tscli.Width {
			t.Errorf("%d columns: %s", n, line)
		}
		if strings.Contains(line, "\x1b") {
			t.Errorf("a device's name commands the terminal: %q", line)
		}
	}
	b.Reset()
	if err := printTree(&b, forestOf(), false); err != nil || strings.Contains(b.String(), "LAB-ABCDE") {
		t.Errorf("tokens that nobody asked for: %v\n%s", err, b.String())
	}
}

// TestSeveralServers: what is named is asked, a dead one costs its own lines and the
// exit status.
func TestSeveralServers(t *testing.T) {
	d := newDesk(t)
	second := startServer(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := l.Addr().String()
	l.Close()
	code, stdout, stderr := d.run("show", "--server", second, "--server", gone, "--json")
	var got forest
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%s: %v", stdout, err)
	}
	if code != tscli.CodeRefused || len(got.Servers) != 2 || got.Servers[0].Server.Address != d.server || got.Servers[1].Server.Address != second ||
		len(got.Failed) != 1 || got.Failed[0].Server != gone || !strings.Contains(stderr, gone) {
		t.Errorf("exit %d, %+v, %s", code, got, stderr)
	}
	if code, stdout, stderr = d.run("show", "--tree"); code != 0 || !strings.HasPrefix(stdout, "All servers\n└─ LS1  "+d.server) || stderr != "" {
		t.Errorf("exit %d, %s%s", code, stdout, stderr)
	}
}

// TestCheck: tokens of two license servers for one device are told once, with what to
// do; nothing to tell is the exit status 3.
func TestCheck(t *testing.T) {
	d := newDesk(t)
	second := newDeskOf(t, "LS2", edition.W2KSP3())
	if code, _, stderr := d.run("check", "--server", second.server); code != tscli.CodeNothing || !strings.Contains(stderr, "nothing to tell") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	for _, one := range []*desk{d, second} {
		if _, err := one.dial().Call(t.Context(), tsls.Allocate{Request: tsls.RequestTemp, HardwareID: hwid.New(0x04000201, [16]byte{7}), Machine: "PC-7",
			Mode: "device", Edition: "w2k-sp3", Features: tsls.FeatureMark | tsls.FeatureExpiry}); err != nil {
			t.Fatal(err)
		}
	}
	code, stdout, stderr := d.run("check", "--server", second.server)
	if code != 0 || stderr != "" || !strings.Contains(stdout, "temporary tokens of the device") || !strings.Contains(stdout, "Nothing needs to be done") {
		t.Errorf("exit %d, %s%s", code, stdout, stderr)
	}
	for _, line := range strings.Split(stdout, "\n") {
		if utf8.RuneCountInString(line) > tscli.Width {
			t.Errorf("too wide: %s", line)
		}
	}
	_, stdout, _ = d.run("check", "--server", second.server, "--json")
	var got checked
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || len(got.Findings) != 1 || got.Findings[0].Kind != "two-temporary" || len(got.Findings[0].Tokens) != 2 || got.Failed == nil {
		t.Errorf("%s: %v", stdout, err)
	}
}

// TestPack: a key pack document is shown after its signature was checked.
//
// proves R13, R161
func TestPack(t *testing.T) {
	d := newDesk(t)
	s := d.activate(false)
	p := d.pack("pack.txt", s.ServerID, 25)
	want := fmt.Sprintf("Key Pack ID        %s\nLicense Server ID  %s\nLicenses           25 x CAL\nProduct            Windows 2000 (5.0)\nProgram            Open License\nIssued             2003-03-03\nSigned by          Lab Clearinghouse\n", p.PackID, s.ServerID)
	if out := d.must("pack", "@/pack.txt"); out != want {
		t.Errorf("%s\nwant\n%s", out, want)
	}
	d.write("root.pem", clearinghouse.EncodeRoot(d.house.Root()))
	var got dumped
	if err := json.Unmarshal([]byte(d.must("pack", "@/pack.txt", "--roots", "@/root.pem", "--json")), &got); err != nil || got.Count != 25 || got.PackID != p.PackID || !got.Issued.Equal(day.Truncate(time.Second)) {
		t.Errorf("%+v, %v", got, err)
	}
	text, err := os.ReadFile(d.path("pack.txt"))
	if err != nil {
		t.Fatal(err)
	}
	d.write("more.txt", []byte(strings.Replace(string(text), "25", "99", 1)))
	d.refused("more.txt: key pack", "pack", "@/more.txt")
	d.write("other.pem", clearinghouse.EncodeRoot(newDesk(t).house.Root()))
	d.refused("pack.txt: key pack", "pack", "@/pack.txt", "--roots", "@/other.pem")
	d.refused("has no certificate in PEM", "pack", "@/pack.txt", "--roots", "@/pack.txt")
	bare := newDesk(t)
	bare.write("pack.txt", text)
	bare.refused("name one with --roots", "pack", "@/pack.txt")
}

// TestAssign: nobody gives out tokens by hand.
//
// proves R3
func TestAssign(t *testing.T) {
	code, stdout, stderr := newDesk(t).run("assign", "PC-1", "--count", "3")
	if code != tscli.CodeUsage || stdout != "" || !strings.Contains(stderr, "to nobody by hand") {
		t.Errorf("exit %d, %s%s", code, stdout, stderr)
	}
}
