//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tslab/tslab/netlab"
)

// withoutIPv4 is a farm in which nobody has an IPv4 address. The terminal server seeks
// its license server itself.
const withoutIPv4 = `# A farm without IPv4
lan = net("lan", "fd00:1::/64"); branch = net("branch", "fd00:2::/64")
c1 = host("c1", branch); ts1 = host("ts1", lan); ls1 = host("ls1", lan); r1 = router("r1", lan, branch)
start(ls1, "lserver")
office = clearinghouse(ls1)
activate(ls1, office)
stock(ls1, office, cals = 5)
start(ts1, "termsrv", edition = "w2k-sp3")
r = connect(c1, ts1, name = "PC-1")
expect([r.status, r.kind], ["connected", "temporary"])
await_event("license.marked", host = ts1)
r = connect(c1, ts1, name = "PC-1")
expect([r.status, r.kind, inventory(ls1).free], ["connected", "CAL", 4])
expect(["ts1", "ff02::1"] in [[m.source, m.target] for m in messages("locate.Query")])
expect([m.source for m in messages("locate.Reply")][0], "ls1")
expect([[m.source, m.target] for m in messages("NEW_LICENSE") + messages("UPGRADE_LICENSE")], [["ts1", "c1"]] * 2)
expect(packets(protocol = "arp"), 0)
expect(packets(where = lambda p: "." in p.source), 0, "no IPv4 anywhere")

fault(ts1, "drop", message = "locate.Query", direction = "from", name = "mute")
fault(c1, "cut", peer = ts1, name = "away")
expect(exec(c1, "timeout", "1", "tsclient", "connect", "--state", "x", "ts1").exit, 124)
heal()
expect(connect(c1, ts1, name = "PC-1").status, "connected")
`

func TestFarmWithoutIPv4(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "six.star"), []byte(withoutIPv4), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, out := lab(bounded(t), t, dir, "six.star"); code != 0 {
		t.Fatalf("exit status %d\n%s", code, out)
	}
	got := tshark(t, filepath.Join(dir, "runs", "six", netlab.CaptureName), "-Y", "ip || arp")
	if strings.TrimSpace(got) != "" {
		t.Errorf("frames of IPv4:\n%s", got)
	}
}
