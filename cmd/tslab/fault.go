//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/fault"
)

func faultCommand() *ucli.Command {
	return &ucli.Command{
		Name:  "fault",
		Usage: "break the network of a lab that `tslab up` keeps: loss, delay, cuts, lost messages",
		Description: "A fault has a name, by which it is listed and removed. `tslab fault kinds` says what there is and what\n" +
			"each takes; docs/faults.md has examples. The same is done in a drill with fault, partition and heal.",
		Commands: []*ucli.Command{
			faultAddCommand(), faultListCommand(), faultRemoveCommand(), faultPartitionCommand(), faultKindsCommand(), faultMessagesCommand(),
		},
	}
}

func faultAddCommand() *ucli.Command {
	var f fault.Fault
	var direction, level, checksum string
	var port uint16
	return &ucli.Command{
		Name: "add", Metadata: cli.Examples(112, "tslab fault add --name slow --delay 20ms c1 delay"), Usage: "lay a fault on a host, or on one of its cables, as c1:eth0",
		ArgsUsage: "HOST[:INTERFACE] KIND",
		Flags: []ucli.Flag{
			runFlag(),
			&ucli.StringFlag{Name: "name", Usage: "call it `NAME`", DefaultText: "the kind and a number", Destination: &f.Name},
			&ucli.StringFlag{Name: "direction", Usage: "`WAY`: from, what the host sends, or to, what it receives", DefaultText: "both", Destination: &direction},
			&ucli.StringSliceFlag{Name: "peer", Usage: "only what is exchanged with `HOST`; may be repeated", Destination: &f.Peers},
			&ucli.StringFlag{Name: "protocol", Usage: "only `NAME`: " + strings.Join(fault.Protocols(), ", "), Destination: &f.Protocol},
			&ucli.Uint16Flag{Name: "port", Usage: "only TCP or UDP port `N`, at either end", DefaultText: "any", Destination: &port},
			&ucli.StringFlag{Name: "message", Usage: "only the message `NAME` of tslab fault messages", Destination: &f.Message},
			&ucli.IntFlag{Name: "nth", Usage: "only the `N`th of those", DefaultText: "all", Destination: &f.Nth},
			&ucli.IntFlag{Name: "times", Usage: "`N` of those", DefaultText: "one with --nth, else all", Destination: &f.Times},
			&ucli.StringFlag{Name: "level", Usage: "`LEVEL`: wire, the frame that a message begins in, or endpoint, the message inside the program", DefaultText: "endpoint over TCP", Destination: &level},
			&ucli.Float64Flag{Name: "percent", Usage: "the chance is `P` percent, which loss must be told", DefaultText: "100", Destination: &f.Percent},
			&ucli.DurationFlag{Name: "delay", Usage: "of delay and reorder, `TIME` as 100ms", DefaultText: "of reorder, 50ms", Destination: &f.Delay},
			&ucli.DurationFlag{Name: "jitter", Usage: "of delay, `TIME` more or less", DefaultText: "none", Destination: &f.Jitter},
			&ucli.BoolFlag{Name: "overtake", Usage: "frames with jitter may overtake each other", Destination: &f.Overtake},
			&ucli.IntFlag{Name: "gap", Usage: "of reorder, `N` frames overtake", DefaultText: "1", Destination: &f.Gap},
			&ucli.IntFlag{Name: "kbit", Usage: "of rate, `N` thousand bits a second", HideDefault: true, Destination: &f.Kilobits},
			&ucli.IntFlag{Name: "burst", Usage: "of rate, `BYTES` go at once after a lull", DefaultText: strconv.Itoa(fault.DefaultBurst), Destination: &f.Burst},
			&ucli.IntFlag{Name: "queue", Usage: "of rate, `BYTES` wait at most", DefaultText: strconv.Itoa(fault.DefaultQueue), Destination: &f.Queue},
			&ucli.StringFlag{Name: "checksum", Usage: "of corrupt, `kept` leaves it wrong", DefaultText: "renewed", Destination: &checksum},
			&ucli.IntFlag{Name: "copies", Usage: "of duplicate, `N` more arrive", DefaultText: "1", Destination: &f.Copies},
			&ucli.DurationFlag{Name: "after", Usage: "not before `TIME` from now", HideDefault: true, Destination: &f.Schedule.From},
			&ucli.DurationFlag{Name: "until", Usage: "no longer than until `TIME` from now", HideDefault: true, Destination: &f.Schedule.Until},
			&ucli.DurationFlag{Name: "every", Usage: "again every `TIME`, together with --lasting", HideDefault: true, Destination: &f.Schedule.Every},
			&ucli.DurationFlag{Name: "lasting", Usage: "for `TIME` of every period", HideDefault: true, Destination: &f.Schedule.For},
			&ucli.Uint64Flag{Name: "seed", Usage: "of its dice, `N`", DefaultText: "drawn from the lab's", Destination: &f.Seed},
		},
		Action: func(ctx context.Context, c *ucli.Command) error {
			args, err := cli.Args(c, 2, 2)
			if err != nil {
				return err
			}
			f.Host, f.Interface, _ = strings.Cut(args[0], ":")
			f.Kind, f.Port = fault.Kind(args[1]), port
			f.Direction, f.Level, f.Checksum = fault.Direction(direction), fault.Level(level), fault.Checksum(checksum)
			check := f
			if check.Name == "" {
				check.Name = string(f.Kind)
			}
			if err := check.Check(); err != nil {
				return cli.Usage("%v", err)
			}
			var laid fault.Fault
			if err := faultCall(ctx, c, "fault", f, &laid); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.Root().Writer, "%s: %s%s\n", laid.Name, laid, dice(laid))
			return err
		},
	}
}

// dice are the words about the seed of a fault that throws some: with --seed it does the
// same again.
func dice(f fault.Fault) string {
	if !f.Chance() {
		return ""
	}
	return fmt.Sprintf("; seed %d", f.Seed)
}

// faultCall asks the kept lab.
func faultCall(ctx context.Context, c *ucli.Command, op string, in, out any) error {
	folder, err := keptLab(ctx, c.String("run"))
	if err != nil {
		return err
	}
	err = control.Call(ctx, folder, op, in, out)
	if said, ok := errors.AsType[*control.Error](err); ok { // it names the fault, and is enough
		err = errors.New(said.Text)
	}
	return err
}

func faultListCommand() *ucli.Command {
	return &ucli.Command{
		Name: "list", Metadata: cli.Examples(113, "tslab fault list"), Usage: "list the faults that are laid, with what they have done",
		Flags: []ucli.Flag{runFlag(), cli.JSONFlag(), &ucli.BoolFlag{Name: "all", Usage: "also those that are healed"}},
		Action: func(ctx context.Context, c *ucli.Command) error {
			if _, err := cli.Args(c, 0, 0); err != nil {
				return err
			}
			var records []netlab.FaultRecord
			if err := faultCall(ctx, c, "faults", nil, &records); err != nil {
				return err
			}
			if !c.Bool("all") {
				records = slices.DeleteFunc(records, func(r netlab.FaultRecord) bool { return !r.Healed.IsZero() })
			}
			if c.Bool("json") {
				return cli.JSON(c.Root().Writer, records)
			}
			t := cli.Table{Header: []string{"NAME", "DONE", "OF", "WHAT"}}
			for _, r := range records {
				done, matched := r.Total()
				text := r.Text
				if r.Fault != nil {
					text += dice(*r.Fault)
				}
				if !r.Healed.IsZero() {
					text = "healed: " + text
				}
				t.Row(r.Name, done, matched, text)
			}
			return t.Print(c.Root().Writer)
		},
	}
}

func faultRemoveCommand() *ucli.Command {
	return &ucli.Command{
		Name: "remove", Metadata: cli.Examples(115, "tslab fault remove slow"), Aliases: []string{"heal"}, Usage: "take faults away", ArgsUsage: "NAME... | --all",
		Flags: []ucli.Flag{runFlag(), &ucli.BoolFlag{Name: "all", Usage: "every fault"}},
		Action: func(ctx context.Context, c *ucli.Command) error {
			names, err := cli.Args(c, 0, -1)
			if err != nil {
				return err
			}
			if c.Bool("all") == (len(names) > 0) {
				return cli.Usage("name the faults to take away, or say --all")
			}
			if names == nil {
				names = []string{}
			}
			return faultCall(ctx, c, "heal", names, nil)
		},
	}
}

func faultPartitionCommand() *ucli.Command {
	return &ucli.Command{
		Name: "partition", Metadata: cli.Examples(114, "tslab fault partition c1 ts1"), Usage: "cut groups of hosts off from each other", ArgsUsage: "HOST,HOST... HOST,HOST...",
		Flags: []ucli.Flag{runFlag(), &ucli.StringFlag{Name: "name", Usage: "call it `NAME`", DefaultText: "partition-1"}},
		Action: func(ctx context.Context, c *ucli.Command) error {
			args, err := cli.Args(c, 2, -1)
			if err != nil {
				return err
			}
			r := partitionRequest{Name: c.String("name")}
			for _, group := range args {
				r.Groups = append(r.Groups, strings.Split(group, ","))
			}
			var name string
			if err := faultCall(ctx, c, "partition", r, &name); err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.Root().Writer, name)
			return err
		},
	}
}

func faultKindsCommand() *ucli.Command {
	return &ucli.Command{
		Name: "kinds", Metadata: cli.Examples(112, "tslab fault kinds"), Usage: "list the kinds of faults: what they take, and which engine does them",
		Action: func(_ context.Context, c *ucli.Command) error {
			if _, err := cli.Args(c, 0, 0); err != nil {
				return err
			}
			t := cli.Table{Header: []string{"KIND", "NEEDS", "TAKES", "USER", "EBPF", "INSIDE"}}
			yes := map[bool]string{true: "yes", false: "-"}
			for _, v := range fault.Verbs() {
				t.Row(v.Kind, strings.Join(v.Needs, " "), strings.Join(v.Takes, " "), yes[v.Kind != fault.Truncate], yes[v.Kernel], yes[v.Inside])
			}
			if err := t.Print(c.Root().Writer); err != nil {
				return err
			}
			for _, v := range fault.Verbs() {
				if _, err := fmt.Fprintf(c.Root().Writer, "\n%s: %s", v.Kind, v.Text); err != nil {
					return err
				}
			}
			_, err := fmt.Fprintln(c.Root().Writer)
			return err
		},
	}
}

func faultMessagesCommand() *ucli.Command {
	return &ucli.Command{
		Name: "messages", Metadata: cli.Examples(112, "tslab fault messages"), Usage: "list the messages that a fault can name",
		Action: func(_ context.Context, c *ucli.Command) error {
			if _, err := cli.Args(c, 0, 0); err != nil {
				return err
			}
			_, err := fmt.Fprintln(c.Root().Writer, strings.Join(fault.MessageNames(), "\n"))
			return err
		},
	}
}
