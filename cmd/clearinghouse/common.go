package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/crash"
	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/internal/program"
	"github.com/tslab/tslab/ls/clearinghouse"
)

// self is how the state folder names its owner; a clearinghouse is of no host.
const self = "clearinghouse"

func owned(c *cli.Command) error { return program.Owned(c.String("state"), self, self) }

// with runs f on the clearinghouse that --state names.
func with(c *cli.Command, f func(*clearinghouse.Clearinghouse) error) error {
	cal, closer, err := clock.Open(c.String("clock"))
	if err != nil {
		return err
	}
	defer closer.Close()
	if err := owned(c); err != nil {
		return err
	}
	h, err := clearinghouse.Open(c.String("state"), cal)
	if err != nil {
		return err
	}
	defer h.Close()
	return f(h)
}

// do does one operation: at the clearinghouse that is running in the state folder, or
// else in the folder itself.
func do(ctx context.Context, c *cli.Command, op clearinghouse.Op, form clearinghouse.Form) (clearinghouse.Answer, error) {
	return askWith(ctx, c, string(op), form, func(h *clearinghouse.Clearinghouse) (clearinghouse.Answer, error) { return h.Do(op, form) })
}

// ask does a control operation without input in the same way.
func ask[T any](ctx context.Context, c *cli.Command, op string, f func(*clearinghouse.Clearinghouse) (T, error)) (T, error) {
	return askWith(ctx, c, op, nil, f)
}

func askWith[T any](ctx context.Context, c *cli.Command, op string, in any, f func(*clearinghouse.Clearinghouse) (T, error)) (answer T, err error) {
	if clearinghouse.Exists(c.String("state")) {
		err := control.Call(ctx, c.String("state"), op, in, &answer)
		if e, ok := errors.AsType[*control.Error](err); ok {
			return answer, errors.New(e.Text)
		}
		if !errors.Is(err, control.ErrNotRunning) {
			return answer, err
		}
	}
	err = with(c, func(h *clearinghouse.Clearinghouse) (err error) {
		answer, err = f(h)
		return err
	})
	return answer, err
}

// checkOutput refuses a --output that cannot be written, before anything is issued.
func checkOutput(c *cli.Command) error {
	path := c.String("output")
	if path == "" {
		return nil
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("--output %s is a folder; name a file", path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return fmt.Errorf("--output %s: the folder does not exist; make it first", path)
	}
	return nil
}

// writeOutput writes to --output and then says so by note, else to standard output.
func writeOutput(c *cli.Command, text []byte, note string) error {
	crash.Here("document", crash.BeforeReply)
	defer crash.Here("document", crash.AfterReply)
	path := c.String("output")
	if path == "" {
		_, err := c.Root().Writer.Write(text)
		return err
	}
	if err := durable.WriteFile(path, text, 0o644); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.Root().Writer, "%s: %s\n", note, path)
	return err
}
