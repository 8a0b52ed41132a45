package interop

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/tslab/tslab/internal/harness"
)

// farm is a clearinghouse, a license server and a terminal server, each a program.
type farm struct {
	*harness.Farm
	server
}

// securityArgs are a terminal server's flags for a kind of security.
func securityArgs(security string) []string {
	switch security {
	case "TLS":
		return []string{"--security", "tls"}
	case "NONE":
		return []string{"--security", "rdp", "--encryption", "none"}
	case "any":
		return []string{"--security", "both"}
	}
	return []string{"--security", "rdp", "--encryption", security}
}

// startFarm starts one whose terminal server takes foreign licenses for none, as
// tslab serve does: real clients keep one license for all servers.
func startFarm(t *testing.T, security string) *farm {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stepBound)
	defer cancel()
	all, err := harness.NewFarm(programs, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		all.Close()
		if t.Failed() {
			t.Logf("termsrv printed:\n%s", all.TermServ.Output())
		}
	})
	f := &farm{Farm: all}
	f.dir, f.journal.Path, f.lserver = all.Path("termsrv"), all.TermServLog.Path, &harness.Journal{Path: all.LServerLog.Path}
	all.TermServArgs = append(securityArgs(security), "--set", "stranger_cal=none", "--transcript", f.file("transcript.jsonl"))
	for _, err := range []error{all.StartLServer(ctx), all.Enroll(ctx, 20), all.StartTermServ(ctx)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// file is a path in the terminal server's state folder.
func (f *farm) file(name string) string { return filepath.Join(f.dir, name) }
