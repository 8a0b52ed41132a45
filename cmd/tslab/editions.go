package main

import (
	"context"
	"io"
	"strings"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/edition"
)

func editionsCommand() *ucli.Command {
	return &ucli.Command{
		Name: "editions", Metadata: cli.Examples(100, "tslab editions"),
		Usage: "show what differs between the editions: every knob with its default in each",
		Description: "A knob is turned with --set KNOB=VALUE at a program that reads it; several go with commas between them, and\n" +
			"so do the words of a list: --set serves_ts=w2k-sp3,ws2003,temp_days=30. 'tslab explain KNOB' says what it\n" +
			"does, which programs and which rules read it. 'tslab serve' turns one by itself: " + servedKnob + ".",
		Flags: []ucli.Flag{cli.JSONFlag()},
		Action: func(_ context.Context, c *ucli.Command) error {
			if _, err := cli.Args(c, 0, 0); err != nil {
				return err
			}
			if c.Bool("json") {
				return cli.JSON(c.Root().Writer, editionRows())
			}
			return printEditions(c.Root().Writer)
		},
	}
}

// printEditions writes each knob with what it chooses, and its defaults side by side
// below.
func printEditions(w io.Writer) error {
	var t cli.Table
	for _, e := range edition.All() {
		t.Header = append(t.Header, e.String())
	}
	t.Header[0] = "  " + t.Header[0]
	for _, k := range edition.Knobs() {
		for line := range strings.SplitSeq(wrap(k.Name+": "+k.Meaning, 80, 4), "\n") {
			t.Row(line)
		}
		t.Row("  "+k.Defaults[0], k.Defaults[1], k.Defaults[2])
	}
	return t.Print(w)
}

// editionRow is a knob in JSON.
type editionRow struct {
	Knob     string            `json:"knob"`
	Values   string            `json:"values"`
	Meaning  string            `json:"meaning"`
	By       string            `json:"by"`
	ReadBy   string            `json:"read_by"` // programs
	Defaults map[string]string `json:"defaults"`
}

func editionRows() []editionRow {
	var rows []editionRow
	for _, k := range edition.Knobs() {
		defaults := map[string]string{}
		for _, e := range edition.All() {
			if v := k.Default(e); v != "-" {
				defaults[e.String()] = v
			}
		}
		rows = append(rows, editionRow{k.Name, k.Values, k.Meaning, k.By, k.Readers.String(), defaults})
	}
	return rows
}
