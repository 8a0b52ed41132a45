package cli_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	urfave "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
)

// described is a program with everything that a reference shows.
func described() *urfave.Command {
	return &urfave.Command{
		Name: "prog", Usage: "does things",
		Commands: []*urfave.Command{
			{Name: "one", Usage: "do one thing", ArgsUsage: "FILE", Description: "Once.\n  set in\n.dot",
				Metadata: cli.Examples(7, "prog one a", "prog one b"),
				Flags: []urfave.Flag{
					&urfave.StringFlag{Name: "state", Usage: "keep it in `DIR`", Required: true},
					&urfave.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write to `FILE`", DefaultText: "a|b"},
					&urfave.IntFlag{Name: "count", Usage: "so many", Value: 3},
					&urfave.BoolFlag{Name: "json", Usage: "print JSON"},
					&urfave.BoolFlag{Name: "secret", Hidden: true},
				},
				Action: func(context.Context, *urfave.Command) error { return nil }},
			{Name: "never", Hidden: true},
		},
	}
}

const markdownText = `## prog

Does things.

    prog COMMAND

### prog one

Do one thing.

    prog one [FLAGS] FILE

Once.
      set in
.dot

| flag | | otherwise |
|---|---|---|
| ` + "`--state DIR`" + ` | keep it in DIR | required |
| ` + "`--out, -o FILE`" + ` | write to FILE | a\|b |
| ` + "`--count VALUE`" + ` | so many | 3 |
| ` + "`--json`" + ` | print JSON |  |

` + "```sh\nprog one a\nprog one b\n```\n\n"

// TestDocs: help, manual page, completion and reference come from one description.
func TestDocs(t *testing.T) {
	docs := func(format string) string {
		var out, errs bytes.Buffer
		if code := cli.Run(t.Context(), described(), []string{"prog", "--docs=" + format}, &out, &errs); code != 0 {
			t.Fatalf("%s: %d %s", format, code, errs.String())
		}
		return out.String()
	}
	if diff := cmp.Diff(markdownText, docs("markdown")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := docs("examples"); got != "007 prog one a\n007 prog one b\n" {
		t.Errorf("examples %q", got)
	}
	man := docs("man")
	for _, want := range []string{".TH PROG 1", "prog \\- does things", ".SH PROG ONE\n.B prog one [FLAGS] FILE", "\n\\&.dot\n", ".TP\n.B \\-\\-out, \\-o FILE\nwrite to FILE (a|b)\n", "\nprog one a\nprog one b\n.fi\n"} {
		if !strings.Contains(man, want) {
			t.Errorf("no %q in\n%s", want, man)
		}
	}
	if got := docs("bash"); !strings.Contains(got, `"prog one") words="--state --out -o --count --json --help" ;;`) || strings.Contains(got, "never") || strings.Contains(got, "secret") {
		t.Error(got)
	}
	var out, errs bytes.Buffer
	if code := cli.Run(t.Context(), described(), []string{"prog", "--docs=pdf"}, &out, &errs); code != cli.CodeUsage || !strings.Contains(errs.String(), "markdown, man, bash or examples") {
		t.Errorf("%d %s", code, errs.String())
	}
	out.Reset()
	if code := cli.Run(t.Context(), described(), []string{"prog", "one", "--help"}, &out, &errs); code != 0 || !strings.Contains(out.String(), "Examples:\n     prog one a\n     prog one b") {
		t.Errorf("%d\n%s", code, out.String())
	}
}
