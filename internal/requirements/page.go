package main

import (
	"fmt"
	"path"
	"strings"
)

const head = `# Requirements and their proofs

<!-- Built by "go run ./internal/requirements" from the marks in the tests; do not edit. -->

Everything that the documents of the time ask of terminal server licensing, a line each. A test that proves one
says so in its own source (` + "`// proves R96`" + `); this page is built from those marks. %d of %d rows are proved.
`

// page is the table as Markdown.
func (t *table) page() []byte {
	proved := 0
	for _, r := range t.byNumber {
		if len(r.proofs) > 0 {
			proved++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, head, proved, len(t.byNumber))
	for _, s := range t.sections {
		fmt.Fprintf(&b, "\n## %s. %s\n\n| | what | proofs |\n|---|---|---|\n", s.letter, s.title)
		for _, r := range s.rows {
			fmt.Fprintf(&b, "| R%d | %s | %s |\n", r.number, r.line, r.proved())
		}
	}
	return []byte(b.String())
}

// proved are the links to the proofs, or what is open.
func (r *row) proved() string {
	if len(r.proofs) == 0 {
		return "open: " + string(subjects[r.word])
	}
	links := make([]string, len(r.proofs))
	for i, p := range r.proofs {
		links[i] = fmt.Sprintf("[%s](../%s) in %s", p.name, p.file, path.Dir(p.file))
	}
	return strings.Join(links, ", ")
}
