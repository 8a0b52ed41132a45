//go:build linux

package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestStyle: what is marked on a terminal is plain text anywhere else, and where
// somebody wants no color.
func TestStyle(t *testing.T) {
	if got := (Style{true}).Strong("LS1") + (Style{true}).Warn("x") + (Style{true}).Faint(""); got != "\x1b[1mLS1\x1b[0m\x1b[33mx\x1b[0m" {
		t.Errorf("on a terminal: %q", got)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	for name, s := range map[string]Style{"a buffer": StyleFor(&bytes.Buffer{}), "a file": StyleFor(file), "zero": {}} {
		if got := s.Strong("LS1"); got != "LS1" {
			t.Errorf("%s: %q", name, got)
		}
	}
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	if got := StyleFor(terminal).Strong("a"); got != "\x1b[1ma\x1b[0m" {
		t.Errorf("terminal: %q", got)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if IsTerminal(null) || IsTerminal(file) || !IsTerminal(terminal) {
		t.Error("who sits at a terminal")
	}
	t.Setenv("NO_COLOR", "1")
	if got := StyleFor(terminal).Strong("a"); got != "a" {
		t.Errorf("NO_COLOR: %q", got)
	}
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "dumb")
	if got := StyleFor(terminal).Strong("a"); got != "a" {
		t.Errorf("TERM=dumb: %q", got)
	}
}

func TestClip(t *testing.T) {
	for _, tt := range []struct{ in, want string }{{"PC-1", "PC-1"}, {"PC-123", "PC-123"}, {"PC-1234", "PC-12…"}, {"Öäüßéèà", "Öäüßé…"}, {"a\x1bb", "a\ufffdb"}, {"PC   123456", "PC…"}} {
		if got := Clip(tt.in, 6); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
}
