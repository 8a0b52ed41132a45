package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v3"
)

// Table is printed with its columns aligned. A row of a single cell stands as a line
// of its own, under the row before, and widens no column.
type Table struct {
	Header []string
	Rows   [][]string
}

// Row adds a row. What cannot be shown, such as the escape sequences that a device may
// have in its name, is replaced.
func (t *Table) Row(cells ...any) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = Printable(fmt.Sprint(cell))
	}
	t.Rows = append(t.Rows, row)
}

// Print writes the table, two spaces between columns and none at a line's end.
func (t *Table) Print(w io.Writer) error {
	lines := t.Rows
	if len(t.Header) > 0 {
		lines = append([][]string{t.Header}, t.Rows...)
	}
	var widths []int
	for _, line := range lines {
		if len(line) == 1 {
			continue
		}
		for i, cell := range line {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, line := range lines {
		if len(line) == 1 {
			b.WriteString(strings.TrimRight(line[0], " ") + "\n")
			continue
		}
		var text strings.Builder
		for i, cell := range line {
			text.WriteString(cell)
			text.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		b.WriteString(strings.TrimRight(text.String(), " "))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// JSONFlag is --json.
func JSONFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print JSON instead of text"}
}

// JSON prints v as one line of JSON.
func JSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
