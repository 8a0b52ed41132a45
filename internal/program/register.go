package program

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/durable"
)

// Running is one program in the register of those that this user runs: a file each
// in a folder of the user's. The register is a hint; the
// control socket in the state folder says who lives.
type Running struct {
	Program string    `json:"program"`
	State   string    `json:"state"`
	PID     int       `json:"pid"`
	Address string    `json:"address"`
	Started time.Time `json:"started"` // machine's time

	path string // of its file
}

// registerDir is the folder of the register, private to the user.
func registerDir() (string, error) {
	dir := filepath.Join(os.TempDir(), "tslab-"+strconv.Itoa(os.Getuid()))
	if base := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(base) {
		dir = filepath.Join(base, "tslab")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("register of running servers: %w", err)
	}
	return dir, private(dir)
}

// Register enters this process; remove takes it out again.
func Register(program, state, address string) (remove func(), err error) {
	dir, err := registerDir()
	if err != nil {
		return nil, err
	}
	if state, err = filepath.Abs(state); err != nil {
		return nil, err
	}
	r := Running{Program: program, State: state, PID: os.Getpid(), Address: address, Started: time.Now().UTC()}
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(state)) // process ids repeat in labs
	path := filepath.Join(dir, fmt.Sprintf("%s-%d-%x.json", program, r.PID, sum[:4]))
	if err := durable.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return nil, fmt.Errorf("register of running servers: %w", err)
	}
	return func() { os.Remove(path) }, nil
}

// probeTimeout is how long a program may take to say that it lives.
const probeTimeout = time.Second

// Newest is the one that was started last of those of the programs that live. Entries
// of dead ones are taken out; one that does not answer is passed over.
func Newest(ctx context.Context, programs ...string) (Running, error) {
	dir, err := registerDir()
	if err != nil {
		return Running{}, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return Running{}, err
	}
	var all []Running
	for _, path := range files {
		var r Running
		text, err := os.ReadFile(path)
		if err == nil && json.Unmarshal(text, &r) == nil && slices.Contains(programs, r.Program) {
			r.path = path
			all = append(all, r)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Started.After(all[j].Started) })
	silent := ""
	for _, r := range all {
		switch err := r.probe(ctx); {
		case err == nil:
			return r, nil
		case ctx.Err() != nil:
			return Running{}, ctx.Err()
		case errors.Is(err, control.ErrNotRunning) || errors.Is(err, fs.ErrNotExist):
			os.Remove(r.path)
		case silent == "":
			silent = fmt.Sprintf("; that in %s does not answer", r.State)
		}
	}
	return Running{}, fmt.Errorf("no server of yours runs%s: start one with `tslab serve`, or name a state folder with --state DIR", silent)
}

// probe asks whether the program lives. One that answers with an error does.
func (r Running) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	err := control.Call(ctx, r.State, "status", nil, nil)
	if _, ok := errors.AsType[*control.Error](err); ok {
		return nil
	}
	return err
}
