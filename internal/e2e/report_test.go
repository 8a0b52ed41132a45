package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReports: a run leaves a page; its messages are in the frames that they name; the
// legs of a drill differ by what the editions do differently.
func TestReports(t *testing.T) {
	ctx := bounded(t)
	tslab := filepath.Join(programs, "tslab")
	runs := t.TempDir()
	out, err := exec.CommandContext(ctx, tslab, "run", "--out", runs, "d02-three-editions").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	rtm, sp3 := filepath.Join(runs, "w2k-rtm"), filepath.Join(runs, "w2k-sp3")
	page := filepath.Join(rtm, "report.html")
	if !strings.Contains(string(out), "\nreport   "+page+"\n") {
		t.Errorf("the story does not name %s", page)
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "NEW_LICENSE") {
		t.Errorf("%s: %v, %d bytes", page, err, len(text))
	}

	var messages []struct {
		Frame int    `json:"frame"`
		Text  string `json:"text"`
	}
	b, err := os.ReadFile(filepath.Join(rtm, "messages.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &messages); err != nil || len(messages) == 0 {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	frames, err := exec.CommandContext(ctx, "tshark", "-r", filepath.Join(rtm, "lab.pcapng"), "-T", "fields", "-e", "frame.number", "-e", "frame.comment").Output()
	if err != nil {
		t.Fatalf("tshark: %v; `make deps` installs it", err)
	}
	for _, m := range messages {
		if !strings.Contains(string(frames), fmt.Sprintf("\n%d\t", m.Frame)) || !strings.Contains(comment(string(frames), m.Frame), m.Text) {
			t.Errorf("frame %d is %q, not %q", m.Frame, comment(string(frames), m.Frame), m.Text)
		}
	}

	ladder, err := exec.CommandContext(ctx, tslab, "ladder", "--width", "100", rtm).CombinedOutput()
	if err != nil || !strings.Contains(string(ladder), "|<----|     |      NEW_LICENSE: CAL") {
		t.Errorf("%v\n%s", err, ladder)
	}
	differ, err := exec.CommandContext(ctx, tslab, "diff", rtm, sp3).CombinedOutput()
	if code := exitCode(err); code != 1 {
		t.Errorf("diff: exit status %d, want 1\n%s", code, differ)
	}
	for _, want := range []string{"- ts1 -> c1  NEW_LICENSE: CAL, for ever", "+ ts1 -> c1  NEW_LICENSE: temporary, 90 days to D90", "+ ts1 -> ls1  Mark: "} {
		if !strings.Contains(string(differ), "\n"+want) {
			t.Errorf("diff lacks %q:\n%s", want, differ)
		}
	}
}

// comment is what tshark says of a frame.
func comment(frames string, number int) string {
	_, rest, _ := strings.Cut(frames, fmt.Sprintf("\n%d\t", number))
	line, _, _ := strings.Cut(rest, "\n")
	return line
}

func exitCode(err error) int {
	if e, ok := err.(*exec.ExitError); ok {
		return e.ExitCode()
	}
	return 0
}
