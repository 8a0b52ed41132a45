//go:build linux

package script

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tslab/tslab/netlab"
)

// A drill that looked at packets does not pass when frames were not recorded; one that
// did not look is not concerned.
func TestLostFramesFailWhatLooksAtPackets(t *testing.T) {
	const head = "# Frames are lost\nc1 = host(\"c1\", net(\"lan\"))\n"
	for _, tt := range []struct {
		name, source string
		lost         uint64
		verdict      netlab.Verdict
		failed       []string // places
	}{
		{"counted", head + `expect(packets(source = c1), 0)` + "\n", 3, netlab.Failed, []string{"lost.star:3:15"}},
		{"listed, and messages", head + "packets(list = True)\nmessages()\nexpect(1, 1)\n", 1, netlab.Failed, []string{"lost.star:3:8", "lost.star:4:9"}},
		{"none lost", head + `expect(packets(source = c1), 0)` + "\n", 0, netlab.Passed, nil},
		{"nothing looked at", head + `expect(exec(c1, "true").exit, 0)` + "\n", 9, netlab.Passed, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			e := newEngine(t.Context(), newDrill("lost.star", "lost.star", tt.source), Options{
				Folder: t.TempDir() + "/run", Start: netlab.DefaultStart(), Seed: 1, Out: &out,
			})
			e.lost = func() uint64 { return tt.lost }
			r, err := e.carryOut()
			if err != nil || r.Verdict != tt.verdict {
				t.Fatalf("verdict %v, %v; want %s\n%s", r, err, tt.verdict, out.String())
			}
			var failed []string
			for _, x := range r.Expectations {
				if !x.Met {
					failed = append(failed, x.Place)
					if !strings.Contains(x.Why(), "want 0 lost, got ") || x.Want != "0 lost" {
						t.Errorf("%s: %s", x.Place, x.Why())
					}
				}
			}
			if strings.Join(failed, " ") != strings.Join(tt.failed, " ") {
				t.Errorf("%q failed, want %q\n%s", failed, tt.failed, out.String())
			}
		})
	}
}
