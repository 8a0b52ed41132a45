package cli

import (
	"context"
	"io"

	"github.com/urfave/cli/v3"
)

// Daemon is what every long-running program is told on its command line.
type Daemon struct {
	State  string // folder of everything that outlives the process; never empty
	Host   string // name of the host in event logs
	Listen string
	Clock  string // file of the lab's calendar, "" for the machine's
	Events string // event log, "" for events.jsonl in the state folder
	KeyLog string // TLS key log, "" for none
}

// DaemonFlags are the flags of a daemon that listens on listen unless told otherwise.
// An empty listen leaves out the flag.
func DaemonFlags(listen string) []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "state", Usage: "keep state in `DIR`", Required: true},
		&cli.StringFlag{Name: "host", Usage: "`NAME` of this host in the event log", DefaultText: "the machine's name"},
		&cli.StringFlag{Name: "clock", Usage: "take the calendar from `FILE`", DefaultText: "the machine's clock"},
		&cli.StringFlag{Name: "events", Usage: "append the event log to `FILE`", DefaultText: "events.jsonl in the state folder"},
		&cli.StringFlag{Name: "keylog", Usage: "append TLS, RDP and licensing secrets for Wireshark to `FILE`", DefaultText: "none"},
	}
	if listen != "" {
		flags = append(flags, &cli.StringFlag{Name: "listen", Usage: "listen on `ADDR`", Value: listen})
	}
	return flags
}

// ParentFlags are [DaemonFlags] of a daemon with subcommands, which need no state
// folder: that there is one is then the daemon's to ask.
func ParentFlags(listen string) []cli.Flag {
	all := DaemonFlags(listen)
	for _, f := range all {
		if f, ok := f.(*cli.StringFlag); ok {
			f.Required = false
		}
	}
	return all
}

// Serving is the action of a daemon, which takes no arguments: it serves as its options
// say.
func Serving[O any](options func(*cli.Command) (O, error), serve func(context.Context, O, io.Writer) error) cli.ActionFunc {
	return func(ctx context.Context, c *cli.Command) error {
		if _, err := Args(c, 0, 0); err != nil {
			return err
		}
		o, err := options(c)
		if err != nil {
			return err
		}
		return serve(ctx, o, c.Root().Writer)
	}
}

// DaemonFrom reads the flags of [DaemonFlags].
func DaemonFrom(c *cli.Command) Daemon {
	return Daemon{
		State: c.String("state"), Host: c.String("host"), Listen: c.String("listen"),
		Clock: c.String("clock"), Events: c.String("events"), KeyLog: c.String("keylog"),
	}
}
