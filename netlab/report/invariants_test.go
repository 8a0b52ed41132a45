//go:build linux

package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tslab/tslab/netlab"
)

// TestInvariantsOnThePage: a run's invariants have a part of the report of their own,
// and their number stands beside that of the expectations; a run without any has none.
func TestInvariantsOnThePage(t *testing.T) {
	page := func(list ...netlab.Invariant) string {
		tale := newTale()
		tale.Record.Invariants = list
		var text bytes.Buffer
		if err := Page(&text, tale); err != nil {
			t.Fatal(err)
		}
		return text.String()
	}
	got := page(netlab.Invariant{Host: "ls1", Text: "no pool is negative", Held: true, Seen: "1 key packs"},
		netlab.Invariant{Host: "ls1", Text: "a device has one live row", Seen: "<7> and 9"})
	for _, want := range []string{
		"1 of 2 expectations met, 1 of 2 invariants hold", `href="#invariants"`, `<section id="invariants">`,
		`<tr><td>holds</td><td data-label="server">ls1</td><td>no pool is negative</td><td data-label="seen">1 key packs</td>`,
		`<tr class="no"><td>broken</td><td data-label="server">ls1</td><td>a device has one live row</td><td data-label="seen">&lt;7&gt; and 9</td>`,
		`<li><a href="#invariants">ls1: a device has one live row</a>: &lt;7&gt; and 9</li>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	if strings.Contains(page(), "nvariant") {
		t.Error("a page of a run without invariants speaks of them")
	}
}
