package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"time"

	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/durable"
)

// running is one server in the register: a file each in a folder of this user's,
// named by process id. The register is a hint; the control socket in the state
// folder says who lives.
type running struct {
	State   string    `json:"state"`
	PID     int       `json:"pid"`
	Address string    `json:"address"`
	Started time.Time `json:"started"` // machine's time
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

// register enters a server; remove takes it out again.
func register(r running) (remove func(), err error) {
	dir, err := registerDir()
	if err != nil {
		return nil, err
	}
	r.Started = time.Now().UTC()
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, fmt.Sprintf("%d.json", r.PID))
	if err := durable.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return nil, fmt.Errorf("register of running servers: %w", err)
	}
	return func() { os.Remove(path) }, nil
}

// newest is the server that was started last of those that live. Entries of dead
// ones are taken out.
func newest(ctx context.Context) (running, error) {
	dir, err := registerDir()
	if err != nil {
		return running{}, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return running{}, err
	}
	var all []running
	for _, path := range files {
		var r running
		text, err := os.ReadFile(path)
		if err != nil || json.Unmarshal(text, &r) != nil {
			continue
		}
		var status json.RawMessage
		if err := control.Call(ctx, r.State, "status", nil, &status); errors.Is(err, control.ErrNotRunning) {
			os.Remove(path)
			continue
		}
		all = append(all, r)
	}
	if len(all) == 0 {
		return running{}, errors.New("no server of yours runs: start one with `tslab serve`, or name a state folder with --state DIR")
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Started.After(all[j].Started) })
	return all[0], nil
}
