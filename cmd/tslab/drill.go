//go:build linux

package main

import (
	"path/filepath"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/drills"
	"github.com/tslab/tslab/netlab/script"
)

// What run, up and export have in common: a drill, and how it begins.

func outFlag() ucli.Flag {
	return &ucli.StringFlag{Name: "out", Usage: "leave the run in `DIR`", DefaultText: "runs/DRILL"}
}

func seedFlag() ucli.Flag {
	return &ucli.Uint64Flag{Name: "seed", Usage: "draw from the seed `N`", Value: 1}
}

func dateFlag() ucli.Flag {
	return &ucli.StringFlag{Name: "date", Usage: "begin on this `DATE`, as 2003-03-03 or 2003-03-03T09:00:00Z", Value: labStart}
}

// drillOf loads the drill that a command line names, its only argument.
func drillOf(c *ucli.Command) (script.Drill, error) {
	args, err := cli.Args(c, 1, 1)
	if err != nil {
		return script.Drill{}, err
	}
	return script.Load(drills.Files, args[0])
}

// drillOptions are those of the flags --out, --edition, --seed and --date.
func drillOptions(c *ucli.Command, drill script.Drill) (script.Options, error) {
	start, err := parseDate(c.String("date"))
	if err != nil {
		return script.Options{}, cli.Usage("--date: %v", err)
	}
	out := c.String("out")
	if out == "" {
		out = filepath.Join("runs", drill.Name)
	}
	return script.Options{Folder: out, Start: start, Seed: c.Uint64("seed"), Edition: c.String("edition"), Programs: netlab.ProgramFolders()}, nil
}
