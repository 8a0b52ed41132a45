package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tslab/tslab/captures"
)

func wireshark(args ...string) error {
	c := command()
	c.Writer = &bytes.Buffer{}
	return c.Run(context.Background(), append([]string{"tslab", "wireshark"}, args...))
}

func TestWiresharkInstall(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "plugins")
	path := filepath.Join(dir, captures.FileName)
	if err := wireshark("install", "--dir", dir); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, captures.Dissector()) {
		t.Errorf("%s: %v", path, err)
	}
	if err := wireshark("uninstall", "--dir", dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestWiresharkLeavesForeignFilesAlone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, captures.FileName)
	if err := os.WriteFile(path, []byte("-- mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"install", "uninstall"} {
		if err := wireshark(what, "--dir", dir); err == nil {
			t.Errorf("%s took a foreign file", what)
		}
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "-- mine\n" {
		t.Errorf("the file holds %q, %v", b, err)
	}
}

func TestPluginFolder(t *testing.T) {
	home := func() (string, error) { return "/home/x", nil }
	env := func(name string) string { return map[string]string{"APPDATA": "/appdata"}[name] }
	for system, want := range map[string]string{
		"linux": "/home/x/.local/lib/wireshark/plugins", "darwin": "/home/x/.local/lib/wireshark/plugins", "windows": "/appdata/Wireshark/plugins",
	} {
		if got, err := pluginFolder(system, env, home); err != nil || filepath.ToSlash(got) != want {
			t.Errorf("%s: %s, %v; want %s", system, got, err, want)
		}
	}
}
