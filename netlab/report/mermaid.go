//go:build linux

package report

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/tslab/tslab/netlab"
)

// noteWidth is about how many characters a line of a note has: Mermaid breaks none by
// itself.
const noteWidth = 60

// Mermaid writes the ladder as a sequence diagram that Markdown viewers draw. Messages
// to nobody's address, which are broadcasts, are notes.
func Mermaid(w io.Writer, t *netlab.Tale, events bool) error {
	lines := Story(t)
	hosts := Hosts(t, lines)
	var b strings.Builder
	b.WriteString("sequenceDiagram\n")
	ids := make([]string, len(hosts))
	for i, h := range hosts {
		ids[i] = mermaidID(h, i)
		if ids[i] == h {
			fmt.Fprintf(&b, "    participant %s\n", h)
		} else {
			fmt.Fprintf(&b, "    participant %s as %s\n", ids[i], h)
		}
	}
	for _, l := range lines {
		if len(hosts) > 0 && shown(l, events) {
			b.WriteString("    " + mermaidLine(l, hosts, ids) + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// mermaidLine is a line of the story as a statement.
func mermaidLine(l Line, hosts, ids []string) string {
	from, to := slices.Index(hosts, l.From), slices.Index(hosts, l.To)
	if l.Kind == Message && from >= 0 && to >= 0 {
		arrow := "->>"
		if l.Bad {
			arrow = "-x"
		}
		return fmt.Sprintf("%s%s%s: %s", ids[from], arrow, ids[to], mermaidText(fmt.Sprintf("%s (%d)", l.Name, l.Frame)))
	}
	text := l.Text
	switch {
	case l.Kind == Calendar && from >= 0:
		text = l.From + " " + l.Text
	case l.Kind == Message:
		text = fmt.Sprintf("%s to %s: %s (%d)", l.From, l.To, l.Name, l.Frame)
	}
	over := ids[max(from, to, 0)]
	if max(from, to) < 0 && len(ids) > 1 {
		over += "," + ids[len(ids)-1]
	}
	return fmt.Sprintf("Note over %s: %s", over, mermaidText(text))
}

// mermaidID is what a host is called in statements: its name if that is letters and
// then digits, as no word of the language is and none can begin.
func mermaidID(host string, i int) string {
	if regexp.MustCompile(`^[a-z]+[0-9]+$`).MatchString(host) {
		return host
	}
	return fmt.Sprintf("h_%d", i+1)
}

// mermaidText breaks long lines, and escapes what ends a statement, begins a comment or
// is HTML there.
func mermaidText(s string) string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && len(line)+1+len(word) > noteWidth {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	escape := strings.NewReplacer("#", "#35;", ";", "#59;", "%%", "#37;#37;", "<", "#lt;", ">", "#gt;")
	lines = append(lines, line)
	for i := range lines {
		lines[i] = escape.Replace(lines[i])
	}
	return strings.Join(lines, "<br/>")
}
