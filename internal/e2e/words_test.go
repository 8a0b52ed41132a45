//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/script"
)

// The examples of all words, one after the other, are a drill that passes.
func TestVocabularyIsADrill(t *testing.T) {
	source := "# Every word\neditions = [\"w2k-sp3\"]\n"
	for _, w := range script.Vocabulary() {
		source += w.Usage + "\n"
	}
	// And what they find is what their texts say.
	source += `
expect([lan.prefix6, branch.prefix6, branch.site], [None, "fd00:0:0:1::/64", "north"])
expect([uplink.name, uplink.address, uplink.address6], ["c1:eth0", "10.1.0.1", "fd00:0:0:1::1"])
expect([free, r.status, r.received.kind], [10, "connected", "temporary"])
expect([many.count, many.statuses, many.kinds, len(many.licenses)], [4, {"connected": 4}, {"temporary": 4}, 4])
expect(len(issued), 6, "six devices were given a temporary token")
expect(n > len(syns) and len(syns) > 0 and syns[0].target == "ls1" and syns[0].source == "ts1")
expect(len(pushed), lambda n: n >= 1, "the push to the device is read, under whatever security")
expect(name.stdout.split(), ["192.168.7.1", "ts1"])
expect([x[0] == ":", xvfb, shown.server.activated], [True, True, True])
expect([ts.running, ls.running], [False, False])
expect([done, all, split.name], [0, ["delay-1", "drop-1", "loss-1"], "partition-1"])
expect([f.laid for f in faults()], [False] * 4)
expect(date[:13], "2003-03-04T12")
`
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "words.star"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out := lab(bounded(t), t, dir, "words.star")
	if r := record(t, filepath.Join(dir, "runs", "words", "w2k-sp3")); code != 0 || r.Verdict != netlab.Passed {
		t.Fatalf("exit status %d\n%s", code, out)
	}
	if strings.Contains(out, "\n! ") {
		t.Error(out)
	}
}
