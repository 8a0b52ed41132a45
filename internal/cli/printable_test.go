package cli

import (
	"bytes"
	"testing"
)

// TestPrintable: a name from another machine does not command the terminal.
func TestPrintable(t *testing.T) {
	var out bytes.Buffer
	table := Table{Header: []string{"DEVICE"}}
	table.Row("PC\x1b[2J\u009b1m\t\u00d6 1")
	if err := table.Print(&out); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "DEVICE\nPC\ufffd[2J\ufffd1m\ufffd\u00d6 1\n"; got != want {
		t.Errorf("table %q, want %q", got, want)
	}
	if got, want := oneLine("a\nb\x07"), "a; b\ufffd"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
}
