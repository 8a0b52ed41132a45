package licensing_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdpsec"
)

// vector is a message from a document or from a real peer, with what is known of it.
type vector struct {
	name     string
	bytes    []byte
	expected map[string]any
}

// vectors are those of testdata, and all licensing messages of the folder
// TSLAB_VECTORS when that is set.
func vectors(t testing.TB) []vector {
	t.Helper()
	patterns := []string{filepath.Join("testdata", "vectors", "*.hex")}
	if dir := os.Getenv("TSLAB_VECTORS"); dir != "" {
		patterns = append(patterns, filepath.Join(dir, "rdpele-*.hex"), filepath.Join(dir, "captured-*.hex"))
	}
	var all []vector
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: no vectors, %v", pattern, err)
		}
		for _, path := range paths {
			if v := readVector(t, path); v.expected["bMsgType"] != nil {
				all = append(all, v)
			}
		}
	}
	return all
}

func readVector(t testing.TB, path string) vector {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v := vector{name: strings.TrimSuffix(filepath.Base(path), ".hex")}
	if v.bytes, err = hex.DecodeString(strings.TrimSpace(string(text))); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	text, err = os.ReadFile(strings.TrimSuffix(path, ".hex") + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Expected map[string]any }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	v.expected = file.Expected
	return v
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.name, func(t *testing.T) {
			p, err := licensing.ParsePreamble(v.bytes)
			if err != nil {
				t.Fatal(err)
			}
			m, err := licensing.Parse(v.bytes)
			if err != nil {
				t.Fatal(err)
			}
			got := facts(m)
			got["bMsgType"], got["name"] = fmt.Sprintf("0x%02x", uint8(p.Type)), p.Type.String()
			got["flags"], got["wMsgSize"] = fmt.Sprintf("0x%02x", uint8(p.Flags)), fmt.Sprint(p.Size)
			for name, value := range got {
				want, stated := v.expected[name]
				if stated && expectation(want) != value {
					t.Errorf("%s: %s, want %s", name, value, expectation(want))
				}
				if !stated {
					t.Errorf("%s is not in the vector", name)
				}
			}
			if keys, ok := sessionKeys(t, v); ok {
				checkSealed(t, v, m, keys)
			}
			again, err := licensing.Parse(licensing.Append(nil, m, p.Flags))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(m, again); diff != "" {
				t.Errorf("written and read again: -want +got\n%s", diff)
			}
		})
	}
}

// TestVectorsByteForByte takes FreeRDP, which writes the blob types of the document.
func TestVectorsByteForByte(t *testing.T) {
	exact := 0
	for _, v := range vectors(t) {
		if !strings.HasPrefix(v.name, "captured-x2") {
			continue
		}
		exact++
		p, _ := licensing.ParsePreamble(v.bytes)
		m, err := licensing.Parse(v.bytes)
		if err != nil {
			t.Fatal(err)
		}
		got := licensing.Append(nil, m, p.Flags)
		if diff := cmp.Diff(v.bytes, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", v.name, diff)
		}
	}
	if exact < 5 {
		t.Errorf("%d vectors compared", exact)
	}
}

// expectation prints what a vector says of a field as facts prints it.
func expectation(want any) string {
	switch want := want.(type) {
	case float64:
		return strconv.FormatFloat(want, 'f', -1, 64)
	case []any:
		var parts []string
		for _, part := range want {
			parts = append(parts, expectation(part))
		}
		return strings.Join(parts, " ")
	case map[string]any:
		for _, of := range []string{"text", "data", "sha1"} {
			if value, ok := want[of]; ok {
				return fmt.Sprint(value)
			}
		}
		return fmt.Sprint(want["length"]) // a certificate
	}
	return fmt.Sprint(want)
}

// facts are the fields of a message under the names that the vectors use.
func facts(m licensing.Message) map[string]string {
	f := map[string]string{}
	sum := func(b []byte) string { return fmt.Sprintf("%x", sha1.Sum(b)) }
	clientKeys := func(k licensing.ClientKeys) {
		f["PreferredKeyExchangeAlg"], f["PlatformId"] = fmt.Sprint(k.KeyExchange), fmt.Sprintf("0x%08x", k.PlatformID)
		f["ClientRandom"], f["EncryptedPreMasterSecret"] = hex.EncodeToString(k.ClientRandom[:]), hex.EncodeToString(k.EncryptedPremaster)
	}
	switch m := m.(type) {
	case *licensing.LicenseRequest:
		f["ServerRandom"], f["dwVersion"] = hex.EncodeToString(m.ServerRandom[:]), fmt.Sprintf("0x%08x", m.Product.Version)
		f["pbCompanyName"], f["pbProductId"] = m.Product.Company, m.Product.Product
		f["ServerCertificate"], f["ScopeCount"] = fmt.Sprint(len(m.ServerCertificate)), fmt.Sprint(len(m.Scopes))
		f["Scopes"], f["KeyExchangeList"] = strings.Join(m.Scopes, " "), fmt.Sprintf("%02x000000", m.KeyExchange[0])
	case *licensing.NewLicenseRequest:
		clientKeys(m.ClientKeys)
		f["ClientUserName"], f["ClientMachineName"] = m.User, m.Machine
	case *licensing.LicenseInfo:
		clientKeys(m.ClientKeys)
		f["LicenseInfo"], f["EncryptedHWID"], f["MACData"] = sum(m.License), hex.EncodeToString(m.EncryptedHWID), hex.EncodeToString(m.MAC[:])
	case *licensing.PlatformChallenge:
		f["ConnectFlags"], f["EncryptedPlatformChallenge"] = fmt.Sprintf("0x%08x", m.ConnectFlags), hex.EncodeToString(m.EncryptedChallenge)
		f["MACData"] = hex.EncodeToString(m.MAC[:])
	case *licensing.PlatformChallengeResponse:
		f["EncryptedPlatformChallengeResponse"] = hex.EncodeToString(m.EncryptedResponse)
		f["EncryptedHWID"], f["MACData"] = hex.EncodeToString(m.EncryptedHWID), hex.EncodeToString(m.MAC[:])
	case *licensing.NewLicense:
		f["EncryptedLicenseInfo"], f["MACData"] = sum(m.EncryptedLicenseInfo), hex.EncodeToString(m.MAC[:])
	case *licensing.UpgradeLicense:
		f["EncryptedLicenseInfo"], f["MACData"] = sum(m.EncryptedLicenseInfo), hex.EncodeToString(m.MAC[:])
	case *licensing.ErrorAlert:
		f["dwErrorCode"], f["dwStateTransition"] = fmt.Sprint(uint32(m.Code)), fmt.Sprint(uint32(m.Transition))
	}
	return f
}

// sessionKeys derives the keys of a captured exchange, and checks the derivation.
func sessionKeys(t *testing.T, v vector) (rdpsec.LicenseKeys, bool) {
	t.Helper()
	stated, ok := v.expected["sessionKeys"].(map[string]any)
	if !ok {
		return rdpsec.LicenseKeys{}, false
	}
	part := func(name string) []byte {
		b, err := hex.DecodeString(fmt.Sprint(stated[name]))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	keys, err := rdpsec.NewLicenseKeys(part("premaster"), part("clientRandom"), part("serverRandom"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(keys.MACSalt[:], part("macsalt")) || !bytes.Equal(keys.Key[:], part("lickey")) {
		t.Error("other keys are derived than the vector states")
	}
	return keys, true
}

// checkSealed opens what the message hides, and seals it again.
func checkSealed(t *testing.T, v vector, m licensing.Message, keys licensing.Keys) {
	t.Helper()
	challenge := []byte("T\x00E\x00S\x00T\x00\x00\x00") // of every captured exchange
	plain := func(name string, got []byte) {
		if want, stated := v.expected[name]; stated && hex.EncodeToString(got) != want {
			t.Errorf("%s: %x, want %v", name, got, want)
		}
	}
	var err error
	switch m := m.(type) {
	case *licensing.LicenseInfo:
		id, openErr := m.Open(keys)
		err = openErr
		plain("decryptedHWID", id[:])
	case *licensing.PlatformChallenge:
		got, openErr := m.Open(keys)
		err = openErr
		plain("decryptedChallenge", got)
	case *licensing.PlatformChallengeResponse:
		d, id, openErr := m.Open(keys, challenge)
		err = openErr
		plain("decryptedHWID", id[:])
		plain("decryptedResponse", licensing.AppendResponseData(nil, d))
	case *licensing.NewLicense:
		err = resealed(m.SealedLicense, keys)
	case *licensing.UpgradeLicense:
		err = resealed(m.SealedLicense, keys)
	}
	if err != nil {
		t.Error(err)
	}
}

func resealed(m licensing.SealedLicense, keys licensing.Keys) error {
	info, err := m.Open(keys)
	if err != nil {
		return err
	}
	if len(info.License) == 0 || info.Scope == "" {
		return fmt.Errorf("nothing in %+v", info)
	}
	if again := licensing.SealLicense(keys, info); !bytes.Equal(again.EncryptedLicenseInfo, m.EncryptedLicenseInfo) || again.MAC != m.MAC {
		return fmt.Errorf("sealed again, it is another")
	}
	return nil
}
