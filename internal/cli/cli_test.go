package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	urfave "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
)

// command is a small program with every way to end.
func command() *urfave.Command {
	return &urfave.Command{
		Name: "licmgr",
		Commands: []*urfave.Command{
			{Name: "fail", Action: func(context.Context, *urfave.Command) error { return errors.New("store: locked\nby pid 7") }},
			{Name: "nothing", Action: func(context.Context, *urfave.Command) error { return cli.Exit(cli.CodeNothing, nil) }},
			{Name: "free", Action: func(context.Context, *urfave.Command) error { return cli.Exit(5, errors.New("no route")) }},
			{Name: "stop", Action: func(ctx context.Context, _ *urfave.Command) error { return fmt.Errorf("serve: %w", context.Canceled) }},
			{Name: "pack", ArgsUsage: "FILE", Flags: []urfave.Flag{&urfave.IntFlag{Name: "count"}},
				Action: func(_ context.Context, c *urfave.Command) error {
					args, err := cli.Args(c, 1, 1)
					if err == nil {
						fmt.Fprintln(c.Root().Writer, args[0], c.Int("count"))
					}
					return err
				}},
			{Name: "run", Flags: cli.DaemonFlags(":3389"), Action: func(_ context.Context, c *urfave.Command) error {
				return cli.JSON(c.Root().Writer, cli.DaemonFrom(c))
			}},
		},
	}
}

func TestRun(t *testing.T) {
	for _, tt := range []struct {
		args        string
		code        int
		out, errOut string // parts of it
	}{
		{"fail", cli.CodeRefused, "", "licmgr: store: locked; by pid 7\n"},
		{"nothing", cli.CodeNothing, "", ""},
		{"free", 5, "", "licmgr: no route\n"},
		{"pack f --count 3", cli.CodeDone, "f 3\n", ""},
		{"pack --count 3 f", cli.CodeDone, "f 3\n", ""},
		{"pack --count x f", cli.CodeUsage, "", "invalid value \"x\""},
		{"pack --cuont 3 f", cli.CodeUsage, "", "Try 'licmgr pack --help'.\n"},
		{"pack h", cli.CodeDone, "h 0\n", ""},
		{"pack help --count 2", cli.CodeDone, "help 2\n", ""},
		{"help pack", cli.CodeDone, "licmgr pack", ""},
		{"pack", cli.CodeUsage, "", "licmgr: pack: an argument is missing: FILE\n"},
		{"pack a b", cli.CodeUsage, "", `licmgr: pack: unexpected argument "b"`},
		{"bogus", cli.CodeUsage, "", "licmgr: there is no command \"bogus\"\nTry 'licmgr --help'.\n"},
		{"", cli.CodeDone, "pack", ""},
		{"--help", cli.CodeDone, "pack", ""},
		{"run", cli.CodeUsage, "", `"state" not set`},
		{"run --state d --host ts1 --clock c", cli.CodeDone, `"State":"d","Host":"ts1","Listen":":3389","Clock":"c"`, ""},
	} {
		t.Run(tt.args, func(t *testing.T) {
			var out, errOut bytes.Buffer
			args := append([]string{"licmgr"}, strings.Fields(tt.args)...)
			if code := cli.Run(t.Context(), command(), args, &out, &errOut); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if !strings.Contains(out.String(), tt.out) || tt.out == "" && out.Len() > 0 {
				t.Errorf("printed %q, want %q", out.String(), tt.out)
			}
			if !strings.Contains(errOut.String(), tt.errOut) || tt.errOut == "" && errOut.Len() > 0 {
				t.Errorf("complained %q, want %q", errOut.String(), tt.errOut)
			}
		})
	}
}

// TestInterrupted: what was not done is not done, whoever stopped it.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	if code := cli.Run(ctx, command(), []string{"licmgr", "stop"}, &out, &out); code != cli.CodeInterrupted || out.Len() > 0 {
		t.Errorf("exit code %d, printed %q", code, out.String())
	}
}

func TestTable(t *testing.T) {
	table := cli.Table{Header: []string{"Device", "Days"}}
	table.Row("PC-Ä", 90)
	table.Row("  a line that is longer than its column")
	table.Row("PC-LONGER", 7)
	var b strings.Builder
	if err := table.Print(&b); err != nil {
		t.Fatal(err)
	}
	want := "Device     Days\nPC-Ä       90\n  a line that is longer than its column\nPC-LONGER  7\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestReadInput: a document comes from a file or from standard input, and never more of
// it than a document has.
func TestReadInput(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, bytes.Repeat([]byte("x"), cli.MaxInput+5), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := &urfave.Command{Reader: strings.NewReader("typed")}
	for path, want := range map[string]int{"-": 5, file: cli.MaxInput} {
		if text, err := cli.ReadInput(cmd, path); err != nil || len(text) != want {
			t.Errorf("%s: %d bytes, %v; want %d", path, len(text), err, want)
		}
	}
	if _, err := cli.ReadInput(cmd, file+".none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
