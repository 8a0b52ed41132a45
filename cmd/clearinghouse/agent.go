package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/codes"
)

func agentCommand() *cli.Command {
	return &cli.Command{
		Name: "agent", Metadata: tscli.Examples(49, "clearinghouse agent --state house --country Norway print LAB-A... select LAB-1234566 5.0 cal"),
		Usage:     "be the clearinghouse's agent on the telephone",
		ArgsUsage: "[ANSWER]...",
		Description: "The agent asks, reads numbers back in groups, and hears by their check characters what was misread: one\n" +
			"group can be said again alone. The caller's answers are the arguments, or lines of standard input.",
		Flags: flags(&cli.StringFlag{Name: "country", Usage: "`COUNTRY` that the caller calls from", Value: "United States"}),
		Action: func(ctx context.Context, c *cli.Command) error {
			country, err := keypack.ParseCountry(c.String("country"))
			if err != nil {
				return err
			}
			call := &call{out: c.Root().Writer, said: c.Args().Slice(), lines: bufio.NewScanner(io.LimitReader(c.Root().Reader, tscli.MaxInput))}
			call.do = func(op clearinghouse.Op, f clearinghouse.Form) (clearinghouse.Answer, error) {
				return do(ctx, c, op, f)
			}
			call.say("Clearinghouse, %s, %s.", country.Name, country.Number)
			return call.run()
		},
	}
}

// call is a telephone call.
type call struct {
	out   io.Writer
	said  []string // arguments, when there are any
	next  int
	lines *bufio.Scanner
	do    func(clearinghouse.Op, clearinghouse.Form) (clearinghouse.Answer, error)
}

// errHungUp ends a call that the caller ends.
var errHungUp = errors.New("the caller has hung up; nothing was changed")

func (c *call) say(format string, args ...any) { fmt.Fprintf(c.out, format+"\n", args...) }

// hear is the caller's next answer.
func (c *call) hear(question string) (string, error) {
	c.say("%s", question)
	if len(c.said) > 0 {
		if c.next == len(c.said) {
			return "", errHungUp
		}
		c.next++
		c.say("> %s", c.said[c.next-1])
		return strings.TrimSpace(c.said[c.next-1]), nil
	}
	if !c.lines.Scan() {
		return "", errHungUp
	}
	return strings.TrimSpace(c.lines.Text()), nil
}

// ops are what an agent does.
func agentOps() []clearinghouse.Op {
	return []clearinghouse.Op{clearinghouse.OpActivate, clearinghouse.OpReactivate, clearinghouse.OpDeactivate, clearinghouse.OpInstall,
		clearinghouse.OpPrint, clearinghouse.OpReissue, clearinghouse.OpRecover, clearinghouse.OpTransfer}
}

func (c *call) run() error {
	var names []string
	for _, op := range agentOps() {
		names = append(names, string(op))
	}
	wish, err := c.hear("What may I do for you: " + strings.Join(names, ", ") + "?")
	if err != nil {
		return err
	}
	op := clearinghouse.Op(strings.ToLower(wish))
	if !slices.Contains(agentOps(), op) {
		return keypack.Fault("wish", "say one of "+strings.Join(names, ", "), "%.30q is nothing that the clearinghouse does on the telephone", wish)
	}
	form := clearinghouse.Form{}
	fields, err := c.fields(op, form)
	if err != nil {
		return err
	}
	for _, f := range fields {
		if form[f.Name], err = c.field(f); err != nil {
			return err
		}
	}
	answer, err := c.do(op, form)
	if err != nil {
		c.say("I am sorry, I cannot do that.")
		return err
	}
	c.readOut(answer)
	return nil
}

// fields are the questions of an operation. The licensing program is asked at once,
// for the others depend on it.
func (c *call) fields(op clearinghouse.Op, form clearinghouse.Form) ([]keypack.Field, error) {
	plain := func(name, label string) keypack.Field { return keypack.PlainField(name, label) }
	switch op {
	case clearinghouse.OpActivate:
		return []keypack.Field{keypack.ProductIDField(), plain("company", "company")}, nil
	case clearinghouse.OpReactivate:
		return []keypack.Field{keypack.ProductIDField(), plain("reason", "reason ("+reasons()+")")}, nil
	case clearinghouse.OpDeactivate:
		return []keypack.Field{keypack.ServerIDField()}, nil
	}
	id, err := c.field(keypack.ServerIDField())
	if err != nil {
		return nil, err
	}
	form["server-id"] = id
	said, err := c.hear("By which licensing program were the licenses bought?")
	if err != nil {
		return nil, err
	}
	program, err := keypack.ParseProgram(said)
	if err != nil {
		return nil, err
	}
	form["program"] = program.Flag()
	list := program.Fields()
	if program != keypack.LicenseCode {
		list = append(list, plain("product", "product"), plain("kind", "kind of license (cal, per-user, internet-connector)"))
		if op == clearinghouse.OpInstall {
			list = append(list, plain("count", "quantity"))
		}
	}
	switch op {
	case clearinghouse.OpReissue:
		former := keypack.ServerIDField()
		former.Name, former.Label = "former-id", "former License Server ID"
		list = append(list, former)
	case clearinghouse.OpRecover:
		list = append(list, plain("license-id", "license ids of the lost tokens"))
	case clearinghouse.OpTransfer:
		list = append(list, plain("license-id", "license id"), plain("from", "computer that has the license"), plain("to", "computer that gets it"))
	}
	return list, nil
}

// field asks until the answer is sound, three times at most. Of a code with one wrong
// group, that group may be said alone.
func (c *call) field(f keypack.Field) (string, error) {
	question := "Your " + f.Label + "?"
	var heard string
	var wrong int // group to be said again
	for try := 0; ; try++ {
		said, err := c.hear(question)
		if err != nil {
			return "", err
		}
		if said == "" && !f.Optional() {
			return "", keypack.Fault(f.Name, "call again when you have it", "I can do nothing without the %s", f.Label)
		}
		if groups := strings.Split(heard, "-"); wrong > 0 && wrong < len(groups) && len(said) == groupSize(wrong) {
			groups[wrong] = said
			said = strings.Join(groups, "-")
		}
		value, err := f.Check(said)
		if err == nil {
			c.readBack(value)
			return value, nil
		}
		if try == 2 {
			return "", err
		}
		heard, wrong = strings.ReplaceAll(strings.ToUpper(said), " ", "-"), 0
		if e, ok := errors.AsType[*codes.Error](f.Cause(said)); ok && len(e.Groups) == 1 {
			wrong = e.Groups[0]
		}
		faults := keypack.FaultsOf(err)
		question = fmt.Sprintf("I am sorry: %s; %s.", faults[0].Problem, faults[0].Remedy)
	}
}

// groupSize is the length of a group of a code, counted from 1 behind LAB.
func groupSize(n int) int {
	if n == 1 {
		return 2
	}
	return 5
}

// readBack says a code in its groups; other answers need no repetition.
func (c *call) readBack(value string) {
	if strings.HasPrefix(value, codes.Prefix+"-") {
		c.say("I have: %s.", strings.Join(codes.Spell(value), ", "))
	}
}

func (c *call) readOut(a clearinghouse.Answer) {
	for _, n := range numbers(a) {
		c.say("Your %s, group by group:", n.name)
		for i, g := range codes.Spell(n.code) {
			c.say("  %d  %s", i, g)
		}
		c.say("%s: %s", n.name, n.code)
	}
	if len(numbers(a)) == 0 {
		c.say("%s.", a.Text)
	}
}
