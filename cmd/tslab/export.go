//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/netlab/export"
)

func exportCommand() *ucli.Command {
	return &ucli.Command{
		Name:      "export",
		Usage:     "turn the network and the servers of a drill into a lab for Docker Compose or containerlab",
		ArgsUsage: "DRILL",
		Description: "DRILL is one of `tslab list`, or a file that ends in .star. Nothing is built or run here: the drill is followed\n" +
			"on paper, and a folder is written with a topology, the recipe of an image with the lab's programs, scripts for\n" +
			"activation, faults and the calendar, and a README, which says what does not carry over. docs/export.md says\n" +
			"when to move.",
		Metadata: cli.Examples(62, "tslab export --to compose --out moved first-logon"),
		Flags: []ucli.Flag{
			&ucli.StringFlag{Name: "to", Usage: "make a lab for `ENGINE`, compose or containerlab", Required: true},
			&ucli.StringFlag{Name: "out", Usage: "write to `DIR`", DefaultText: "export/DRILL-ENGINE"},
			&ucli.StringFlag{Name: "edition", Usage: "of a drill with an edition matrix, this leg, `NAME`", DefaultText: "the first"},
			seedFlag(), dateFlag(),
			cli.JSONFlag(),
		},
		Action: func(_ context.Context, c *ucli.Command) error {
			to, err := export.ParseEngine(c.String("to"))
			if err != nil {
				return cli.Usage("--to: %v", err)
			}
			drill, err := drillOf(c)
			if err != nil {
				return err
			}
			o, err := drillOptions(c, drill)
			if err != nil {
				return err
			}
			plan, err := drill.Plan(o)
			if err != nil {
				return err
			}
			e, err := export.Make(plan, to)
			if err != nil {
				return err
			}
			folder := c.String("out")
			if folder == "" {
				folder = filepath.Join("export", drill.Name+"-"+string(to))
			}
			if err := writeExport(folder, e); err != nil {
				return err
			}
			return tellExport(c, folder, e)
		},
	}
}

// writeExport writes an export's files into a folder that is new, or an export's.
func writeExport(folder string, e *export.Export) error {
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	readme, _ := os.ReadFile(filepath.Join(folder, "README.md"))
	if len(entries) > 0 && !strings.Contains(string(readme), export.Mark) {
		return fmt.Errorf("%s holds something else; choose another folder with --out", folder)
	}
	if err := os.RemoveAll(filepath.Join(folder, "hosts")); err != nil { // of an earlier export
		return err
	}
	for _, f := range e.Files {
		path := filepath.Join(folder, filepath.FromSlash(f.Name))
		mode := fs.FileMode(0o644)
		if f.Script {
			mode = 0o755
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.Content), mode); err != nil {
			return err
		}
		if err := os.Chmod(path, mode); err != nil { // it may have been there
			return err
		}
	}
	return nil
}

func tellExport(c *ucli.Command, folder string, e *export.Export) error {
	w := c.Root().Writer
	if c.Bool("json") {
		files := make([]string, len(e.Files))
		for i, f := range e.Files {
			files[i] = f.Name
		}
		return cli.JSON(w, map[string]any{"folder": folder, "engine": e.Engine, "topology": e.Topology, "files": files, "left": e.Left})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d files; begin with %s\n\nWhat does not carry over:\n", folder, len(e.Files), filepath.Join(folder, "README.md"))
	for _, s := range e.Left {
		fmt.Fprintf(&b, "  - %s\n", s)
	}
	_, err := fmt.Fprint(w, b.String())
	return err
}
