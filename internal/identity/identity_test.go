package identity

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func load1(t *testing.T, dir, name string) *Identity {
	t.Helper()
	id, err := LoadOrCreate(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestLoadOrCreate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	first := load1(t, dir, "LS1")
	if first.Name != "LS1" || first.Certificate.Subject.CommonName != "LS1" {
		t.Errorf("identity of %q, certificate of %q", first.Name, first.Certificate.Subject.CommonName)
	}
	again := load1(t, dir, "LS1")
	if !bytes.Equal(first.Certificate.Raw, again.Certificate.Raw) || !first.Key.Equal(again.Key) {
		t.Error("a second start makes another identity")
	}
	renamed := load1(t, dir, "LS9")
	if !renamed.Key.Equal(first.Key) || renamed.Certificate.Subject.CommonName != "LS9" {
		t.Error("a new name changes the certificate and not the key")
	}
	if Fingerprint(renamed.Certificate) != Fingerprint(first.Certificate) {
		t.Error("a pin outlives the host's name")
	}
	if got := load1(t, dir, "LS9"); !bytes.Equal(got.Certificate.Raw, renamed.Certificate.Raw) {
		t.Error("the new certificate is not stored")
	}
	if left := time.Until(first.Certificate.NotAfter); left < 19*365*24*time.Hour {
		t.Errorf("the certificate is good for %v only", left)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != FileName {
		t.Errorf("state folder holds %v (%v)", entries, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	info, err := os.Stat(filepath.Join(dir, FileName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v)", info.Mode(), err)
	}
}

// TestAtOnce: programs that start together in one folder get one identity.
func TestAtOnce(t *testing.T) {
	dir := t.TempDir()
	ids := make([]*Identity, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			var err error
			if ids[i], err = LoadOrCreate(dir, "LS1"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id == nil || !id.Key.Equal(ids[0].Key) {
			t.Fatal("two identities in one folder")
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	good := t.TempDir()
	load1(t, good, "LS1")
	text, err := os.ReadFile(filepath.Join(good, FileName))
	if err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	load1(t, other, "LS1")
	foreign, err := os.ReadFile(filepath.Join(other, FileName))
	if err != nil {
		t.Fatal(err)
	}
	const begin = "-----BEGIN PRIVATE KEY"
	cert, _, _ := strings.Cut(string(text), begin)
	_, foreignKey, _ := strings.Cut(string(foreign), begin)
	for _, tt := range []struct {
		name, text, want string
		mode             os.FileMode
	}{
		{"empty", "", "want a CERTIFICATE and a PRIVATE KEY in PEM: delete it for a new key", 0o600},
		{"no key", cert, "want a CERTIFICATE and a PRIVATE KEY", 0o600},
		{"another's key", cert + begin + foreignKey, "the key is not the certificate's", 0o600},
		{"damaged certificate", strings.Replace(string(text), "MII", "MIA", 1), "delete it for a new key", 0o600},
		{"readable by all", string(text), "can be read by others (mode 0644): run chmod 600 ", 0o644},
	} {
		if tt.mode != 0o600 && runtime.GOOS == "windows" {
			continue
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, FileName), []byte(tt.text), tt.mode); err != nil {
			t.Fatal(err)
		}
		_, err := LoadOrCreate(dir, "LS1")
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
	}
	if _, err := LoadOrCreate(filepath.Join(good, FileName), "LS1"); err == nil {
		t.Error("a file for a state folder")
	}
}

func TestSound(t *testing.T) {
	cert := load1(t, t.TempDir(), "LS1").Certificate
	if err := sound(cert, time.Now()); err != nil {
		t.Error(err)
	}
	if err := sound(cert, cert.NotAfter.Add(time.Second)); err == nil || !strings.Contains(err.Error(), "the machine's clock says") {
		t.Errorf("after its end: %v", err)
	}
	if err := sound(cert, cert.NotBefore.Add(-time.Second)); err == nil {
		t.Error("before its beginning")
	}
	forged := *cert
	forged.Signature = append([]byte(nil), cert.Signature...)
	forged.Signature[9] ^= 1
	if err := sound(&forged, time.Now()); err == nil || !strings.Contains(err.Error(), "not signed by its own key") {
		t.Errorf("forged: %v", err)
	}
}
