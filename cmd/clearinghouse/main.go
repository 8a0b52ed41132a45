// Command clearinghouse is the lab's clearinghouse: it activates license servers and
// issues key packs. It answers files with files, which is the fax method in its
// plainest form.
package main

import (
	"context"

	"github.com/urfave/cli/v3"

	tscli "github.com/tslab/tslab/internal/cli"
)

func main() { tscli.Main(context.Background(), command()) }

func command() *cli.Command {
	return &cli.Command{
		Name:  "clearinghouse",
		Usage: "activate license servers and issue their key packs",
		Commands: []*cli.Command{
			initCommand(), activateCommand(), issueCommand(), rootCommand(), auditCommand(),
		},
	}
}

// flags are those of every command, then its own.
func flags(own ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "state", Usage: "the clearinghouse lies in `DIR`", Required: true},
		&cli.StringFlag{Name: "clock", Usage: "take the calendar from `FILE`", DefaultText: "the machine's clock"},
	}, own...)
}

func outputFlag() cli.Flag {
	return &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to `FILE`", DefaultText: "standard output"}
}
