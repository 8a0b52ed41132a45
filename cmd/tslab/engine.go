//go:build linux

package main

import (
	"os"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/netns"
)

func engineFlag() ucli.Flag {
	return &ucli.StringFlag{
		Name: "engine", Value: string(netlab.UserEngine),
		Usage: "let faults be done by `ENGINE`: user, every fault and no privilege; or ebpf, programs in the kernel, for root",
	}
}

// chosenEngine is the engine of the command line with the ground that it needs.
// Outside of a lab's namespaces it is an error when that cannot be had here.
func chosenEngine(c *ucli.Command) (netlab.Engine, netns.Ground, error) {
	engine, err := netlab.ParseEngine(c.String("engine"))
	if err != nil {
		return "", 0, cli.Usage("--engine: %v", err)
	}
	if netns.Inside() {
		return engine, 0, nil
	}
	ground, err := engine.Ground()
	return engine, ground, err
}

// reexec runs the same command in namespaces of its own and passes on how it ended.
func reexec(ground netns.Ground) error {
	code, err := ground.Reexec(os.Args[1:])
	if err != nil || code == 0 {
		return err
	}
	return cli.Exit(code, nil)
}
