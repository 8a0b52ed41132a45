package licensing_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tslab/tslab/internal/cursor"
	"github.com/tslab/tslab/wire/licensing"
)

// unhex reads hexadecimal digits with spaces between them.
func unhex(t testing.TB, parts ...string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(strings.Join(parts, "")), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func filled(n int, c byte) []byte { return bytes.Repeat([]byte{c}, n) }

var (
	zeros32 = strings.Repeat("00", 32)
	ones32  = strings.Repeat("11", 32)
	mac     = strings.Repeat("aa", 16)
)

type row struct {
	name    string
	message licensing.Message
	flags   licensing.Flags
	hex     string
}

func table() []row {
	keys := licensing.ClientKeys{
		KeyExchange: licensing.KeyExchangeRSA, PlatformID: 0x04010000,
		ClientRandom: [32]byte(filled(32, 0x11)), EncryptedPremaster: []byte{1, 2, 3},
	}
	keysHex := "01000000 00000104" + ones32 + "0200 0300 010203"
	sealed := licensing.SealedLicense{EncryptedLicenseInfo: []byte{5, 6}, MAC: [16]byte(filled(16, 0xaa))}
	return []row{
		{"license request", &licensing.LicenseRequest{
			ServerRandom: [32]byte(filled(32, 0x11)),
			Product:      licensing.ProductInfo{Version: 0x00050002, Company: "Lb", Product: "P"},
			KeyExchange:  []uint32{licensing.KeyExchangeRSA}, ServerCertificate: []byte{7, 8},
			Scopes: []string{"a.b", ""},
		}, licensing.Version3, "01 03 5900" + ones32 + "02000500 06000000 4c0062000000 04000000 50000000" +
			"0d00 0400 01000000 0300 0200 0708 02000000 0e00 0400 612e6200 0e00 0100 00"},
		{"license request, nothing in it", &licensing.LicenseRequest{}, licensing.Version2,
			"01 02 4000" + zeros32 + "00000000 02000000 0000 02000000 0000 0d00 0000 0300 0000 00000000"},
		{"new license request", &licensing.NewLicenseRequest{ClientKeys: keys, User: "lab", Machine: "PC"},
			licensing.Version3 | licensing.ExtendedError, "13 83 4200" + keysHex + "0f00 0400 6c616200 1000 0300 504300"},
		{"new license request, Latin-1 name", &licensing.NewLicenseRequest{ClientKeys: keys, Machine: "é"},
			licensing.Version3, "13 03 3e00" + keysHex + "0f00 0100 00 1000 0200 e900"},
		{"license info", &licensing.LicenseInfo{ClientKeys: keys, License: []byte{9}, EncryptedHWID: []byte{4, 4}, MAC: [16]byte(filled(16, 0xaa))},
			licensing.Version3, "12 03 4e00" + keysHex + "0100 0100 09 0900 0200 0404" + mac},
		{"platform challenge", &licensing.PlatformChallenge{EncryptedChallenge: []byte{1, 2}, MAC: [16]byte(filled(16, 0xaa))},
			licensing.Version3, "02 03 1e00 00000000 0900 0200 0102" + mac},
		{"platform challenge response", &licensing.PlatformChallengeResponse{EncryptedResponse: []byte{1}, EncryptedHWID: []byte{2}, MAC: [16]byte(filled(16, 0xaa))},
			licensing.Version3, "15 03 1e00 0900 0100 01 0900 0100 02" + mac},
		{"new license", &licensing.NewLicense{SealedLicense: sealed}, licensing.Version3, "03 03 1a00 0900 0200 0506" + mac},
		{"upgrade license", &licensing.UpgradeLicense{SealedLicense: sealed}, licensing.Version3, "04 03 1a00 0900 0200 0506" + mac},
		{"valid client", licensing.ValidClient(), licensing.Version3, "ff 03 1000 07000000 02000000 0400 0000"},
		{"abort with a reason", &licensing.ErrorAlert{Code: licensing.InvalidMAC, Transition: licensing.TotalAbort, Info: []byte("x")},
			licensing.Version3, "ff 03 1100 03000000 01000000 0400 0100 78"},
	}
}

func TestMessagesBothWays(t *testing.T) {
	for _, r := range table() {
		t.Run(r.name, func(t *testing.T) {
			want := unhex(t, r.hex)
			if diff := cmp.Diff(want, licensing.Append(nil, r.message, r.flags)); diff != "" {
				t.Errorf("Append: -want +got\n%s", diff)
			}
			if got := licensing.Append([]byte("before"), r.message, r.flags); !bytes.Equal(got, append([]byte("before"), want...)) {
				t.Errorf("Append behind something: %x", got)
			}
			got, err := licensing.Parse(want)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(r.message, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("Parse: -want +got\n%s", diff)
			}
		})
	}
}

func TestErrorAtEveryTruncation(t *testing.T) {
	for _, r := range table() {
		whole := unhex(t, r.hex)
		for n := range whole {
			m, err := licensing.Parse(whole[:n])
			if !errors.Is(err, cursor.ErrTruncated) {
				t.Errorf("%s cut to %d of %d bytes: %v, %v", r.name, n, len(whole), m, err)
			}
		}
	}
}

func TestTolerance(t *testing.T) {
	alert := "07000000 02000000 0400 0000"
	for name, c := range map[string]struct {
		hex string
		ok  bool
	}{
		"wMsgSize 4 too large":          {"ff 03 1400" + alert, true},
		"wMsgSize 0, trailing bytes":    {"ff 03 0000" + alert + "0000", true},
		"wMsgSize exact, a byte behind": {"ff 03 1000" + alert + "55", true},
		"trailing byte within wMsgSize": {"ff 03 1100" + alert + "55", false},
		"any type of an empty blob":     {"ff 03 1000 07000000 02000000 2814 0000", true},
		"a challenge of type 0xF750":    {"02 03 1e00 ffffffff 50f7 0200 0102" + mac, true},
		"unknown type":                  {"05 03 0400", false},
		"type of the other direction":   {"14 03 0400", false},
		"list of 3 bytes":               {"01 02 3f00" + zeros32 + "00000000 02000000 0000 02000000 0000 0d00 0300 010000 0300 0000 00000000", false},
		"odd UTF-16":                    {"01 02 3d00" + zeros32 + "00000000 03000000 000000 02000000 0000 0d00 0000 0300 0000 00000000", false},
		"text without a NUL":            {"01 02 3c00" + zeros32 + "00000000 02000000 4100 02000000 0000 0d00 0000 0300 0000 00000000", true},
		"company of 4 GB":               {"01 02 3c00" + zeros32 + "00000000 ffffffff 0000 02000000 0000 0d00 0000 0300 0000 00000000", false},
		"4 billion scopes":              {"01 02 3c00" + zeros32 + "00000000 02000000 0000 02000000 0000 0d00 0000 0300 0000 ffffffff", false},
	} {
		m, err := licensing.Parse(unhex(t, c.hex))
		if (err == nil) != c.ok || (err != nil) == (m != nil) {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
	var unknown *licensing.UnknownTypeError
	if _, err := licensing.Parse([]byte{5, 3, 4, 0}); !errors.As(err, &unknown) || unknown.Type != 5 {
		t.Errorf("unknown type: %v", err)
	}
}

func TestErrorsNameTheField(t *testing.T) {
	whole := unhex(t, table()[0].hex)
	_, err := licensing.Parse(whole[:len(whole)-1])
	for _, part := range []string{"LICENSE_REQUEST", "Scope", "offset"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %s", err, part)
		}
	}
}

func TestWhatCannotBeWrittenIsReplaced(t *testing.T) {
	m, err := licensing.Parse(licensing.Append(nil, &licensing.NewLicenseRequest{User: "Ωmega", Machine: "a\x00b"}, licensing.Version3))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.(*licensing.NewLicenseRequest); got.User != "?mega" || got.Machine != "a" {
		t.Errorf("user %q on %q", got.User, got.Machine)
	}
}

func TestNames(t *testing.T) {
	for _, r := range table() {
		if name := r.message.Type().String(); strings.Contains(name, "0x") {
			t.Errorf("%s has no name: %s", r.name, name)
		}
	}
	for want, got := range map[string]interface{ String() string }{
		"licensing message 0x42": licensing.Type(0x42), "error code 0x5": licensing.Code(5), "state transition 9": licensing.Transition(9),
		"state 99": licensing.State(99), "response form 9": licensing.ResponseForm(9), "0x04010000": licensing.Platform(0x04010000),
		"ERR_NO_LICENSE_SERVER": licensing.NoLicenseServer, "ST_TOTAL_ABORT": licensing.TotalAbort, "echo": licensing.FormEcho,
	} {
		if got.String() != want {
			t.Errorf("%q, want %q", got.String(), want)
		}
	}
}

func TestPlatform(t *testing.T) {
	for p, want := range map[licensing.Platform][2]bool{
		licensing.OSNT5 | licensing.ISVMicrosoft | 2195:                         {true, false},
		licensing.OSNT5 | licensing.ISVMicrosoft | licensing.HomeEdition | 2600: {false, false},
		0x04010000: {false, false}, // FreeRDP
		0x02010000: {false, false}, // rdesktop that shows a license
		0xFF010000: {false, false}, // rdesktop that shows none
		licensing.OSMacintosh | licensing.ISVMicrosoft: {false, true},
	} {
		if p.IsProfessional() != want[0] || p.IsMacintosh() != want[1] {
			t.Errorf("%v: professional %t, Macintosh %t", p, p.IsProfessional(), p.IsMacintosh())
		}
	}
}
