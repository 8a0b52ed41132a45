// Package cli is what all commands have in common: how they end, what they print on
// an error, the flags of a daemon and the table. A command itself is described once,
// as a value of urfave/cli; help, usage errors and completion come from it.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"unicode"

	"github.com/urfave/cli/v3"
)

// The exit codes that mean the same in every command. Others are a command's own and
// stand in its help.
const (
	CodeDone    = 0
	CodeRefused = 1 // refused, or an error
	CodeUsage   = 2
	CodeNothing = 3 // there was nothing to do

	// CodeInterrupted is that of a command that was interrupted before it was done,
	// as a shell reports it. A program that serves until then is done: 0.
	CodeInterrupted = 130
)

// exitError is an error with an exit code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// Exit makes err end the command with the exit code. A nil err ends it in silence.
func Exit(code int, err error) error { return &exitError{code, err} }

// Usage is an error of how the command was called: exit code 2 and a hint at --help.
func Usage(format string, args ...any) error {
	return &exitError{CodeUsage, fmt.Errorf(format, args...)}
}

// Main runs the command with the process's arguments and ends the process. Interrupt
// and termination end ctx; a second one kills.
func Main(ctx context.Context, cmd *cli.Command) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(Run(ctx, cmd, os.Args, os.Stdout, os.Stderr))
}

// Run runs the command with the arguments (the first is the program's name) and
// returns the exit code. It prints an error as one sentence that begins with the
// command's name; an interruption needs no word.
func Run(ctx context.Context, cmd *cli.Command, args []string, stdout, stderr io.Writer) int {
	if len(args) == 2 && strings.HasPrefix(args[1], docsFlag) {
		return end(cmd, writeDocs(stdout, cmd, args[1][len(docsFlag):]), stderr)
	}
	called := prepare(cmd, stdout, stderr)
	err := cmd.Run(ctx, args)
	switch {
	case err == nil:
		return CodeDone
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return CodeInterrupted
	}
	code := CodeRefused
	if e, ok := errors.AsType[*exitError](err); ok {
		code = e.code
		if e.err == nil {
			return code
		}
	}
	fmt.Fprintf(stderr, "%s: %s\n", cmd.Name, oneLine(err.Error()))
	if code == CodeUsage {
		fmt.Fprintf(stderr, "Try '%s --help'.\n", called())
	}
	return code
}

// end is the exit code of a command that has no call of its own.
func end(cmd *cli.Command, err error, stderr io.Writer) int {
	if err == nil {
		return CodeDone
	}
	fmt.Fprintf(stderr, "%s: %s\n", cmd.Name, oneLine(err.Error()))
	return CodeUsage
}

// prepare gives the command and those under it the behavior that all have. called is
// the full name of the one that was called, once one was.
func prepare(cmd *cli.Command, stdout, stderr io.Writer) (called func() string) {
	last := cmd
	cmd.Writer, cmd.ErrWriter = stdout, stderr
	cmd.ExitErrHandler = func(context.Context, *cli.Command, error) {}
	var each func(c *cli.Command)
	each = func(c *cli.Command) {
		c.Description = withExamples(c)
		c.HideHelpCommand = len(c.Commands) == 0 // "help" is an argument there
		c.OnUsageError = func(_ context.Context, _ *cli.Command, err error, _ bool) error {
			last = c
			return Exit(CodeUsage, err)
		}
		if c.Action == nil && len(c.Commands) > 0 {
			c.Action = requireCommand
		}
		if action := c.Action; action != nil {
			c.Action = func(ctx context.Context, c *cli.Command) error {
				last = c
				return action(ctx, c)
			}
		}
		for _, sub := range c.Commands {
			each(sub)
		}
	}
	each(cmd)
	return func() string { return last.FullName() }
}

// requireCommand is the action of a command that only has commands under it.
func requireCommand(_ context.Context, c *cli.Command) error {
	if name := c.Args().First(); name != "" {
		return Usage("there is no command %q", name)
	}
	return cli.ShowSubcommandHelp(c)
}

// Args returns the command's arguments when their number is between least and most
// (most < 0: any number), and a usage error otherwise.
func Args(c *cli.Command, least, most int) ([]string, error) {
	args := c.Args().Slice()
	if len(args) < least {
		return nil, Usage("%s: an argument is missing: %s", c.Name, c.ArgsUsage)
	}
	if most >= 0 && len(args) > most {
		return nil, Usage("%s: unexpected argument %q", c.Name, args[most])
	}
	return args, nil
}

func oneLine(s string) string {
	lines := strings.FieldsFunc(s, func(r rune) bool { return r == '\n' })
	return Printable(strings.Join(lines, "; "))
}

// Printable replaces what would move the cursor or change the terminal: names and
// texts come from other machines.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
