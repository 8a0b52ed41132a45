//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	ucli "github.com/urfave/cli/v3"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/tslab/tslab/internal/cli"
)

// drainTime is how long (elapsed time) a command's last words may take to come out of
// its terminal, when others that it has started hold that open.
const drainTime = 200 * time.Millisecond

func execCommand() *ucli.Command {
	firstArg := 1 // what stands behind the host is the command's
	return &ucli.Command{
		Name: "exec", Metadata: cli.Examples(111, "tslab exec c1 -- hostname", "tslab exec c1 cat -n /etc/hosts"),
		Usage:     "run a program in a host of a lab that `tslab up` keeps",
		ArgsUsage: "HOST [--] COMMAND [ARGUMENT...]",
		Description: "Input and output are the program's, and its exit status is this command's. On a terminal it has one of its\n" +
			"own, so that a shell has job control, and Ctrl-C goes to what runs in it: tslab exec ts1 bash",
		Flags:        []ucli.Flag{runFlag()},
		StopOnNthArg: &firstArg,
		Action: func(ctx context.Context, c *ucli.Command) error {
			args, err := cli.Args(c, 2, -1)
			if err != nil {
				return err
			}
			folder, err := keptLab(ctx, c.String("run"))
			if err != nil {
				return err
			}
			code, err := execute(ctx, folder, handful{Host: args[0], Argv: args[1:]})
			if err != nil || code == 0 {
				return err
			}
			return cli.Exit(code, nil)
		},
	}
}

// execute has a command run in the lab of folder: with the files of this process or, where
// they are a terminal, with one of its own.
func execute(ctx context.Context, folder string, r handful) (int, error) {
	if term.IsTerminal(0) && term.IsTerminal(1) {
		return executeOnTerminal(ctx, folder, r)
	}
	a, err := hand(ctx, folder, r, os.Stdin, os.Stdout, os.Stderr)
	return a.Exit, err
}

// executeOnTerminal gives the command a terminal of its own and passes on what is typed
// here and what is said there.
func executeOnTerminal(ctx context.Context, folder string, r handful) (int, error) {
	outer, inner, err := openTerminal()
	if err != nil {
		return 0, err
	}
	defer outer.Close()
	defer inner.Close()
	resize(outer)
	sizes := make(chan os.Signal, 1)
	signal.Notify(sizes, syscall.SIGWINCH)
	defer signal.Stop(sizes)
	go func() {
		for range sizes {
			resize(outer)
		}
	}()
	before, err := term.MakeRaw(0)
	if err != nil {
		return 0, err
	}
	defer term.Restore(0, before)
	go io.Copy(outer, os.Stdin) // until this process ends
	var said sync.WaitGroup
	said.Go(func() { _, _ = io.Copy(os.Stdout, outer) }) // its end is an error: nobody holds the other side
	r.Terminal, r.Env = true, []string{"TERM=" + os.Getenv("TERM")}
	a, err := hand(ctx, folder, r, inner, inner, inner)
	inner.Close()
	_ = outer.SetReadDeadline(time.Now().Add(drainTime))
	said.Wait()
	return a.Exit, err
}

// openTerminal makes a terminal: whoever has the inner side is on it, and the outer side
// has the keys and the screen.
func openTerminal() (outer, inner *os.File, err error) {
	outer, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("no terminal can be had: %w", err)
	}
	raw, err := outer.SyscallConn() // Fd would take the deadline away
	if err != nil {
		return nil, nil, errors.Join(err, outer.Close())
	}
	number := 0
	controlErr := raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err = errors.Join(err, controlErr); err == nil {
		inner, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("no terminal can be had: %w", errors.Join(err, outer.Close()))
	}
	return outer, inner, nil
}

// resize gives a terminal the size of the one that this process is on.
func resize(outer *os.File) {
	size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
	if err != nil {
		return
	}
	raw, err := outer.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _ = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, size) }) // it stays as it is then
}
