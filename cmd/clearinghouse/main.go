// Command clearinghouse is the lab's clearinghouse: it activates license servers and
// issues key packs, over HTTPS and in a browser, by an agent at a prompt, by fax, and
// file by file.
package main

import (
	"context"

	"github.com/urfave/cli/v3"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/ls/clearinghouse"
)

func main() { tscli.Main(context.Background(), command()) }

func command() *cli.Command {
	return &cli.Command{
		Name:  "clearinghouse",
		Usage: "activate license servers and issue their key packs",
		Commands: []*cli.Command{
			initCommand(), rootCommand(), productCommand(), purchaseCommand(), activateCommand(), deactivateCommand(),
			orderCommand(clearinghouse.OpInstall, "make a key pack for a purchase"),
			orderCommand(clearinghouse.OpPrint, "give out the key packs of a purchase again"),
			orderCommand(clearinghouse.OpReissue, "make the key packs of a purchase again, for a license server that has another License Server ID",
				textFlag("former-id", "`LSID` that the server had before")),
			orderCommand(clearinghouse.OpRecover, "make a key pack for tokens that devices have lost",
				textFlag("license-id", "`IDS` of the lost tokens, as lsreport prints them")),
			orderCommand(clearinghouse.OpTransfer, "make a key pack for a license that goes to another computer, once",
				textFlag("license-id", "`ID` of the license"), textFlag("from", "`COMPUTER` that has it"), textFlag("to", "`COMPUTER` that gets it")),
			issueCommand(), auditCommand(), buyCommand(), serveCommand(), agentCommand(), faxCommand(),
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
