//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/report"
)

func captureCommand() *ucli.Command {
	return &ucli.Command{
		Name:  "capture",
		Usage: "work with the captures of runs",
		Commands: []*ucli.Command{{
			Name: "finish", Metadata: cli.Examples(102, "tslab capture finish runs/first-logon"),
			Usage:     "assemble the capture of a run that was killed",
			ArgsUsage: "RUN",
			Description: "RUN is the folder of a run, such as runs/first-logon. A run that ends, however it ends, assembles its own\n" +
				"capture; one that was killed leaves the recordings of its cables, the event logs and the key logs. The\n" +
				"exit status is 3 when the capture is whole already.",
			Action: func(_ context.Context, c *ucli.Command) error {
				args, err := cli.Args(c, 1, 1)
				if err != nil {
					return err
				}
				r, err := netlab.FinishCapture(args[0])
				if errors.Is(err, netlab.ErrFinished) {
					return cli.Exit(cli.CodeNothing, err)
				}
				if err != nil {
					return err
				}
				if _, err := report.Write(args[0]); err != nil {
					return err
				}
				var frames uint64
				for _, s := range r.Links {
					frames += s.Packets
				}
				_, err = fmt.Fprintf(c.Root().Writer, "%s: %d frames of %d links\n", filepath.Join(args[0], netlab.CaptureName), frames, len(r.Links))
				return err
			},
		}},
	}
}
