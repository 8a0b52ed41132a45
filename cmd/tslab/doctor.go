//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/netns"
)

func doctorCommand() *ucli.Command {
	return &ucli.Command{
		Name: "doctor", Metadata: cli.Examples(100, "tslab doctor"),
		Usage: "say whether drills can run here and, if not, what to change",
		Description: "It builds the smallest lab and takes it down again, and looks for the programs that drills start. What\n" +
			"forbids a lab is told apart, with the setting to change: the same sentence with which `tslab run` fails.\n" +
			"The exit status is 0 when drills of the lab's own programs can run.",
		Flags: []ucli.Flag{cli.JSONFlag()},
		Action: func(ctx context.Context, c *ucli.Command) error {
			if _, err := cli.Args(c, 0, 0); err != nil {
				return err
			}
			if netns.Inside() { // the rehearsal
				if err := netns.Rehearse(ctx); err != nil {
					fmt.Fprintln(os.Stdout, err)
					return cli.Exit(cli.CodeRefused, nil)
				}
				return nil
			}
			_, engine := netlab.EBPFEngine.Ground()
			return printChecks(c, examine(netns.Rehearsal([]string{"doctor"}), engine, func(program string) bool {
				return netlab.Have(netlab.ProgramFolders(), program)
			}))
		},
	}
}

// check is one thing that a lab needs.
type check struct {
	Name     string `json:"name"`
	OK       bool   `json:"ok"`
	Optional bool   `json:"optional,omitempty"` // only some drills need it
	Advice   string `json:"advice,omitempty"`
}

// examine makes the list: the ground of a lab, its programs, those of others, and the
// other engine.
func examine(ground, engine error, have func(program string) bool) []check {
	checks := []check{{Name: "namespaces, bridges, packet sockets", OK: ground == nil}}
	if ground != nil {
		checks[0].Advice = strings.TrimPrefix(ground.Error(), "lab: ")
	}
	for _, p := range []string{"clearinghouse", "licmgr", "lserver", "termsrv", "tsclient"} {
		c := check{Name: p, OK: have(p)}
		if !c.OK {
			c.Advice = "run make build, or put it beside tslab"
		}
		checks = append(checks, c)
	}
	for _, p := range []struct{ name, needed string }{
		{"Xvfb", "drills with real clients need it"}, {"rdesktop", "drills with it need it"}, {"xfreerdp", "drills with it need it"},
		{"tshark", "reading captures at the command line needs it"},
	} {
		c := check{Name: p.name, Optional: true, OK: have(p.name)}
		if !c.OK {
			c.Advice = p.needed + ": run make deps"
		}
		checks = append(checks, c)
	}
	k := check{Name: "--engine ebpf", Optional: true, OK: engine == nil}
	if engine != nil {
		k.Advice = strings.TrimPrefix(engine.Error(), "engine ebpf: ")
	}
	return append(checks, k)
}

// printChecks prints the list; its error says that something is missing which is needed.
func printChecks(c *ucli.Command, checks []check) error {
	out := c.Root().Writer
	var missing []string
	table := cli.Table{Header: []string{"CHECK", "", "WHAT TO DO"}}
	for _, k := range checks {
		state := "ok"
		switch {
		case !k.OK && k.Optional:
			state = "absent"
		case !k.OK:
			state = "MISSING"
			missing = append(missing, k.Name)
		}
		table.Row(k.Name, state, k.Advice)
	}
	var err error
	if c.Bool("json") {
		err = cli.JSON(out, checks)
	} else {
		err = table.Print(out)
	}
	if len(missing) > 0 {
		err = errors.Join(err, fmt.Errorf("drills cannot run here for want of: %s", strings.Join(missing, ", ")))
	}
	return err
}
