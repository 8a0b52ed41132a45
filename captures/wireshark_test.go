package captures_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/captures"
)

// wireshark is a home folder with the dissector in Wireshark's plugin folder, as `tslab
// wireshark install` leaves it.
func wireshark(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	folder := filepath.Join(home, ".local/lib/wireshark/plugins")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, captures.FileName), captures.Dissector(), 0o644); err != nil {
		t.Fatal(err)
	}
	return home
}

// program is one of Wireshark's in that home, with no option but those given.
func program(t *testing.T, home, name string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed; `make deps` installs it", name)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "HOME="+home)
	return cmd
}

// tshark are the lines that tshark prints about a capture.
func tshark(t *testing.T, home, path string, args ...string) []string {
	t.Helper()
	cmd := program(t, home, "tshark", append([]string{"-r", path}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || strings.Contains(stderr.String(), "Lua") {
		t.Fatalf("tshark: %v\n%s", err, stderr.String())
	}
	return strings.Split(strings.TrimRight(string(out), "\n"), "\n")
}

// references are the reference captures; with -short only the one whose messages need the keys in the file.
func references(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("*.pcapng")
	if err != nil || len(all) < 5 {
		t.Fatalf("reference captures: %v, %v", all, err)
	}
	if testing.Short() {
		return []string{"new-device-rc4.pcapng"}
	}
	return all
}

// ours keeps the lines whose second column is a protocol of which nothing may depend on
// how often Wireshark reads the file.
func ours(lines []string) (kept []string) {
	for _, line := range lines {
		protocol := strings.Split(line, "\t")[1]
		if slices.Contains([]string{"RDP", "T.125", "TSLS", "TSLOCATE"}, protocol) {
			kept = append(kept, line)
		}
	}
	return kept
}

// Wireshark's window reads a file twice: once without showing anything, where no field
// has a value, and then whatever is looked at. Both show what one reading shows, and
// nothing in it is malformed.
func TestReadTwice(t *testing.T) {
	home := wireshark(t)
	fields := []string{"-T", "fields"}
	for _, f := range []string{
		"frame.number", "_ws.col.Protocol", "_ws.col.Info", "rdpele.text", "rdpele.bMsgType", "rdpele.HWID", "tslab_token.license_id", "tsls.type", "tslocate.kind",
		"rdp.pduType.type", "rdp.pduType2", "_ws.expert.message", "_ws.malformed",
	} {
		fields = append(fields, "-e", f)
	}
	for _, path := range references(t) {
		once := ours(tshark(t, home, path, fields...))
		twice := ours(tshark(t, home, path, append([]string{"-2"}, fields...)...)) // no filter: else the first reading has fields
		if diff := cmp.Diff(once, twice); diff != "" || len(once) < 50 {
			t.Errorf("%s: %d lines; read once (-) and twice (+)\n%s", path, len(once), diff)
		}
		for _, line := range twice {
			if strings.Contains(line, "alformed") || strings.Contains(line, "behind the beginning") {
				t.Errorf("%s: %s", path, line)
			}
		}
	}
}

// shark is sharkd, which reads a file as Wireshark's window does.
type shark struct {
	t     *testing.T
	in    io.Writer
	out   *bufio.Reader
	asked int
}

func newShark(t *testing.T, home string) *shark {
	t.Helper()
	cmd := program(t, home, "sharkd", "-")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sync.OnceFunc(func() { in.Close(); cmd.Wait() }))
	return &shark{t: t, in: in, out: bufio.NewReader(out)}
}

func (s *shark) ask(method string, parameters map[string]any, result any) {
	s.t.Helper()
	s.asked++
	request, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": s.asked, "method": method, "params": parameters})
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(s.in, "%s\n", request); err != nil {
		s.t.Fatal(err)
	}
	line, err := s.out.ReadBytes('\n')
	var answer struct{ Result json.RawMessage }
	if err == nil {
		err = json.Unmarshal(line, &answer)
	}
	if err == nil {
		err = json.Unmarshal(answer.Result, result)
	}
	if err != nil {
		s.t.Fatalf("sharkd: %s: %v: %s", method, err, line)
	}
}

// A packet that is clicked on is shown as it stands in the list, in whatever order they
// are looked at.
func TestClickedFromTheLast(t *testing.T) {
	home := wireshark(t)
	for _, path := range references(t) {
		s := newShark(t, home)
		s.ask("load", map[string]any{"file": path}, &struct{}{})
		type node struct {
			L string
			N []node
		}
		lines := tshark(t, home, path, "-Y", "rdpele", "-T", "fields", "-e", "frame.number", "-e", "rdpele.text")
		slices.Reverse(lines)
		for _, line := range slices.Concat(lines, lines) { // the second time they are clicked on again
			frame, text, _ := strings.Cut(line, "\t")
			var shown struct{ Tree []node }
			s.ask("frame", map[string]any{"frame": json.Number(frame), "proto": true}, &shown)
			found := false
			for _, n := range shown.Tree {
				if strings.HasPrefix(n.L, "RDP Licensing (MS-RDPELE)") {
					found = strings.HasSuffix(n.L, text)
				}
				if strings.Contains(n.L, "alformed") {
					t.Errorf("%s: frame %s: %s", path, frame, n.L)
				}
			}
			if !found {
				t.Errorf("%s: frame %s does not show %q: %+v", path, frame, text, shown.Tree)
			}
		}
	}
}
