// Command tsclient is a device that connects to a terminal server and is licensed
// by it: a Windows of some age, or a Macintosh, with a license store of its own.
package main

import (
	"context"

	"github.com/urfave/cli/v3"

	tscli "github.com/tslab/tslab/internal/cli"
)

func main() { tscli.Main(context.Background(), command()) }

func command() *cli.Command {
	return &cli.Command{
		Name:  "tsclient",
		Usage: "connect to a terminal server as a device with a license store",
		Commands: []*cli.Command{
			connectCommand(),
			tokenCommand(),
			wipeCommand(),
			damageCommand(),
		},
	}
}
