//go:build linux

package netlab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	recordName   = "run.json"
	recordFormat = "tslab run 1"
)

// claimFolder makes path an empty folder for a run and holds it until the returned
// file is closed. What is there is removed only if it is the folder of a run that
// has ended.
func claimFolder(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(path, 0o755); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, fmt.Errorf("%s is not a folder; choose another with --out", path)
	}
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		dir.Close()
		return nil, fmt.Errorf("%s: another run is using it; wait for it or choose another with --out", path)
	}
	if err := emptyRun(path); err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

func emptyRun(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil || len(entries) == 0 {
		return err
	}
	var marker struct {
		Format string `json:"format"`
	}
	b, err := os.ReadFile(filepath.Join(path, recordName))
	if err == nil {
		err = json.Unmarshal(b, &marker)
	}
	if err != nil || marker.Format != recordFormat {
		return fmt.Errorf("%s is not the folder of an earlier run (%s does not say so) and is left alone; choose another with --out", path, recordName)
	}
	for _, e := range entries { // the marker last: a removal that breaks off can be taken up again
		if e.Name() != recordName {
			if err := os.RemoveAll(filepath.Join(path, e.Name())); err != nil {
				return err
			}
		}
	}
	return os.Remove(filepath.Join(path, recordName))
}
