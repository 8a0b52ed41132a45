//go:build linux

package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/harness"
	"github.com/tslab/tslab/netlab"
)

var writeCaptures = flag.Bool("captures", false, "replace the reference captures in ../../captures by those of new runs")

// maxReference bounds a reference capture: it is kept in the repository for ever.
const maxReference = 512 << 10

const referenceFolder = "../../captures"

// dissector installs the dissector, once, and returns its path.
var dissector = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tslab-dissector-")
	if err != nil {
		return "", err
	}
	out, err := exec.Command(filepath.Join(programs, "tslab"), "wireshark", "install", "--dir", dir).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return strings.TrimSpace(string(out)), nil
})

// dissected is tshark's output with the dissector, and nothing else said to it.
func dissected(t *testing.T, path string, args ...string) string {
	t.Helper()
	lua, err := dissector()
	if err != nil {
		t.Fatal(err)
	}
	return tshark(t, path, append([]string{"-X", "lua_script:" + lua}, args...)...)
}

// facts are what a capture shows: the messages of both protocols in their order on
// each link. The hello of a license server connection and its pings come when they
// come.
func facts(t *testing.T, path string) []string {
	t.Helper()
	const filter = "rdpele || tsls && !(tsls.type in {0x01, 0x02, 0x81}) || tslab_rdp.licensing.encrypted"
	out := dissected(t, path, "-Y", filter, "-T", "fields", "-E", "occurrence=a", "-e", "frame.interface_name",
		"-e", "rdpele.bMsgType", "-e", "rdpele.dwErrorCode", "-e", "rdpele.dwStateTransition", "-e", "rdpele.ClientMachineName",
		"-e", "tsls.type", "-e", "tsls.request", "-e", "tsls.presented", "-e", "tsls.answer",
		"-e", "tslab_token.kind", "-e", "tslab_token.machine", "-e", "tslab_token.product")
	lines := strings.Split(strings.TrimRight(out, "\n"), "\n")
	link := func(line string) string { name, _, _ := strings.Cut(line, "\t"); return name }
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(link(a), link(b)) })
	return lines
}

// sound is what must hold for every capture of the lab: nothing in it is malformed,
// and every TLS stream that begins can be read.
func sound(t *testing.T, path string) {
	t.Helper()
	out := dissected(t, path, "-Y", "tls.handshake.type == 1 || rdpele || tsls || _ws.malformed || _ws.short || _ws.lua.error || _ws.expert.severity == 0x800000",
		"-T", "fields", "-e", "frame.number", "-e", "tcp.stream", "-e", "tls.handshake.type", "-e", "_ws.malformed", "-e", "_ws.short", "-e", "_ws.expert.message",
		"-e", "tls.record.opaque_type", "-e", "rdpele.bMsgType", "-e", "tsls.type")
	sealed, open := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if strings.Contains(f[2], "1") && f[2] != "" && f[7]+f[8] == "" {
			sealed[f[1]] = true
		}
		if f[6] != "" && f[7]+f[8] != "" {
			open[f[1]] = true
		}
		if f[3] != "" || f[4] != "" || strings.Contains(f[5], "Lua Error") || strings.Contains(f[5], "Malformed") {
			t.Errorf("%s: frame %s is malformed: %s", path, f[0], f[5])
		}
	}
	if diff := cmp.Diff(sealed, open); diff != "" || len(sealed) == 0 {
		t.Errorf("%s: TLS streams that begin and TLS streams that are readable: -want +got\n%s", path, diff)
	}
}

func references(t *testing.T) []string {
	t.Helper()
	drills, err := filepath.Glob(filepath.Join(referenceFolder, "*.star"))
	if err != nil || len(drills) < 5 {
		t.Fatalf("reference drills: %v, %v", drills, err)
	}
	return drills
}

// Every reference capture shows what a run of today shows, and opens without an
// option. With -captures it is replaced.
func TestReferenceCaptures(t *testing.T) {
	if err := harness.Need("tshark", "rdesktop", "xfreerdp", "Xvfb"); err != nil {
		t.Fatal(err)
	}
	for _, drill := range references(t) {
		name := strings.TrimSuffix(filepath.Base(drill), ".star")
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			source, err := filepath.Abs(drill)
			if err != nil {
				t.Fatal(err)
			}
			if code, out := lab(bounded(t), t, dir, source, "--out", "run"); code != 0 {
				t.Fatalf("exit status %d\n%s", code, out)
			}
			fresh, kept := filepath.Join(dir, "run", "lab.pcapng"), filepath.Join(referenceFolder, name+".pcapng")
			if *writeCaptures {
				b, err := os.ReadFile(fresh)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(kept, b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			sound(t, fresh)
			sound(t, kept)
			if diff := cmp.Diff(facts(t, kept), facts(t, fresh)); diff != "" {
				t.Errorf("a run of today differs from %s; if it should, `make captures`: -kept +fresh\n%s", kept, diff)
			}
			if info, err := os.Stat(kept); err != nil || info.Size() > maxReference {
				t.Errorf("%s: %v; at most %d bytes", kept, info, maxReference)
			}
		})
	}
}

// All eight messages are shown under NONE, 128 and TLS, with what they hide opened by
// the keys in the file, at their MACs' word.
func TestAllMessagesUnderEverySecurity(t *testing.T) {
	const want = "0x01 0x13 0x02 0x15 0x03 0x01 0x12 0x02 0x15 0x04 0x01 0x12 0xff"
	for _, security := range []string{"none", "rc4", "tls"} {
		path := filepath.Join(referenceFolder, "new-device-"+security+".pcapng")
		out := dissected(t, path, "-Y", `rdpele && !(frame.interface_name contains "clear")`, "-T", "fields", "-e", "rdpele.bMsgType")
		if got := strings.Join(strings.Fields(out), " "); got != want {
			t.Errorf("%s: %s, want %s", security, got, want)
		}
		kinds := dissected(t, path, "-Y", `rdpele.bMsgType in {3, 4} && !(frame.interface_name contains "clear")`, "-T", "fields", "-e", "tslab_token.kind")
		if kinds != "1\n2\n" {
			t.Errorf("%s: kinds of the licenses %q, want temporary and CAL", security, kinds)
		}
		if got := dissected(t, path, "-Y", "rdpele.bMsgType == 0x15 && !rdpele.HWID || rdpele.MACData.wrong || rdpele.sealed || rdpele.order"); got != "" {
			t.Errorf("%s: not opened, or not in order:\n%s", security, got)
		}
		comments := dissected(t, path, "-Y", `frame.comment contains "NEW_LICENSE: temporary, 90 days"`, "-T", "fields", "-e", "rdpele.bMsgType")
		if !strings.Contains(comments, "0x03") {
			t.Errorf("%s: no comment in plain words on NEW_LICENSE: %q", security, comments)
		}
		if keys := dissected(t, path, "-Y", `systemd_journal.message contains "licensing keys of server random"`); strings.Count(keys, "\n") != 3 {
			t.Errorf("%s: rows with licensing keys, want 3:\n%s", security, keys)
		}
		if moves := dissected(t, path, "-Y", `systemd_journal.message contains "the calendar moved"`); strings.Count(moves, "\n") != 2 {
			t.Errorf("%s: rows of the calendar, want 2:\n%s", security, moves)
		}
	}
}

// The twin is the session in the clear: what is encrypted on the wire can be read
// there to its end.
func TestTwinIsReadToItsEnd(t *testing.T) {
	for _, name := range []string{"new-device-rc4", "real-clients"} {
		path := filepath.Join(referenceFolder, name+".pcapng")
		clear := func(filter string) int {
			return strings.Count(dissected(t, path, "-Y", "("+filter+`) && frame.interface_name == "ts1:eth0 (clear)"`), "\n")
		}
		sessions := clear("rdpele.bMsgType == 1")
		for _, filter := range []string{`rdp.userName == "lab"`, "rdp.pduType.type == 1", "rdp.pduType.type == 3", "rdp.pduType2 == 0x28"} {
			if got := clear(filter); got != sessions || sessions < 3 {
				t.Errorf("%s: %d sessions in the clear have %s, want all of %d", name, got, filter, sessions)
			}
		}
		if got := clear("tcp.analysis.flags || tcp.checksum.status == 0"); got != 0 {
			t.Errorf("%s: %d frames of the twin are not as a wire would carry them", name, got)
		}
	}
}

// Every reference capture has its row in the README, and the filters named there find
// something.
func TestCapturesReadme(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(referenceFolder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, drill := range references(t) {
		name := strings.TrimSuffix(filepath.Base(drill), ".star") + ".pcapng"
		row := ""
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "| `"+name+"` |") {
				row = line
			}
		}
		cells := strings.Split(row, "|")
		if len(cells) != 5 {
			t.Errorf("no row of three cells for %s", name)
			continue
		}
		filter := strings.Trim(strings.TrimSpace(cells[3]), "`")
		if dissected(t, filepath.Join(referenceFolder, name), "-Y", filter) == "" {
			t.Errorf("%s: filter %s finds nothing", name, filter)
		}
	}
}

// A killed run leaves what a capture is made of, and makes it when told.
func TestCaptureFinish(t *testing.T) {
	ctx, dir := bounded(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "endless.star"), []byte(endless), 0o644); err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(dir, "run")
	mark := "TSLAB_E2E_MARK=" + dir
	p, err := harness.Start(dir, []string{mark}, "", filepath.Join(programs, "tslab"), "run", "--out", run, filepath.Join(dir, "endless.star"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	err = harness.Until(ctx, "the lab runs", func() (bool, error) { return strings.Contains(p.Output(), "everything runs"), nil })
	if err != nil {
		t.Fatalf("%v\n%s", err, p.Output())
	}
	finish := func(folder string, code int, want string) {
		t.Helper()
		cmd := exec.CommandContext(ctx, filepath.Join(programs, "tslab"), "capture", "finish", folder)
		out, _ := cmd.CombinedOutput() // its exit status is looked at
		if got := cmd.ProcessState.ExitCode(); got != code || !strings.Contains(string(out), want) {
			t.Errorf("capture finish %s: exit status %d, want %d with %q: %s", folder, got, code, want, out)
		}
	}
	finish(run, 1, "the run is still going on")
	finish(dir, 1, "is the folder of several runs, name one of them: "+run)
	finish(t.TempDir(), 1, "is not the folder of a run")
	all := marked(t, mark)
	if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	awaitGone(ctx, t, all)
	finish(run, 0, "frames of 3 links")
	finish(run, 3, "is whole already")
	if r := record(t, run); r.Verdict != netlab.Interrupted || !strings.Contains(r.Error, "broken off") || r.Events["license.pushed"] != 1 {
		t.Errorf("run.json: verdict %q, error %q, events %v", r.Verdict, r.Error, r.Events)
	}
	path := filepath.Join(run, netlab.CaptureName)
	sound(t, path)
	clear := strings.Fields(dissected(t, path, "-Y", "rdpele", "-T", "fields", "-e", "rdpele.bMsgType"))
	// RC4 by default: each message stands there twice.
	if got := strings.Join(clear, " "); got != "0x01 0x01 0x13 0x13 0x02 0x02 0x15 0x15 0x03 0x03" {
		t.Errorf("messages %s", got)
	}
	if dissected(t, path, "-Y", `systemd_journal.message contains "everything runs"`) == "" {
		t.Error("no row of the lab")
	}
}
