//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	ucli "github.com/urfave/cli/v3"
	"golang.org/x/sys/unix"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/netns"
	"github.com/tslab/tslab/netlab/report"
	"github.com/tslab/tslab/netlab/script"
)

const (
	superviseFlag = "supervise" // hidden: this process keeps the lab
	upSentinel    = "\x04up"    // a line of the supervisor's: the lab is up
	upLog         = "up.log"    // what the supervisor says after that
)

func upCommand() *ucli.Command {
	return &ucli.Command{
		Name: "up", Metadata: cli.Examples(110, "tslab up lan.star"),
		Usage:     "build the network of a drill, carry the drill out, and keep the lab running for working by hand",
		ArgsUsage: "DRILL",
		Description: "DRILL may declare nets and hosts only. `tslab exec`, `tslab clock` and `tslab down` find the lab by the folder\n" +
			"of the run. A process in the background keeps it; when that ends, however it ends, nothing is left of the\n" +
			"lab but the folder. --forward lets a client of this machine into the lab, from a host called outside.",
		Flags: []ucli.Flag{
			outFlag(),
			&ucli.StringSliceFlag{Name: "forward", Usage: "let 127.0.0.1:PORT of this machine lead to a host's port, `[PORT:]HOST:PORT`; may be repeated"},
			&ucli.StringFlag{Name: "edition", Usage: "servers that are told none are of this edition, `NAME`"},
			engineFlag(),
			seedFlag(), dateFlag(),
			&ucli.BoolFlag{Name: superviseFlag, Hidden: true},
		},
		Action: func(ctx context.Context, c *ucli.Command) error {
			drill, err := drillOf(c)
			if err != nil {
				return err
			}
			if err := drill.Check(); err != nil {
				return err
			}
			engine, ground, err := chosenEngine(c)
			if err != nil {
				return err
			}
			o, forwards, err := upOptions(c, drill)
			o.Engine = engine
			switch {
			case err != nil:
				return err
			case !c.Bool(superviseFlag):
				return startSupervisor(ctx, c, o.Folder)
			case !netns.Inside():
				listeners, err := listenAll(forwards)
				if err != nil {
					return err
				}
				for i, l := range listeners {
					go serveForward(l, o.Folder, forwards[i])
				}
				return reexec(ground)
			}
			return keep(ctx, drill, o)
		},
	}
}

func upOptions(c *ucli.Command, drill script.Drill) (script.Options, []forward, error) {
	o, err := drillOptions(c, drill)
	if err != nil {
		return o, nil, err
	}
	o.Out = c.Root().Writer
	legs, err := drill.Legs(o)
	if err != nil {
		return o, nil, err
	}
	if len(legs) > 1 {
		return o, nil, cli.Usage("%s is a matrix of editions; choose one with --edition", drill.Name)
	}
	if o.Edition = legs[0].Edition; c.String("out") == "" {
		o.Folder = legs[0].Folder // where tslab run leaves it
	}
	var forwards []forward
	for _, text := range c.StringSlice("forward") {
		f, err := parseForward(text)
		if err != nil {
			return o, nil, cli.Usage("--forward %q: %v", text, err)
		}
		forwards = append(forwards, f)
		if !slices.Contains(o.Reach, f.host) {
			o.Reach = append(o.Reach, f.host)
		}
	}
	return o, forwards, nil
}

// startSupervisor starts this program again to keep the lab, passes on what it says
// until the lab is up, and leaves it alone then.
func startSupervisor(ctx context.Context, c *ucli.Command, folder string) error {
	cmd := exec.Command("/proc/self/exe", append([]string{"up", "--" + superviseFlag}, os.Args[slices.Index(os.Args, "up")+1:]...)...)
	cmd.Args[0] = os.Args[0]
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C is for other programs later
	out, told, err := os.Pipe()
	if err != nil {
		return err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = told, told
	err = cmd.Start()
	told.Close()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	defer stop()
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if strings.HasPrefix(line, upSentinel) {
			fmt.Fprintf(c.Root().Writer, "\nThe lab is up, kept by process %d.\n\n  tslab hosts --run %[2]s\n  tslab exec --run %[2]s HOST COMMAND\n  tslab clock --run %[2]s +1d\n  tslab down --run %[2]s\n",
				cmd.Process.Pid, folder)
			return cmd.Process.Release()
		}
		if _, writeErr := io.WriteString(c.Root().Writer, line); writeErr != nil {
			return writeErr
		}
		if err != nil { // it has ended and said why
			_ = cmd.Wait()
			return cli.Exit(max(cmd.ProcessState.ExitCode(), cli.CodeRefused), nil)
		}
	}
}

// keep carries out the drill and keeps its lab until it is told to give it up.
func keep(ctx context.Context, drill script.Drill, o script.Options) error {
	ctx, err := netns.Enter(ctx)
	if err != nil {
		return err
	}
	o.Keep = func(ctx context.Context, lab *netlab.Lab) error {
		return (&hands{lab: lab, down: make(chan struct{})}).keep(ctx)
	}
	o.Report = report.Write
	record, err := script.Run(ctx, drill, o)
	if record.Verdict == netlab.Interrupted {
		return cli.Exit(codeInterrupted, err)
	}
	return err
}

// detach tells whoever started the supervisor that the lab is up, and lets what is
// said from now on go to a file.
func detach(folder string) error {
	log, err := os.OpenFile(filepath.Join(folder, upLog), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	fmt.Println(upSentinel)
	return errors.Join(unix.Dup3(int(log.Fd()), 1, 0), unix.Dup3(int(log.Fd()), 2, 0))
}

func downCommand() *ucli.Command {
	return &ucli.Command{
		Name: "down", Metadata: cli.Examples(120, "tslab down"),
		Usage: "end a lab that `tslab up` keeps, and write its capture",
		Flags: []ucli.Flag{runFlag()},
		Action: func(ctx context.Context, c *ucli.Command) error {
			if _, err := cli.Args(c, 0, 0); err != nil {
				return err
			}
			folder, err := keptLab(ctx, c.String("run"))
			if err != nil {
				return err
			}
			dir, err := os.Open(folder)
			if err != nil {
				return err
			}
			defer dir.Close()
			if err := control.Call(ctx, folder, "down", nil, nil); err != nil {
				return err
			}
			if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil { // the lab holds it to its end
				return err
			}
			_, err = fmt.Fprintf(c.Root().Writer, "The lab is down; its capture is %s.\n", filepath.Join(folder, netlab.CaptureName))
			return err
		},
	}
}

func runFlag() ucli.Flag {
	return &ucli.StringFlag{Name: "run", Usage: "the lab of this folder, `DIR`", DefaultText: "the only one that is up under runs/"}
}

// keptLab finds the folder of the lab that is up: the one that is named, or the only
// one there is under runs.
func keptLab(ctx context.Context, named string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if named != "" {
		err := control.Call(ctx, named, "status", nil, nil)
		if errors.Is(err, control.ErrNotRunning) {
			err = fmt.Errorf("no lab is up in %s; `tslab up` builds one", named)
		}
		return named, err
	}
	up := keptLabs(ctx)
	switch len(up) {
	case 1:
		return up[0], nil
	case 0:
		return "", errors.New("no lab is up under runs/; `tslab up DRILL` builds one, --run names one elsewhere")
	}
	return "", fmt.Errorf("%d labs are up; choose one with --run: %s", len(up), strings.Join(up, ", "))
}

// keptLabs are the folders of the labs that are up under runs.
func keptLabs(ctx context.Context) []string {
	sockets, _ := filepath.Glob(filepath.Join("runs", "*", handsName)) // the patterns are good
	legs, _ := filepath.Glob(filepath.Join("runs", "*", "*", handsName))
	var up []string
	for _, socket := range slices.Concat(sockets, legs) {
		if folder := filepath.Dir(socket); control.Call(ctx, folder, "status", nil, nil) == nil {
			up = append(up, folder)
		}
	}
	return up
}

// newestKept is the folder of the lab under runs that came up last of those that are
// up, and when that was; "" without any.
func newestKept(ctx context.Context) (folder string, since time.Time) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for _, lab := range keptLabs(ctx) {
		info, err := os.Stat(filepath.Join(lab, handsName))
		if err == nil && info.ModTime().After(since) {
			folder, since = lab, info.ModTime()
		}
	}
	return folder, since
}
