package rdpsec_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/tslab/tslab/wire/rdpsec"
)

// exchange is the secrets of a licensing exchange that was recorded with a real
// client, as the shared vectors have them.
type exchange struct {
	Expected struct {
		SessionKeys *struct {
			ClientRandom, ServerRandom, Premaster string
			MACSalt                               string `json:"macsalt"`
			Key                                   string `json:"lickey"`
		} `json:"sessionKeys"`
	}
}

func TestLicenseKeys(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "exchange-*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("testdata has no exchanges", err)
	}
	if dir := vectorDir(t); dir != "" {
		shared, err := filepath.Glob(filepath.Join(dir, "captured-*.json"))
		if err != nil || len(shared) == 0 {
			t.Fatalf("%s: no captured vectors, %v", dir, err)
		}
		files = append(files, shared...)
	}
	checked := 0
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var x exchange
		if err := json.Unmarshal(text, &x); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		s := x.Expected.SessionKeys
		if s == nil {
			continue // xrdp's, whose keys nobody knows
		}
		checked++
		k, err := rdpsec.NewLicenseKeys(unhex(t, s.Premaster), unhex(t, s.ClientRandom), unhex(t, s.ServerRandom))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if !bytes.Equal(k.MACSalt[:], unhex(t, s.MACSalt)) || !bytes.Equal(k.Key[:], unhex(t, s.Key)) {
			t.Errorf("%s: MAC salt %x and key %x, want %s and %s", path, k.MACSalt, k.Key, s.MACSalt, s.Key)
		}
	}
	if checked < len(files)/2 {
		t.Errorf("%d of %d exchanges have keys", checked, len(files))
	}
}

func TestLicenseKeysUse(t *testing.T) {
	// A longer premaster is a decrypted RSA block; only its first 48 bytes count.
	premaster := append(make([]byte, 48), 1, 2, 3)
	k, err := rdpsec.NewLicenseKeys(premaster, make([]byte, 32), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	short, err := rdpsec.NewLicenseKeys(premaster[:48], make([]byte, 32), make([]byte, 32))
	if err != nil || short != k {
		t.Errorf("keys depend on what follows the premaster: %v", err)
	}
	plain := []byte("challenge")
	first, second := k.Encrypt(plain), k.Encrypt(plain)
	if !bytes.Equal(first, second) || bytes.Equal(first, plain) {
		t.Errorf("blobs %x and %x: the stream must begin anew with each", first, second)
	}
	if back := k.Encrypt(first); !bytes.Equal(back, plain) {
		t.Errorf("decrypted %q", back)
	}
	sum := k.MAC(plain)
	if err := k.CheckMAC(plain, sum); err != nil {
		t.Error(err)
	}
	sum[0] ^= 1
	if err := k.CheckMAC(plain, sum); err != rdpsec.ErrMAC {
		t.Errorf("CheckMAC of another sum = %v", err)
	}
}

func TestLicenseKeysRefuse(t *testing.T) {
	for _, n := range [][3]int{{47, 32, 32}, {48, 31, 32}, {48, 32, 33}, {0, 0, 0}} {
		if _, err := rdpsec.NewLicenseKeys(make([]byte, n[0]), make([]byte, n[1]), make([]byte, n[2])); err == nil {
			t.Errorf("NewLicenseKeys with %v bytes: no error", n)
		}
	}
}
