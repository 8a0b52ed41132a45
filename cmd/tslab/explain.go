package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/rules"
)

func explainCommand() *ucli.Command {
	flags := []ucli.Flag{
		&ucli.StringFlag{Name: "edition", Usage: "in `EDITION`: w2k-rtm, w2k-sp3 or ws2003", Value: edition.SP3.String()},
		&ucli.StringSliceFlag{Name: "set", Usage: "with a knob turned, `KNOB=VALUE`"},
		cli.JSONFlag(),
	}
	for _, c := range rules.AllColumns() {
		flags = append(flags, &ucli.StringFlag{Name: c.Name, Category: "What is given", Usage: c.Meaning + " (`VALUE`: " + strings.Join(c.Values, "|") + ")"})
	}
	return &ucli.Command{
		Name: "explain", Metadata: cli.Examples(100, "tslab explain 1011"),
		Usage:     "explain how a client is decided on, or a rule, event, code, knob or conflict",
		ArgsUsage: "[WORD ...]",
		Description: "Without a WORD, what is given is explained by the decision table: every way in which it can end, the rule,\n" +
			"the event and the answer on the wire. A WORD is a rule (M46), an event (1011), an error code that a client\n" +
			"shows (0x102), an answer (NOLS), a licensing message (NEW_LICENSE) or its code (ERR_INVALID_CLIENT), a knob\n" +
			"(temps_per_hwid), a value of the registry (DefaultLicenseServer), a conflict of the documents (C21), a\n" +
			"source (K5, 002), or words of an event or of what a client shows, in quotes. In what says so (by), S is a\n" +
			"document of the time and P a proposal where they are silent.",
		Flags: flags,
		Action: func(_ context.Context, c *ucli.Command) error {
			table, err := rules.Load()
			if err != nil {
				return err
			}
			p, err := edition.Parse(c.String("edition"))
			if err == nil {
				err = p.SetAll(c.StringSlice("set"))
			}
			if err != nil {
				return cli.Usage("%v", err)
			}
			if c.Args().Len() > 0 {
				return explainWords(c, table, &p)
			}
			return explainGiven(c, table, &p)
		},
	}
}

// explainWords explains each of the command's arguments.
func explainWords(c *ucli.Command, table *rules.Table, p *edition.Profile) error {
	var found []rules.Topic
	for _, word := range c.Args().Slice() {
		topics, err := table.Lookup(word, eventlog.Numbered(p.EventTextDays))
		if err != nil {
			return cli.Usage("%v", err)
		}
		found = append(found, topics...)
	}
	w := c.Root().Writer
	if c.Bool("json") {
		return cli.JSON(w, topicRows(found))
	}
	wide := columns(w)
	for i, topic := range found {
		if i > 0 {
			fmt.Fprintln(w)
		}
		printTopic(w, topic, wide)
	}
	return nil
}

// printTopic prints a word explained; wide is the terminal's columns, 0 where it is none.
func printTopic(w io.Writer, topic rules.Topic, wide int) {
	fmt.Fprintf(w, "%s (%s)\n", topic.Name, topic.Kind)
	for _, line := range topic.Text {
		fmt.Fprintf(w, "    %s\n", wrap(line, wide, 4))
	}
	for _, r := range topic.Rules {
		fmt.Fprintf(w, "  %-5s %s\n", r.Number, wrap(r.Text, wide, 8))
		if !r.Note {
			fmt.Fprintf(w, "        %s\n", wrap(r.When+" -> "+r.Then, wide, 8))
		}
	}
}

// explainGiven explains a situation.
func explainGiven(c *ucli.Command, table *rules.Table, p *edition.Profile) error {
	given := map[string]string{}
	for _, col := range rules.AllColumns() {
		if c.IsSet(col.Name) {
			given[col.Name] = c.String(col.Name)
		}
	}
	if len(given) == 0 {
		return cli.Usage("explain: say a WORD, or what is given: --token none --ls up ...")
	}
	endings, err := table.Explain(p, given)
	if err != nil {
		return cli.Usage("%v", err)
	}
	w := c.Root().Writer
	if c.Bool("json") {
		return cli.JSON(w, endingRows(table, p, endings))
	}
	for i, e := range endings {
		if i > 0 {
			fmt.Fprintln(w)
		}
		printEnding(w, table, p, e)
	}
	return nil
}

func printEnding(w io.Writer, table *rules.Table, p *edition.Profile, e rules.Explanation) {
	r := e.Rule
	fmt.Fprintf(w, "%s  %s\n", r.Number, r.Then)
	if e.When != "" {
		fmt.Fprintf(w, "    if       %s\n", e.When)
	}
	fmt.Fprintf(w, "    because  %s\n", r.Text)
	for _, passed := range e.Passed {
		if passed.Rule.Event != "" || passed.Always && len(e.Passed) == 1 {
			fmt.Fprintf(w, "    after    %s (%s): %s\n", passed.Rule.Number, passed.Rule.When, passed.Rule.Text)
		}
	}
	for _, asked := range e.Asked {
		fmt.Fprintf(w, "    answer   %s %s: %s\n", asked.Number, asked.Answer, asked.Text)
	}
	texts := eventlog.Numbered(p.EventTextDays)
	for _, id := range table.Events(p, e) {
		fmt.Fprintf(w, "    event    %d: %s\n", id, texts[id])
	}
	if wire, ok := table.Wire(r); ok {
		fmt.Fprintf(w, "    wire     %s\n", strings.Join(wire.Text, "; "))
	}
	fmt.Fprintf(w, "    by       %s\n", r.By)
}

// ending is an explanation in JSON.
type ending struct {
	Rule         string   `json:"rule"`
	Passed       []string `json:"passed,omitempty"`  // rules before it, some of them for some combinations only
	Answers      []string `json:"answers,omitempty"` // rules of the license server
	Then         string   `json:"then"`
	When         string   `json:"when,omitempty"`
	Text         string   `json:"text"`
	By           string   `json:"by"`
	Events       []int    `json:"events,omitempty"`
	Combinations int      `json:"combinations"`
}

func endingRows(table *rules.Table, p *edition.Profile, list []rules.Explanation) []ending {
	var rows []ending
	for _, e := range list {
		row := ending{Rule: e.Rule.Number, Answers: numbers(e.Asked), Then: e.Rule.Then, When: e.When, Text: e.Rule.Text, By: e.Rule.By, Events: table.Events(p, e), Combinations: e.Combinations}
		for _, passed := range e.Passed {
			row.Passed = append(row.Passed, passed.Rule.Number)
		}
		rows = append(rows, row)
	}
	return rows
}

func numbers(list []*rules.Rule) []string {
	var all []string
	for _, r := range list {
		all = append(all, r.Number)
	}
	return all
}

// topicRow is a word explained in JSON.
type topicRow struct {
	Name  string   `json:"name"`
	Kind  string   `json:"kind"`
	Text  []string `json:"text"`
	Rules []string `json:"rules,omitempty"`
}

func topicRows(list []rules.Topic) []topicRow {
	var rows []topicRow
	for _, t := range list {
		rows = append(rows, topicRow{t.Name, t.Kind, t.Text, numbers(t.Rules)})
	}
	return rows
}
