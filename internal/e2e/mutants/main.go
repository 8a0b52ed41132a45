// Command mutants makes small mistakes in a copy of the program, one at a time, and
// says which of them no test and no drill notices. Each mistake is a file beside this
// one, which names the test that should notice it; that one is run, before the mistake
// is made and after. It is run by make mutants.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// folder is where the mutants are, from the module's root.
const folder = "internal/e2e/mutants"

func main() {
	workers := flag.Int("j", 1, "so many at once")
	only := flag.String("only", "", "those whose name or part begins so")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, ".", *workers, *only); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// verdict is what became of one mutant.
type verdict struct {
	mutant
	survived bool
	err      error
	took     time.Duration
}

// run tries the mutants of the module at root.
func run(ctx context.Context, w io.Writer, root string, workers int, only string) error {
	list, err := read(os.DirFS(filepath.Join(root, filepath.FromSlash(folder))))
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(m mutant) bool { return !strings.HasPrefix(m.name, only) && !strings.HasPrefix(m.part, only) })
	if len(list) == 0 {
		return fmt.Errorf("there is no mutant %q", only)
	}
	temp, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	var trees []*tree
	for i := range max(workers, 1) {
		t, err := copyTree(ctx, root, filepath.Join(temp, fmt.Sprint(i)))
		if err != nil {
			return err
		}
		trees = append(trees, t)
	}
	return tell(ctx, w, len(list), try(ctx, trees, list))
}

// try tries mutants, in each tree one at a time.
func try(ctx context.Context, trees []*tree, list []mutant) <-chan verdict {
	todo, done := make(chan mutant), make(chan verdict)
	var calm sync.Map // what notices mutants and is content without one: its sync.Once and error
	var all sync.WaitGroup
	for _, t := range trees {
		all.Go(func() {
			for m := range todo {
				began := time.Now()
				survived, err := t.try(ctx, m, &calm)
				done <- verdict{m, survived, err, time.Since(began)}
			}
		})
	}
	go func() {
		defer close(done)
		defer all.Wait()
		defer close(todo)
		for _, m := range list {
			select {
			case todo <- m:
			case <-ctx.Done():
				return
			}
		}
	}()
	return done
}

// try tries one mutant. What is to notice it must be content without it.
func (t *tree) try(ctx context.Context, m mutant, calm *sync.Map) (survived bool, err error) {
	once := sync.OnceValue(func() error {
		content, err := t.passes(ctx, m)
		if err == nil && !content {
			err = fmt.Errorf("%s fails also without the mutant", m.noticed())
		}
		return err
	})
	first, _ := calm.LoadOrStore(m.noticed(), once)
	if err := first.(func() error)(); err != nil {
		return false, err
	}
	err = t.with(m, func() (err error) {
		survived, err = t.passes(ctx, m)
		return err
	})
	return survived, err
}

// tell prints a line for each mutant and fails when one survived.
func tell(ctx context.Context, w io.Writer, all int, done <-chan verdict) error {
	var survivors, wrong []string
	n := 0
	for v := range done {
		n++
		what := "noticed"
		switch {
		case v.err != nil:
			what = "ERROR: " + v.err.Error()
			wrong = append(wrong, v.name)
		case v.survived:
			what = "SURVIVES"
			survivors = append(survivors, v.name)
		}
		fmt.Fprintf(w, "%-16s %-34s %5.1f s  %s  [%s]\n", v.part, v.name, v.took.Seconds(), what, v.noticed())
	}
	fmt.Fprintf(w, "%d of %d mutants tried, %d noticed, %d survived\n", n, all, n-len(survivors)-len(wrong), len(survivors))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case len(survivors) > 0:
		return fmt.Errorf("nobody notices %s: mend the tests", strings.Join(survivors, ", "))
	case len(wrong) > 0:
		return fmt.Errorf("could not be tried: %s", strings.Join(wrong, ", "))
	}
	return nil
}
