// Package harness starts the programs as a user would: built, by their command
// lines, told apart by their event logs. The tests and figures of the whole product
// stand on it; nothing that is shipped does.
package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// BinVariable names the folder of programs that are built already.
const BinVariable = "TSLAB_BIN"

// Programs returns the folder of the built programs: $TSLAB_BIN, or a new one that
// they are built into and that done removes.
func Programs() (dir string, done func(), err error) {
	if dir := os.Getenv(BinVariable); dir != "" {
		if _, err := os.Stat(filepath.Join(dir, "tslab")); err != nil {
			return "", nil, fmt.Errorf("%s: %w; run make build", BinVariable, err)
		}
		return dir, func() {}, nil
	}
	dir, err = os.MkdirTemp("", "tslab-bin-")
	if err != nil {
		return "", nil, err
	}
	done = func() { os.RemoveAll(dir) }
	if err := os.Chmod(dir, 0o755); err != nil { // another user may have to run them
		done()
		return "", nil, err
	}
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", dir, "github.com/tslab/tslab/cmd/...")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		done()
		return "", nil, fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return dir, done, nil
}

// Need returns an error that names the programs of other people that are missing.
func Need(programs ...string) error {
	var errs []error
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			errs = append(errs, fmt.Errorf("%s is not installed; run make deps", p))
		}
	}
	return errors.Join(errs...)
}
