package identity

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestPins(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	pins := OpenPins(dir)
	ls1, ls2 := load1(t, t.TempDir(), "LS1").Certificate, load1(t, t.TempDir(), "LS2").Certificate
	for range 2 { // the first time pins, the second compares
		if err := pins.Keep("10.0.0.1:3343", ls1); err != nil {
			t.Fatal(err)
		}
		if err := pins.Keep("ls2:3343", ls2); err != nil {
			t.Fatal(err)
		}
	}
	if known, err := pins.Check("10.0.0.1:3343", ls1); !known || err != nil {
		t.Errorf("known %v, %v", known, err)
	}
	if known, err := pins.Check("ls9:3343", ls1); known || err != nil {
		t.Errorf("a server never met: known %v, %v", known, err)
	}
	_, err := pins.Check("10.0.0.1:3343", ls2)
	changed, ok := errors.AsType[*ChangedKeyError](err)
	if !ok {
		t.Fatalf("a changed key: %v", err)
	}
	if changed.Pinned != Fingerprint(ls1) || changed.Shown != Fingerprint(ls2) || changed.Line != 3 {
		t.Errorf("%+v", changed)
	}
	want := fmt.Sprintf("delete line 3 of %s and try again", filepath.Join(dir, PinsName))
	if !strings.Contains(err.Error(), want) {
		t.Errorf("%v; want %q", err, want)
	}
	if _, err := OpenPins(dir).Check("LS2:3343", ls1); err == nil {
		t.Error("names of hosts have no case, and pins survive the program")
	}
	deleteLine(t, filepath.Join(dir, PinsName), 3) // as the sentence says
	if err := pins.Keep("10.0.0.1:3343", ls2); err != nil {
		t.Errorf("after the deletion: %v", err)
	}
	if _, err := pins.Check("10.0.0.1:3343", ls1); err == nil {
		t.Error("the old key is still taken")
	}
}

func deleteLine(t *testing.T, path string, n int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	if err := os.WriteFile(path, []byte(strings.Join(append(lines[:n-1:n-1], lines[n:]...), "")), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPinsFile(t *testing.T) {
	cert := load1(t, t.TempDir(), "LS1").Certificate
	fingerprint := Fingerprint(cert)
	for _, tt := range []struct{ name, text, want string }{
		{"no line break at the end", "ls9:3343 " + fingerprint, ""},
		{"comments and blanks", "# a comment\n\n   \nls1:3343   " + fingerprint + "\n", ""},
		{"three words", "ls1:3343 " + fingerprint + " yes\n", "line 1 is not `address sha256:...`: mend or delete it"},
		{"no fingerprint", "\nls1:3343 abc\n", "line 2 is not"},
		{"two lines, the first counts", "ls1:3343 sha256:other\nls1:3343 " + fingerprint + "\n", "delete line 1 of"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, PinsName)
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		pins := OpenPins(dir)
		err := pins.Keep("ls1:3343", cert)
		if tt.want == "" && err == nil {
			_, err = pins.Check("ls1:3343", cert)
		}
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
	}
}

func TestPinsRefuse(t *testing.T) {
	cert := load1(t, t.TempDir(), "LS1").Certificate
	for _, address := range []string{"", "a b", "a\nb sha256:x", "#a"} {
		if err := OpenPins(t.TempDir()).Keep(address, cert); err == nil {
			t.Errorf("%q is pinned", address)
		}
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, PinsName), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := OpenPins(dir).Keep("ls1:3343", cert); err == nil {
		t.Error("a server that cannot be pinned is refused")
	}
}

func TestPinsAtOnce(t *testing.T) {
	dir := t.TempDir()
	cert := load1(t, t.TempDir(), "LS1").Certificate
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if err := OpenPins(dir).Keep(fmt.Sprintf("ls%d:3343", i), cert); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	text, err := os.ReadFile(filepath.Join(dir, PinsName))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), Fingerprint(cert)+"\n"); n != 20 {
		t.Errorf("%d pins of 20:\n%s", n, text)
	}
}
