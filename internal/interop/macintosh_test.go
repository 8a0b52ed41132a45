package interop

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// macFolder is where the documents say that a Macintosh keeps its licenses.
const macFolder = "Users/Shared/Microsoft/RDC Crucial Server Information"

// macintosh earns a CAL and keeps it in its folder, below --root; it shows it to the
// server, and the license server's administrator sees the device by its name.
func macintosh(t *testing.T) {
	t.Parallel()
	f, root := startFarm(t, "128"), t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), stepBound)
	defer cancel()
	for i, want := range [][]string{
		{"LICENSE_REQUEST", "NEW_LICENSE_REQUEST", "PLATFORM_CHALLENGE", "PLATFORM_CHALLENGE_RESPONSE", "NEW_LICENSE"},
		{"LICENSE_REQUEST", "LICENSE_INFO", "PLATFORM_CHALLENGE", "PLATFORM_CHALLENGE_RESPONSE", "UPGRADE_LICENSE"},
		{"LICENSE_REQUEST", "LICENSE_INFO", "ERROR_ALERT"},
	} {
		out, err := f.Tool(ctx, "tsclient", "connect", "--json", "--persona", "mac", "--state", t.TempDir(), "--root", root, "--name", "MAC-01", f.Addr)
		if err != nil {
			t.Fatal(err)
		}
		var got report
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if diff := cmp.Diff(want, got.Messages); diff != "" || got.Outcome != "connected" {
			t.Errorf("connection %d: %s; -want +got\n%s", i+1, got.Outcome, diff)
		}
	}
	entries, err := os.ReadDir(filepath.Join(root, filepath.FromSlash(macFolder)))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"HardwareID", "LICENSE000"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("the folder has %v, %v, want %v", names, err, want)
	}
	shown, err := f.Tool(ctx, "licmgr", "show", "--server", f.LServerAddr, "--tokens")
	if err != nil || !strings.Contains(shown, "MAC-01") {
		t.Errorf("licmgr show names no MAC-01: %v\n%s", err, shown)
	}
}
