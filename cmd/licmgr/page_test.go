package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/tslab/tslab/ls/clearinghouse"
)

// section is a section of a page of docs.
func section(t *testing.T, page, title string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\n## "+title+"\n")
	if !ok {
		t.Fatalf("docs/%s has no section %q", page, title)
	}
	body, _, _ := strings.Cut(rest, "\n## ")
	return body
}

// TestPraise: each benefit that the white paper names has commands, and there are such.
//
// proves R35
func TestPraise(t *testing.T) {
	reference, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	benefits, commands := 0, 0
	for line := range strings.Lines(section(t, "licmgr.md", "What the documents praise")) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || strings.Contains(cells[1], "---") || strings.TrimSpace(cells[1]) == "benefit" {
			continue
		}
		benefits++
		for _, m := range regexp.MustCompile("`((?:licmgr|lsreport|clearinghouse|tslab|tscc)[a-z -]*)`").FindAllStringSubmatch(cells[2], -1) {
			commands++
			if !regexp.MustCompile(`(?m)^##+ ` + regexp.QuoteMeta(m[1]) + `$`).Match(reference) {
				t.Errorf("%s: there is no command %q", strings.TrimSpace(cells[1]), m[1])
			}
		}
	}
	if benefits != 4 || commands < 10 {
		t.Errorf("%d benefits with %d commands", benefits, commands)
	}
}

// TestPrivacyAndGrace: the page says what is kept of whom, where, and what the grace
// period is; what it names is there.
//
// proves R203
func TestPrivacyAndGrace(t *testing.T) {
	privacy := strings.Join(strings.Fields(section(t, "licmgr.md", "Privacy")), " ")
	for _, want := range []string{"`" + clearinghouse.CustomersName + "`", "inside TLS", "no command prints, exports or passes on", "`lsreport`"} {
		if !strings.Contains(privacy, want) {
			t.Errorf("privacy: no word of %s", want)
		}
	}
	grace := strings.Join(strings.Fields(section(t, "licmgr.md", "The grace period")), " ")
	for _, want := range []string{"90 days", "120 days", "first client", "`tscc show`", "the devices need licenses all the same"} {
		if !strings.Contains(grace, want) {
			t.Errorf("grace: no word of %s", want)
		}
	}
}
