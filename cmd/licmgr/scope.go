package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v3"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/control"
)

func scopeCommand() *cli.Command {
	return &cli.Command{
		Name:      "scope",
		Metadata:  tscli.Examples(38, "licmgr scope --lserver ls1", "licmgr scope --lserver ls1 workgroup"),
		Usage:     "show or change whom a license server on this machine serves",
		ArgsUsage: "[workgroup|domain|enterprise]",
		Description: "The scope is chosen where a license server is installed, by `lserver --scope`: domain in a domain unless told\n" +
			"otherwise, or enterprise, which is its site. Here it is changed afterwards, at once and for good: the site's\n" +
			"entry is made or taken back, and the inventory is shared with the license servers of the other scope.",
		Flags: []cli.Flag{lserverFlag(), tscli.JSONFlag()},
		Action: func(ctx context.Context, c *cli.Command) error {
			args, err := tscli.Args(c, 0, 1)
			if err != nil {
				return err
			}
			var wanted any
			if len(args) == 1 {
				wanted = args[0]
			}
			var answer struct {
				Scope string `json:"scope"`
			}
			if err := control.Call(ctx, c.String("lserver"), "scope", wanted, &answer); err != nil {
				return err
			}
			if c.Bool("json") {
				return tscli.JSON(c.Root().Writer, answer)
			}
			_, err = fmt.Fprintln(c.Root().Writer, answer.Scope)
			return err
		},
	}
}
