package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/harness"
)

// bound is how long a test of this package may take on a slow machine.
const bound = 3 * time.Minute

// programs is where the built programs lie; TestMain sets it once.
var programs string

func TestMain(m *testing.M) {
	dir, done, err := harness.Programs()
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	programs = dir
	code := m.Run()
	done()
	os.Exit(code)
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	t.Cleanup(cancel)
	return ctx
}

func newFarm(t *testing.T) *harness.Farm {
	t.Helper()
	f, err := harness.NewFarm(programs, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}
