//go:build linux

package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/netlab"
)

// TestMermaidNames: host names that are words of the language, begin with one, or have a
// piece of an arrow in them, are titles of names that are none.
func TestMermaidNames(t *testing.T) {
	tale := newTale()
	rename := map[string]string{"c1": "end", "ts1": "box-x1"}
	for i, h := range tale.Record.Hosts {
		if name := rename[h.Name]; name != "" {
			tale.Record.Hosts[i].Name = name
		}
	}
	for i, m := range tale.Messages {
		tale.Messages[i].From, tale.Messages[i].To = rename[m.From], rename[m.To]
	}
	tale.Messages[1].To = "10.0.255.255"
	var b bytes.Buffer
	if err := Mermaid(&b, tale, false); err != nil {
		t.Fatal(err)
	}
	want := `sequenceDiagram
    participant h_1 as end
    participant h_2 as box-x1
    participant ls1
    Note over h_1,ls1: The first day
    h_2->>h_1: LICENSE_REQUEST (10)
    Note over h_1: end to 10.0.255.255: NEW_LICENSE_REQUEST (11)
    h_2->>h_1: NEW_LICENSE (12)
`
	if got, _, _ := strings.Cut(b.String(), "    Note over h_1,ls1: the calendar"); got != want {
		t.Errorf("-want +got\n%s", cmp.Diff(want, got))
	}
}

func TestMermaidText(t *testing.T) {
	for text, want := range map[string]string{
		"a; #b\nc%%d":                      "a#59; #35;b c#37;#37;d",
		"want <x> && \"y\"":                "want #lt;x#gt; && \"y\"",
		strings.Repeat("twelve chars ", 6): strings.TrimSpace(strings.Repeat("twelve chars ", 4)) + " twelve<br/>chars twelve chars",
		"":                                 "",
	} {
		if got := mermaidText(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestMermaidOfNothing: a lab that did not come up has a diagram without a host.
func TestMermaidOfNothing(t *testing.T) {
	tale := newTale()
	tale.Record = &netlab.Record{}
	var b bytes.Buffer
	if err := Mermaid(&b, tale, true); err != nil || b.String() != "sequenceDiagram\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
}

// TestTextOfManyHosts: half of the line is left for what is said.
func TestTextOfManyHosts(t *testing.T) {
	for _, tt := range []struct{ hosts, width, lane int }{{3, 80, 6}, {3, 0, 6}, {8, 100, 4}, {8, 120, 5}, {40, 100, 4}, {0, 80, 6}} {
		if c := newColumns(make([]string, tt.hosts), tt.width); c.lane != tt.lane {
			t.Errorf("%d hosts in %d columns: %d each, want %d", tt.hosts, tt.width, c.lane, tt.lane)
		}
	}
	if got := (columns{[]string{"a", "b", "c"}, 4}).lanes(Line{Kind: Message, From: "c", To: "a"}); got != "|<------|   " {
		t.Errorf("%q", got)
	}
}
