package tsls

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/cursor"
	"github.com/tslab/tslab/wire/hwid"
)

var (
	day    = time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC) // 3e631990
	device = hwid.New(0x04000201, [16]byte{0xa0, 15: 0xaf})
)

// messages is every message with its bytes.
func messages() []struct {
	m    Message
	wire string
} {
	dev := "01020004a00000000000000000000000000000af"
	return []struct {
		m    Message
		wire string
	}{
		{Hello{Version: 1, Features: FeatureMark | FeatureExpiry, Program: "termsrv", Name: "TS1", Edition: "w2k-sp3"},
			"01 0100 03000000 0700 7465726d737276 0300 545331 0700 77326b2d737033"},
		{Ping{}, "02"},
		{Allocate{Request: RequestCAL, Presented: ClassTemporary, LicenseID: "L", Issuer: "I", Expires: day, HardwareID: device,
			PlatformID: 0x04000201, Machine: "M", User: "U", Domain: "D", Mode: "m", Edition: "e", Features: FeatureExpiry,
			ViaDefault: true, Final: true, Failed: []string{"F", ""}, Hops: 2, ReferredBy: "R", Validated: true},
			"03 01 06 0100 4c 0100 49 9019633e00000000" + dev + "01020004 0100 4d 0100 55 0100 44 0100 6d 0100 65 02000000" +
				"01 01 0200 0100 46 0000 02 0100 52 01"},
		{Allocate{Request: RequestInternetConnector, Presented: ClassBuiltIn},
			"03 05 08 0000 0000 0000000000000000" + strings.Repeat("00", 20) + "00000000 0000 0000 0000 0000 0000 00000000 00 00 0000 00 0000 00"},
		{Mark{LicenseID: "L", HardwareID: device, Issuer: "I", Machine: "M", User: "U", Expires: day},
			"04 0100 4c" + dev + "0100 49 0100 4d 0100 55 9019633e00000000"},
		{Return{LicenseID: "L", HardwareID: device}, "05 0100 4c" + dev},
		{Inquire{LicenseID: "L", HardwareID: device}, "06 0100 4c" + dev},
		{Close{HardwareID: device, Machine: "M", LicenseID: "L", Server: "S"}, "07" + dev + "0100 4d 0100 4c 0100 53"},
		{GetActivationRequest{Company: "F", Contact: "C", Email: "E", Country: "\u00d6"}, "10 0100 46 0100 43 0100 45 0200 c396"},
		{Activate{Document: []byte("doc")}, "11 03000000 646f63"},
		{InstallKeyPack{Document: []byte("doc")}, "12 03000000 646f63"},
		{KeyPacks{}, "13"},
		{Licenses{After: "L", Limit: 500}, "14 0100 4c f401"},
		{ActivateByNumber{"S"}, "15 0100 53"},
		{InstallByNumber{"P"}, "16 0100 50"},
		{GetOrder{[]string{"a=b", "c"}}, "17 0200 0300 613d62 0100 63"},
		{Automatic{"o", []string{"a=b"}}, "18 0100 6f 0100 0300 613d62"},
		{Deactivate{"D"}, "19 0100 44"},
		{Order{Document: []byte("doc")}, "97 03000000 646f63"},
		{Peers{}, "08"},
		{ServerInfo{Version: 1, Features: FeatureMark, Name: "N", ServerID: "S", Edition: "e", Scope: "s", Activated: true, CALIssuedEver: true,
			PerUserPack: true, Certificates: [][]byte{{1}, {2, 3}}, Roots: [][]byte{{4}}, Site: "O", Proof: []byte{5}},
			"81 0100 01000000 0100 4e 0100 53 0100 65 0100 73 01 01 01 0200 01000000 01 02000000 0203 0100 01000000 04 0100 4f 01000000 05"},
		{Allocated{Answer: AnswerRefer, License: []byte{9}, Referrals: []Referral{{Name: "N", ServerID: "S", Address: "A", Validated: true}},
			Validated: true, CALIssuedEver: true, Features: FeatureExpiry, Former: [][]byte{{7}}, Reason: "L5"},
			"83 07 01000000 09 0100 0100 4e 0100 53 0100 41 01 01 01 02000000 0100 01000000 07 0200 4c35"},
		{Marked{Created: true}, "84 01"},
		{Returned{Freed: true}, "85 01"},
		{Inquired{Known: true, Validated: true}, "86 01 01"},
		{Closed{Closed: true}, "87 01"},
		{ActivationRequest{Document: []byte("doc")}, "90 03000000 646f63"},
		{KeyPackInstalled{KeyPackInfo{ID: "P", Kind: "CAL", Product: "W", Program: "O", Total: 10, Issued: 3, Available: 7, Installed: day}},
			"92 0100 50 0300 43414c 0100 57 0100 4f 0a000000 03000000 07000000 9019633e00000000"},
		{KeyPackList{[]KeyPackInfo{{Kind: "b", Total: Unlimited, Available: Unlimited}}},
			"93 0100 0000 0100 62 0000 0000 ffffffff 00000000 ffffffff 0000000000000000"},
		{LicenseList{[]LicenseInfo{{LicenseID: "L", KeyPackID: "P", Kind: "k", Product: "W", State: "s", HardwareID: device, Machine: "M",
			User: "U", Issuer: "I", Issued: day, Expires: day, Validated: true}}, true},
			"94 0100 0100 4c 0100 50 0100 6b 0100 57 0100 73" + dev + "0100 4d 0100 55 0100 49 9019633e00000000 9019633e00000000 01 01"},
		{PeerList{day, "g", []PeerInfo{{Name: "N", ServerID: "S", Address: "A", Edition: "e", Scope: "s", Site: "t", Activated: true,
			Seen: true, Doubted: true, Heard: day, Pools: []PoolInfo{{Kind: "CAL", Major: 5, Minor: 2, Total: 9, Available: 8}}}}},
			"88 9019633e00000000 0100 67 0100 0100 4e 0100 53 0100 41 0100 65 0100 73 0100 74 01 01 01 9019633e00000000" +
				"0100 0300 43414c 0500 0200 09000000 08000000"},
		{Error{CodeBusy, "b"}, "ff 0500 0100 62"},
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTwoWay(t *testing.T) {
	seen := map[Type]bool{}
	for _, tt := range messages() {
		seen[tt.m.Type()] = true
		wire := unhex(t, tt.wire)
		b, err := Append([]byte("before"), tt.m)
		if err != nil {
			t.Errorf("Append(%+v): %v", tt.m, err)
			continue
		}
		if diff := cmp.Diff(append([]byte("before"), wire...), b); diff != "" {
			t.Errorf("Append(%+v) (-want +got):\n%s", tt.m, diff)
		}
		m, err := Parse(wire)
		if err != nil {
			t.Errorf("Parse(%s): %v", tt.wire, err)
			continue
		}
		if diff := cmp.Diff(tt.m, m); diff != "" {
			t.Errorf("Parse(%s) (-want +got):\n%s", tt.wire, diff)
		}
	}
	for i := range 256 {
		if m := blank(Type(i)); m != nil && !seen[Type(i)] {
			t.Errorf("%v is not in the table", Type(i))
		}
	}
}

// TestTypes holds blank and Type together: a message's type makes that message.
func TestTypes(t *testing.T) {
	for _, tt := range messages() {
		typ := tt.m.Type()
		if got := blank(typ); got == nil || got.Type() != typ {
			t.Errorf("blank(0x%02x) = %T", uint8(typ), got)
		}
		if want := typ < 0x80; typ.IsRequest() != want {
			t.Errorf("%v.IsRequest() = %v", typ, !want)
		}
	}
	if got, want := TypeKeyPackList.String(), "KeyPackList"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
	if got, want := Type(0x7f).String(), "message type 0x7f"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}

func TestTruncated(t *testing.T) {
	for _, tt := range messages() {
		wire := unhex(t, tt.wire)
		for i := range wire {
			if m, err := Parse(wire[:i]); !errors.Is(err, cursor.ErrTruncated) {
				t.Errorf("%v cut to %d of %d bytes: %+v, %v", tt.m.Type(), i, len(wire), m, err)
			}
		}
		if m, err := Parse(append(wire, 0)); !errors.Is(err, cursor.ErrTrailing) {
			t.Errorf("%v and a byte: %+v, %v", tt.m.Type(), m, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ name, wire, want string }{
		{"nothing", "", "truncated"},
		{"unknown type", "7f", "unknown message type 0x7f"},
		{"request 0", "03 00", "Allocate: request at offset 2: 0 is none of 1..5"},
		{"request 6", "03 06", "Allocate: request at offset 2: 6 is none of 1..5"},
		{"class 9", "03 01 09", "Allocate: presented at offset 3: 9 is none of 0..8"},
		{"answer 13", "83 0d", "Allocated: answer at offset 2: 13 is none of 1..12"},
		{"bool 2", "84 02", "Marked: created at offset 2: 2 is none of 0..1"},
		{"version 0", "81 0000", "ServerInfo: version at offset 3: there is no version 0"},
		{"long text", "14 0104", "Licenses: after at offset 3: text is longer than 1024 bytes"},
		{"no UTF-8", "14 0100 ff 0000", "Licenses: after at offset 4: text is not UTF-8"},
		{"long page", "14 0000 f501", "Licenses: limit at offset 5: more than 500"},
		{"long blob", "11 01000100", "Activate: document at offset 5: more than 65536 bytes"},
		{"long list", "93 0104", "KeyPackList: packs at offset 3: more than 1024 elements"},
		{"before 1970", "04 0000" + strings.Repeat("00", 20) + "0000 0000 0000 ffffffffffffffff", "Mark: expires at offset 37: -1 is no second"},
		{"year 10000", "04 0000" + strings.Repeat("00", 20) + "0000 0000 0000 8041f4ff3a000000", "Mark: expires at offset 37: 253402300800"},
	} {
		m, err := Parse(unhex(t, tt.wire))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %+v, %v; want %q", tt.name, m, err, tt.want)
		}
	}
	if _, err := Parse(make([]byte, MaxMessage+1)); err == nil || !strings.Contains(err.Error(), "at most 1048576") {
		t.Errorf("huge message: %v", err)
	}
}

func TestAppendRefuses(t *testing.T) {
	long := strings.Repeat("x", MaxText+1)
	for _, tt := range []struct {
		name string
		m    Message
		want string
	}{
		{"no request", Allocate{}, "Allocate: request: 0 is none of 1..5"},
		{"long text", Return{LicenseID: long}, "Return: license id: text is longer than 1024 bytes"},
		{"very long text", Return{LicenseID: strings.Repeat(long, 100)}, "Return: license id: text is longer"},
		{"no UTF-8", Return{LicenseID: "\xff"}, "Return: license id: text is not UTF-8"},
		{"long blob", Activate{Document: make([]byte, MaxBlob+1)}, "Activate: document: more than 65536 bytes"},
		{"long list", Allocate{Request: 1, Failed: make([]string, MaxFailed+1)}, "Allocate: failed: more than 32 elements"},
		{"before 1970", Mark{Expires: time.Unix(-1, 0)}, "Mark: expires: -1 is no second"},
		{"page", Licenses{Limit: MaxLicenses + 1}, "Licenses: limit: more than 500"},
		{"whole message", ServerInfo{Certificates: blobs(MaxCertificates), Roots: blobs(MaxCertificates)}, "ServerInfo: message: 2097"},
	} {
		b, err := Append([]byte("before"), tt.m)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
		if string(b) != "before" {
			t.Errorf("%s: wrote %d bytes", tt.name, len(b))
		}
	}
}

func blobs(n int) [][]byte {
	list := make([][]byte, n)
	for i := range list {
		list[i] = make([]byte, MaxBlob)
	}
	return list
}

// TestVersions: the version is readable in every Hello, and nothing else is read of
// another version's.
func TestVersions(t *testing.T) {
	for _, tt := range []struct {
		wire string
		want Message
	}{
		{"01 0200 whatever", Hello{Version: 2}},
		{"01 ffff", Hello{Version: 0xffff}},
	} {
		m, err := Parse(unhex(t, strings.ReplaceAll(tt.wire, "whatever", "0badf00d")))
		if err != nil {
			t.Errorf("%s: %v", tt.wire, err)
		}
		if diff := cmp.Diff(tt.want, m); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.wire, diff)
		}
	}
	b, err := Append(nil, Hello{})
	if err != nil || !bytes.HasPrefix(b, []byte{1, Version, 0}) {
		t.Errorf("Append(Hello{}) = %x, %v", b, err)
	}
}

// FuzzParse: what parses is written again with the same bytes.
func FuzzParse(f *testing.F) {
	for _, tt := range messages() {
		f.Add(unhex(f, tt.wire))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		if h, ok := m.(Hello); ok && h.Version != Version {
			return // its fields are not read
		}
		again, err := Append(nil, m)
		if err != nil {
			t.Fatalf("Append(Parse(%x)): %v", b, err)
		}
		if !bytes.Equal(b, again) {
			t.Fatalf("%T: %x became %x", m, b, again)
		}
	})
}
