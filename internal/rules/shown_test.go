package rules

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/eventlog"
)

// look is what Lookup finds, by the names.
func look(t *testing.T, word string) []string {
	t.Helper()
	table, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	topics, err := table.Lookup(word, eventlog.Numbered(90))
	if err != nil {
		t.Fatalf("%s: %v", word, err)
	}
	var names []string
	for _, topic := range topics {
		names = append(names, topic.Name)
	}
	return names
}

// TestOccasions: of every numbered event it is said when it is logged and what to do.
func TestOccasions(t *testing.T) {
	for id := range eventlog.Numbered(90) {
		said := occasion(id)
		if len(said) != 2 || !strings.HasPrefix(said[0], "when: ") || !strings.HasPrefix(said[1], "remedy: ") {
			t.Errorf("%d: %q", id, said)
		}
	}
	if said := occasion(1005); said != nil {
		t.Errorf("of an event that there is not: %q", said)
	}
}

// TestShown: what a person reads, on the screen or in the log, is found by its words.
func TestShown(t *testing.T) {
	for id, text := range eventlog.Numbered(90) {
		var longest string // between what an event inserts
		for _, piece := range regexp.MustCompile(`%\d`).Split(text, -1) {
			if len(piece) > len(longest) {
				longest = piece
			}
		}
		if names := look(t, longest); !slices.Contains(names, strconv.Itoa(id)) {
			t.Errorf("%q leads to %v, not to %d", longest, names, id)
		}
	}
	codes := extendedCodes()
	for i, s := range shownTexts() {
		for _, words := range []string{s.mstsc, "  " + strings.ToUpper(s.rdesktop) + " "} {
			if got, want := look(t, words), look(t, strconv.Itoa(firstErrorInfo+i)); !slices.Equal(got, want) {
				t.Errorf("%q leads to %v, %s to %v", words, got, codes[i].name, want)
			}
		}
	}
	if len(codes) != len(shownTexts()) {
		t.Errorf("%d codes, %d texts", len(codes), len(shownTexts()))
	}
	for word, want := range map[string]string{"267": "exDiscReasonLicenseCreatingLicStoreAccDenied", "2056": "LicensingNegotFailed", "licensingnegotfailed": "LicensingNegotFailed",
		"because of an error in the licensing protocol": "LicensingNegotFailed"} {
		if names := look(t, word); !slices.Equal(names, []string{want}) {
			t.Errorf("%s leads to %v", word, names)
		}
	}
	table, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"license", "no such words anywhere", ""} {
		if _, err := table.Lookup(word, eventlog.Numbered(90)); err == nil {
			t.Errorf("%q is explained", word)
		}
	}
}
