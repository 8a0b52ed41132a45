//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	ucli "github.com/urfave/cli/v3"
	"golang.org/x/sync/errgroup"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/drills"
	"github.com/tslab/tslab/netlab/script"
)

// endPatience is how long a run may take to write its capture when it is interrupted.
const endPatience = 30 * time.Second

// everyDrill is one run of `tslab run --all`.
type everyDrill struct {
	records []*netlab.Record
	failed  bool
}

// runAll runs every drill that comes with the lab, at most n at once, each in a
// process of its own. A line says that one begins, its story follows whole when it
// has ended.
func runAll(ctx context.Context, c *ucli.Command, n int) error {
	all, err := script.List(drills.Files)
	if err != nil {
		return err
	}
	var out io.Writer = c.Root().Writer
	if c.Bool("json") {
		out = os.Stderr
	}
	root := c.String("out")
	if root == "" {
		root = "runs"
	}
	began := time.Now()
	ended := make([]everyDrill, len(all))
	var g errgroup.Group
	var mu sync.Mutex
	g.SetLimit(n)
	for i, d := range all {
		g.Go(func() error {
			if ctx.Err() != nil {
				return nil
			}
			mu.Lock()
			fmt.Fprintf(out, "%s begins\n", d.Name)
			mu.Unlock()
			story, e, err := runOne(ctx, c, d.Name, filepath.Join(root, d.Name))
			mu.Lock()
			defer mu.Unlock()
			ended[i] = e
			_, writeErr := fmt.Fprintf(out, "\n%s", story)
			return errors.Join(err, writeErr)
		})
	}
	err = g.Wait()
	t, sum, records, failed := summary(all, ended)
	fmt.Fprintln(out)
	err = errors.Join(err, t.Print(out))
	_, writeErr := fmt.Fprintf(out, "\n%s; %v in all\n", sum, time.Since(began).Round(time.Second))
	err = errors.Join(err, writeErr, writeReports(records, c.String("junit"), c.Bool("json")))
	switch {
	case ctx.Err() != nil:
		return cli.Exit(codeInterrupted, err)
	case err != nil:
		return err
	case failed > 0:
		return cli.Exit(cli.CodeRefused, fmt.Errorf("%d of %d drills did not pass", failed, len(all)))
	}
	return nil
}

// summary is a row for every leg of every drill, also of those that left no record, and
// what they come to.
func summary(all []script.Drill, ended []everyDrill) (t cli.Table, sum string, records []*netlab.Record, failed int) {
	t.Header = []string{"DRILL", "VERDICT", "TIME", "EXPECTATIONS"}
	passed, expectations := 0, 0
	for i, e := range ended {
		if e.failed || len(e.records) == 0 {
			failed++
		}
		if len(e.records) == 0 {
			t.Row(all[i].Name, "not run", "-", "-")
		}
		for _, r := range e.records {
			records = append(records, r)
			if r.Verdict == netlab.Passed {
				passed++
			}
			expectations += len(r.Expectations)
			t.Row(r.Name(), string(r.Verdict), fmt.Sprintf("%.1f s", r.Ended.Sub(r.Began).Seconds()), fmt.Sprint(len(r.Expectations)))
		}
	}
	return t, fmt.Sprintf("%d drills, %d runs: %d passed, %d expectations", len(all), len(records), passed, expectations), records, failed
}

// runOne runs a drill in a process of its own.
func runOne(ctx context.Context, c *ucli.Command, name, folder string) (story []byte, e everyDrill, err error) {
	args := []string{"run", "--json", "--out", folder, "--engine", c.String("engine"), "--seed", fmt.Sprint(c.Uint64("seed")), "--date", c.String("date")}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", append(args, name)...)
	cmd.Args[0] = os.Args[0]
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = endPatience
	// In a process group of its own, so that Ctrl-C comes once, from here.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	var said, report bytes.Buffer
	cmd.Stdout, cmd.Stderr = &report, &said
	err = cmd.Run()
	e.failed = err != nil
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		err = nil // the story has said why
	}
	if report.Len() > 0 {
		err = errors.Join(err, json.Unmarshal(report.Bytes(), &e.records))
	}
	return said.Bytes(), e, err
}

func checkCommand() *ucli.Command {
	return &ucli.Command{
		Name: "check", Metadata: cli.Examples(100, "tslab check first-logon"),
		Usage:     "say what is wrong with a drill, and what it lacks, without running it",
		ArgsUsage: "DRILL...",
		Description: "The drill is followed as far as it can be without a lab: what would end each run of it is told, as a host or\n" +
			"an event that there is not. It must have a title, and expectations about packets, events and the pool of a\n" +
			"license server, under each of its editions. Advice on the network it builds does not change the exit status.",
		Action: func(_ context.Context, c *ucli.Command) error {
			args, err := cli.Args(c, 1, -1)
			if err != nil {
				return err
			}
			var refused error
			for _, name := range args {
				drill, err := script.Load(drills.Files, name)
				if err != nil {
					return err
				}
				remarks, err := drill.Lint()
				for _, r := range remarks {
					if _, err := fmt.Fprintln(c.Root().Writer, r); err != nil {
						return err
					}
				}
				if err != nil { // a line each, which begins with the place
					refused = cli.Exit(cli.CodeRefused, nil)
					fmt.Fprintln(c.Root().ErrWriter, err)
				}
			}
			return refused
		},
	}
}
