package captures_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// page is what users read about captures.
func page(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../docs/wireshark.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Every field and expert info that can be filtered stands in docs/wireshark.md, and
// nothing else does.
func TestEveryFieldIsDocumented(t *testing.T) {
	ours := regexp.MustCompile(`^(rdpele|tsls|tslocate|tslab_token|tslab_rdp)\.`)
	var there []string
	cmd := program(t, wireshark(t), "tshark", "-G", "fields")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if columns := strings.Split(line, "\t"); columns[0] == "F" && ours.MatchString(columns[2]) {
			there = append(there, columns[2])
		}
	}
	var documented []string
	for line := range strings.Lines(page(t)) {
		if strings.Contains(line, "://") || strings.Contains(line, " or tsl") || strings.Contains(line, "{3, 4}") { // a question's filter
			continue
		}
		prefix := ""
		if strings.HasPrefix(line, "| 0x") || strings.HasPrefix(line, "| in each ") {
			prefix = "tsls."
		}
		for _, m := range regexp.MustCompile("`([A-Za-z_.]*[A-Za-z_])`").FindAllStringSubmatch(line, -1) {
			if name := prefix + m[1]; ours.MatchString(name) {
				documented = append(documented, name)
			}
		}
	}
	slices.Sort(there)
	slices.Sort(documented)
	if diff := cmp.Diff(slices.Compact(there), slices.Compact(documented)); diff != "" || len(there) < 150 {
		t.Errorf("%d fields: -there +docs/wireshark.md\n%s", len(there), diff)
	}
}

// The page's questions are filters that Wireshark takes, and that find something in a
// reference capture.
func TestQuestionsHaveAnswers(t *testing.T) {
	home := wireshark(t)
	_, text, _ := strings.Cut(page(t), "## Some questions")
	text, _, _ = strings.Cut(text, "\n## ")
	questions := 0
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 4 || !strings.Contains(line, "`") {
			continue
		}
		questions++
		filter := strings.Trim(strings.TrimSpace(cells[2]), "`")
		found := slices.ContainsFunc([]string{"new-device-none.pcapng", "refused.pcapng"}, func(path string) bool {
			return !slices.Equal(tshark(t, home, path, "-Y", filter), []string{""})
		})
		if !found {
			t.Errorf("%s: %s finds nothing", strings.TrimSpace(cells[1]), filter)
		}
	}
	if questions < 6 {
		t.Errorf("%d questions", questions)
	}
}
