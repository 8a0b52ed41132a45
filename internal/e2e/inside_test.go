//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tslab/tslab/netlab"
)

// inside lays every fault that a program can do on the second message of its kind, under
// every protection of the connection, and says what three devices made of it.
const inside = `# Faults inside a program, whatever protects the connection
lan = net("lan")
c1 = host("c1")
ls1 = host("ls1")
ch1 = host("ch1")
ts = {"none": host("ts1"), "128": host("ts2"), "tls": host("ts3")}
start(ls1, "lserver", edition = "w2k-sp3")
office = clearinghouse(ch1)
activate(ls1, office)
stock(ls1, office, cals = 5)
for protection in ts:
    options = {"security": "tls"} if protection == "tls" else {"security": "rdp", "encryption": protection}
    start(ts[protection], "termsrv", license_server = ls1, edition = "w2k-sp3", limit = "step=4s", **options)
    await_event("server.found", host = ts[protection])

def device(protection, name):
    return connect(c1, ts[protection], name = name, store = name, security = "tls" if protection == "tls" else "rdp")

for protection in ts:
    for act in ["duplicate", "corrupt", "delay", "drop"]:
        for message, direction, under in [("LICENSE_REQUEST", "from", ["none", "tls"]), ("NEW_LICENSE_REQUEST", "to", ["128", "tls"])]:
            if protection not in under:
                continue
            more = {"delay": {"delay": "2s"}, "corrupt": {"seed": 1}}.get(act, {})
            f = fault(ts[protection], act, message = message, direction = direction, nth = 2, **more)
            before = len(messages(message, between = (c1, ts[protection])))
            tries = [device(protection, "PC-%d-%d" % (len(faults()), n)) for n in range(3)]
            sent = len(messages(message, between = (c1, ts[protection]))) - before
            failed = [n + 1 for n, r in enumerate(tries) if r.status != "connected"]
            print("<%s %s %s: %d of %d, sent %d, late %s, failed %s>" % (protection, act, direction, faults(f).done, faults(f).matched, sent, [r.took_ms >= 2000 for r in tries], failed))
            heal(f)
`

// The n-th message and no other is what a fault inside a program is about: under no
// encryption, RC4 and TLS, of what the program sends and of what it receives.
func TestNthMessageInsideAProgram(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "inside.star"), []byte(inside), 0o644); err != nil {
		t.Fatal(err)
	}
	const none, second = "[False, False, False]", "[False, True, False]" // late by 2 s

	_, out := lab(bounded(t), t, dir, "inside.star") // it fails: its devices' refusals are not expected
	for _, protection := range []string{"none", "128", "tls"} {
		for _, tt := range []struct {
			act, direction string
			want           string // of three connections: messages sent, whether each is late, which failed
		}{
			{"duplicate", "from", `sent 4, late ` + none + `, failed [2]`},
			{"duplicate", "to", `sent 3, late ` + none + `, failed [2]`}, // the terminal server takes the other one for the answer to a challenge
			{"corrupt", "from", `sent 3, late ` + none + `, failed [2]`}, // its seed hits what the peer checks
			{"corrupt", "to", `sent 3, late ` + none + `, failed [2]`},
			{"delay", "from", `sent 3, late ` + second + `, failed []`},
			{"delay", "to", `sent 3, late ` + second + `, failed []`},
			{"drop", "from", `sent 2, late ` + second + `, failed [2]`}, // who waits for it gives up
			{"drop", "to", `sent 3, late ` + second + `, failed [2]`},
		} {
			if protection == map[string]string{"from": "128", "to": "none"}[tt.direction] {
				continue
			}
			begin := fmt.Sprintf("<%s %s %s: ", protection, tt.act, tt.direction)
			_, line, _ := strings.Cut(out, begin)
			line, _, _ = strings.Cut(line, ">")
			if line != "1 of 3, "+tt.want {
				t.Errorf("%s%.200q, want %s", begin, line, tt.want)
			}
		}
	}
	rows := dissected(t, filepath.Join(dir, "runs", "inside", netlab.CaptureName), "-Y", `systemd_journal.message contains "lab: fault "`)
	if got, want := strings.Count(rows, "\n"), 2*16; got != want { // laid and healed
		t.Errorf("%d rows in the capture about faults, want %d:\n%s", got, want, rows)
	}
	if !strings.Contains(out, "its TLS opens after tslab wireshark install") {
		t.Error("nothing says how the capture's TLS is read")
	}
	if t.Failed() {
		t.Logf("%.3000s", out)
	}
}
