package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	testTimeout  = 4 * time.Minute
	drillTimeout = 5 * time.Minute
)

// tree is a copy of the module that mutants are applied to, one after the other.
type tree struct {
	root string
	runs int
}

// copyTree copies what git knows of a module, and what it does not ignore.
func copyTree(ctx context.Context, from, to string) (*tree, error) {
	list := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = from
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	for _, name := range strings.Split(strings.TrimRight(string(out), "\x00"), "\x00") {
		b, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, fs.ErrNotExist) { // deleted, and not told to git yet
			continue
		}
		path := filepath.Join(to, name)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, b, 0o755)); err != nil {
			return nil, err
		}
	}
	return &tree{root: to}, nil
}

// with makes a change, runs f, and takes the change back.
func (t *tree) with(m mutant, f func() error) error {
	path := filepath.Join(t.root, filepath.FromSlash(m.file))
	before, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s is stale: %w", m.name, err)
	}
	after, err := m.apply(string(before))
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(after), 0o755); err != nil {
		return err
	}
	return errors.Join(f(), os.WriteFile(path, before, 0o755))
}

// errBroken is a program that cannot be built, or a test that is not there.
var errBroken = errors.New("cannot be tried")

// passes runs what is expected to notice a mutant, and reports whether it is content.
func (t *tree) passes(ctx context.Context, m mutant) (bool, error) {
	if m.drill != "" {
		return t.drill(ctx, m)
	}
	ctx, cancel := context.WithTimeout(ctx, testTimeout+time.Minute)
	defer cancel()
	out, err := t.command(ctx, "go", "test", "-trimpath", "-buildvcs=false", "-vet=off", "-count=1", "-timeout", testTimeout.String(), "-run", m.run, m.pkg)
	switch {
	case strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]"):
		return false, fmt.Errorf("%s %w: it does not compile: %s", m.name, errBroken, out)
	case strings.Contains(out, "no tests to run") || strings.Contains(out, "[no test files]"):
		return false, fmt.Errorf("%s %w: %s has no test %s", m.name, errBroken, m.pkg, m.run)
	}
	return err == nil, ctx.Err()
}

// drill builds the programs and runs a drill with them.
func (t *tree) drill(ctx context.Context, m mutant) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, drillTimeout)
	defer cancel()
	if out, err := t.command(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", "bin"+string(filepath.Separator), "./cmd/..."); err != nil {
		return false, fmt.Errorf("%s %w: it does not compile: %s", m.name, errBroken, out)
	}
	name, edition, _ := strings.Cut(m.drill, " ")
	t.runs++
	args := []string{"run", "--out", filepath.Join(t.root, "runs", fmt.Sprint(t.runs))}
	if edition != "" {
		args = append(args, "--edition", edition)
	}
	_, err := t.command(ctx, filepath.Join(t.root, "bin", "tslab"), append(args, name)...)
	return err == nil, ctx.Err()
}

func (t *tree) command(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = t.root, append(os.Environ(), "CGO_ENABLED=0", "TSLAB_BIN=")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
