package program

import (
	"fmt"
	"io"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/eventlog"
)

// Printer is where an event log goes that people read as it grows: each line of it
// becomes the date, the program and the text of the event.
func Printer(out io.Writer) io.Writer { return printer{out} }

type printer struct{ out io.Writer }

// Write takes one line of an event log.
func (p printer) Write(line []byte) (int, error) {
	e, err := eventlog.Decode(line)
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Fprintf(p.out, "%s  %-8s %s\n", e.Lab.Format("2006-01-02 15:04:05"), e.Program, cli.Printable(e.Text)); err != nil {
		return 0, err
	}
	return len(line), nil
}
