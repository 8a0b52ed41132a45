//go:build linux

package main

import (
	"context"

	ucli "github.com/urfave/cli/v3"
	"golang.org/x/sys/unix"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/report"
)

// plainWidth is how wide a ladder is that is not written to a terminal.
const plainWidth = 120

func ladderCommand() *ucli.Command {
	return &ucli.Command{
		Name: "ladder", Metadata: cli.Examples(102, "tslab ladder runs/first-logon"),
		Usage:     "show a run as a ladder: hosts as columns, messages as arrows",
		ArgsUsage: "RUN",
		Description: "RUN is the folder of a run that has ended, such as runs/first-logon. An arrow is a message of the RDP\n" +
			"licensing or license server protocol, with the number of its frame in the capture; * is an event of a\n" +
			"host, X is something that the drill did to it. The same, with all fields, is in the run's report.html.",
		Flags: []ucli.Flag{
			&ucli.BoolFlag{Name: "events", Usage: "show events and expectations too"},
			&ucli.BoolFlag{Name: "mermaid", Usage: "write a sequence diagram for Markdown instead"},
			&ucli.IntFlag{Name: "width", Usage: "cut lines at `N` characters, 0 for never", DefaultText: "the terminal's, or 120", Value: -1},
		},
		Action: func(_ context.Context, c *ucli.Command) error {
			args, err := cli.Args(c, 1, 1)
			if err != nil {
				return err
			}
			tale, err := netlab.ReadTale(args[0])
			if err != nil {
				return err
			}
			if c.Bool("mermaid") {
				return report.Mermaid(c.Root().Writer, tale, c.Bool("events"))
			}
			width := c.Int("width")
			if width < 0 {
				width = terminalWidth()
			}
			return report.Text(c.Root().Writer, tale, width, c.Bool("events"))
		},
	}
}

// terminalWidth is how wide standard output is.
func terminalWidth() int {
	size, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 {
		return plainWidth
	}
	return int(size.Col)
}

func diffCommand() *ucli.Command {
	return &ucli.Command{
		Name: "diff", Metadata: cli.Examples(102, "tslab diff runs/first-logon runs/again"),
		Usage:     "say what two runs have not in common",
		ArgsUsage: "RUN RUN",
		Description: "Messages and events are compared step by step: what the drill did, what each host logged, and what each two\n" +
			"hosts said to each other, by its words and its order, without times of day, frame numbers, ports, ids and\n" +
			"keys; dates count as days since the lab began. A line has - if the first run has it alone, + the second,\n" +
			"and ~ if both have it in another order. The legs of a drill with an edition matrix show what the editions\n" +
			"do differently; two runs with one seed differ in no more than what hosts do at once. The exit status is\n" +
			"0 when nothing differs and 1 otherwise.",
		Action: func(_ context.Context, c *ucli.Command) error {
			args, err := cli.Args(c, 2, 2)
			if err != nil {
				return err
			}
			a, err := netlab.ReadTale(args[0])
			if err != nil {
				return err
			}
			b, err := netlab.ReadTale(args[1])
			if err != nil {
				return err
			}
			differ, err := report.WriteDiff(c.Root().Writer, args[0], args[1], report.Diff(a, b))
			if err == nil && differ {
				err = cli.Exit(cli.CodeRefused, nil)
			}
			return err
		},
	}
}
