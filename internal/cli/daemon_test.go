package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/urfave/cli/v3"
)

// TestServing: a daemon takes no arguments, is told its options, and is not started with
// wrong ones; with subcommands, its state folder is asked for by nobody but itself.
func TestServing(t *testing.T) {
	options := func(c *cli.Command) (Daemon, error) {
		d := DaemonFrom(c)
		if d.State == "" {
			return d, errors.New("say --state")
		}
		return d, nil
	}
	serve := func(_ context.Context, d Daemon, out io.Writer) error {
		_, err := fmt.Fprintf(out, "serves %s at %s", d.State, d.Listen)
		return err
	}
	for args, want := range map[string]string{
		"--state dir":             "serves dir at :7",
		"--state dir --listen :8": "serves dir at :8",
		"":                        "say --state",
		"--state dir more":        "unexpected argument",
		"sub":                     "the subcommand ran",
	} {
		var out strings.Builder
		cmd := &cli.Command{Name: "d", Writer: &out, Flags: ParentFlags(":7"), Action: Serving(options, serve), Commands: []*cli.Command{
			{Name: "sub", Action: func(context.Context, *cli.Command) error { return errors.New("the subcommand ran") }},
		}}
		said := ""
		if err := cmd.Run(t.Context(), append([]string{"d"}, strings.Fields(args)...)); err != nil {
			said = err.Error()
		}
		if said += out.String(); !strings.Contains(said, want) {
			t.Errorf("d %s: %q, want %q", args, said, want)
		}
	}
}
