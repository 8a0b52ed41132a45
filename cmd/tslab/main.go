// Command tslab is the lab: it serves a licensed terminal server on this machine,
// and runs drills in networks of its own.
package main

import (
	"context"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
)

func main() { cli.Main(context.Background(), command()) }

func command() *ucli.Command {
	return &ucli.Command{
		Name:  "tslab",
		Usage: "a lab for Terminal Services Licensing",
		Description: "Real Remote Desktop clients are licensed, renewed and refused by terminal servers and license servers\n" +
			"that are the lab's own. Nothing that the lab issues is accepted by a Windows server.",
		Commands: commands(),
	}
}

// commands are the subcommands, each in a file of its own.
func commands() []*ucli.Command {
	return []*ucli.Command{
		runCommand(), listCommand(), wordsCommand(), doctorCommand(),
		checkCommand(), upCommand(), hostsCommand(), execCommand(), downCommand(), faultCommand(),
		serveCommand(), clockCommand(), editionsCommand(), explainCommand(), eventsCommand(),
		sellCommand(), captureCommand(), wiresharkCommand(), ladderCommand(), diffCommand(), exportCommand(),
	}
}
