package program_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/program"
)

// TestNewest: of the servers in the register the newest that answers is found, whatever
// has become of those that were started after it.
func TestNewest(t *testing.T) {
	base := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", base)
	if _, err := program.Newest(t.Context(), "tslab"); err == nil || !strings.Contains(err.Error(), "no server of yours runs: start one") {
		t.Errorf("none: %v", err)
	}
	lives := t.TempDir()
	l, err := control.Listen(lives)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- control.ServeListener(t.Context(), l, map[string]control.Handler{}) }()
	t.Cleanup(func() { <-served })
	killed, hangs := t.TempDir(), t.TempDir()
	silent, err := net.Listen("unix", filepath.Join(hangs, control.SocketName)) // takes connections, answers none
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	gone := filepath.Join(base, "gone") // killed, and its folder removed
	for i, state := range []string{lives, killed, gone, hangs} {
		enter(t, base, i, "tslab", state)
	}
	enter(t, base, 9, "termsrv", lives)
	r, err := program.Newest(t.Context(), "tslab")
	if err != nil || r.State != lives || r.Program != "tslab" {
		t.Errorf("newest: %+v, %v; want that in %s", r, err, lives)
	}
	for i, there := range []bool{true, false, false, true} {
		if _, err := os.Stat(entry(base, i)); (err == nil) != there {
			t.Errorf("entry %d: %v; want it there: %v", i, err, there)
		}
	}
	if err := os.Remove(entry(base, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := program.Newest(t.Context(), "tslab"); err == nil || !strings.Contains(err.Error(), hangs+" does not answer") {
		t.Errorf("only a silent one: %v", err)
	}
}

func entry(base string, i int) string { return filepath.Join(base, "tslab", fmt.Sprintf("%d.json", i)) }

func enter(t *testing.T, base string, i int, name, state string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(base, "tslab"), 0o700); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(program.Running{Program: name, State: state, PID: 1, Started: day0.AddDate(0, 0, i)})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(entry(base, i), text, 0o600); err != nil {
		t.Fatal(err)
	}
}
