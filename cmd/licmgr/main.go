// Command licmgr is the licensing tool: it shows a license server's key packs and
// tokens, carries its activation request out and the clearinghouse's answers in.
package main

import (
	"context"

	"github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/admin"
	tscli "github.com/tslab/tslab/internal/cli"
)

func main() { tscli.Main(context.Background(), command()) }

func command() *cli.Command {
	return &cli.Command{
		Name:  "licmgr",
		Usage: "manage a license server",
		Commands: []*cli.Command{
			listCommand(), showCommand(), requestCommand(), activateCommand(), installCommand(), deactivateCommand(), reactivateCommand(), wizardCommand(), propertiesCommand(), methodCommand(), confirmClockCommand(), peersCommand(),
			packCommand(), checkCommand(), backupCommand(), restoreCommand(), assignCommand(), scopeCommand(),
		},
	}
}

// flags are those of every command, then its own.
func flags(own ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "server", Usage: "the license server's `ADDR`, host or host:port", Value: thisMachine},
		&cli.StringFlag{Name: "state", Usage: "keep the tool's key and the keys of servers met in `DIR`", DefaultText: "the user's state folder"},
		&cli.StringFlag{Name: "keylog", Usage: "append TLS secrets for Wireshark to `FILE`", DefaultText: "none"},
		&cli.DurationFlag{Name: "timeout", Usage: "give up after `TIME`", Value: admin.DefaultTimeout},
	}, own...)
}

func optionalFile(usage string) cli.Flag {
	return &cli.StringFlag{Name: "file", Usage: "bring a document: " + usage}
}
