//go:build linux

package netlab_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tslab/tslab/netlab"
)

// TestFolderOfLegs: who names the folder of a drill with an edition matrix is told the
// runs that are in it, and who names another folder that it is none.
func TestFolderOfLegs(t *testing.T) {
	folder := t.TempDir()
	if _, err := netlab.ReadTale(folder); err == nil || !strings.Contains(err.Error(), "is not the folder of a run") {
		t.Errorf("an empty folder: %v", err)
	}
	var legs []string
	for _, name := range []string{"w2k-rtm", "ws2003"} {
		legs = append(legs, filepath.Join(folder, name))
		check(t, os.Mkdir(legs[len(legs)-1], 0o700))
		check(t, os.WriteFile(filepath.Join(legs[len(legs)-1], "run.json"), nil, 0o600))
	}
	if _, err := netlab.ReadTale(folder); err == nil || !strings.HasSuffix(err.Error(), "name one of them: "+strings.Join(legs, ", ")) {
		t.Errorf("a folder of legs: %v", err)
	}
}
