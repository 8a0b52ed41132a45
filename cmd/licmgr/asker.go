package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/ls/keypack"
)

// asker puts the wizard's questions to who sits at the terminal.
type asker struct {
	lines *bufio.Scanner
	out   io.Writer
	style tscli.Style
}

// errEnded is the answer of somebody who ends the wizard.
var errEnded = errors.New("the wizard was ended before it was through")

// errBack is the answer of somebody who wants to go back.
var errBack = errors.New("there is nothing to go back to; begin anew")

func newAsker(c *cli.Command) *asker {
	return &asker{bufio.NewScanner(c.Root().Reader), c.Root().Writer, tscli.StyleFor(c.Root().Writer)}
}

// somebody is an asker when a human sits at standard input, and nil in a script.
func somebody(c *cli.Command) *asker {
	if f, ok := c.Root().Reader.(*os.File); ok && tscli.IsTerminal(f) {
		return newAsker(c)
	}
	return nil
}

func (a *asker) say(format string, args ...any) { fmt.Fprintf(a.out, format+"\n", args...) }

// title begins a page of the wizard.
func (a *asker) title(text string) { a.say("\n%s", a.style.Strong(text)) }

// line is the next answer; otherwise stands in brackets and is meant by an empty one.
func (a *asker) line(question, otherwise string) (string, error) {
	if otherwise != "" {
		question += " [" + tscli.Printable(otherwise) + "]"
	}
	fmt.Fprintf(a.out, "%s: ", question)
	if !a.lines.Scan() {
		fmt.Fprintln(a.out)
		if err := a.lines.Err(); err != nil {
			return "", fmt.Errorf("the wizard's answers: %w", err)
		}
		return "", errEnded
	}
	answer := strings.TrimSpace(a.lines.Text())
	if strings.EqualFold(answer, "back") {
		return "", errBack
	}
	if answer == "" {
		answer = otherwise
	}
	return answer, nil
}

// field asks until the answer is sound, and says what is wrong with one that is not.
func (a *asker) field(f keypack.Field, otherwise string) (string, error) {
	question := f.Label
	if f.Help != "" {
		question += " (" + f.Help + ")"
	}
	for {
		answer, err := a.line(question, otherwise)
		if err != nil {
			return "", err
		}
		value, err := f.Check(answer)
		if err == nil {
			return value, nil
		}
		a.wrong(err)
	}
}

// wrong says what is wrong with an answer, and what to do.
func (a *asker) wrong(err error) {
	for _, f := range keypack.FaultsOf(err) {
		a.say("  %s: %s.", a.style.Warn(tscli.Printable(f.Problem)), tscli.Printable(f.Remedy))
	}
}

// choice asks for one of a list, by its number or its name; the first is recommended.
func (a *asker) choice(question string, labels []string, recommended bool) (int, error) {
	for i, l := range labels {
		if i == 0 && recommended {
			l += " (recommended)"
		}
		a.say("  %d  %s", i+1, l)
	}
	for {
		answer, err := a.line(question, "1")
		if err != nil {
			return 0, err
		}
		if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(labels) {
			return n - 1, nil
		}
		for i, l := range labels {
			if strings.EqualFold(answer, l) {
				return i, nil
			}
		}
		a.say("  %s", a.style.Warn(fmt.Sprintf("Type a number from 1 to %d.", len(labels))))
	}
}

// yes asks a question whose answer is yes only when somebody says so.
func (a *asker) yes(question string) (bool, error) {
	answer, err := a.line(question+" (yes or no)", "no")
	return strings.EqualFold(answer, "yes") || strings.EqualFold(answer, "y"), err
}
