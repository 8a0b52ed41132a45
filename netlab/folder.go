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

// Folder is the folder of a run, held against other runs.
type Folder struct {
	path string
	file *os.File // locked
	made bool     // by Claim
}

// Claim holds the folder of a run, which it makes if there is none. A folder that
// holds anything else than a run that has ended is refused. New empties it; Release
// gives it up.
func Claim(path string) (*Folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	f := &Folder{path: path}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(path, 0o755); err != nil {
			return nil, fmt.Errorf("%w; choose another place with --out", err)
		}
		f.made = true
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, fmt.Errorf("%s is not a folder; choose another with --out", path)
	}
	if f.file, err = os.Open(path); err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.file.Close()
		return nil, fmt.Errorf("%s: another run is using it, or a lab that is up; wait for it, end it with `tslab down --run DIR`, or choose another with --out", path)
	}
	err = checkRun(path)
	if accessErr := unix.Access(path, unix.W_OK|unix.X_OK); err == nil && accessErr != nil {
		err = fmt.Errorf("%s cannot be written to: %w; choose another with --out", path, accessErr)
	}
	if err != nil {
		f.file.Close()
		return nil, err
	}
	return f, nil
}

// Release gives the folder up. One that Claim made and that nothing was put in goes.
// It can be called again, and of no folder.
func (f *Folder) Release() {
	if f == nil {
		return
	}
	if f.made {
		_ = os.Remove(f.path) // fails unless it is empty
		f.made = false
	}
	f.file.Close()
}

// checkRun is an error unless there is nothing in the folder or an earlier run.
func checkRun(path string) error {
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
	return nil
}

// clear removes the earlier run.
func (f *Folder) clear() error {
	entries, err := os.ReadDir(f.path)
	if err != nil || len(entries) == 0 {
		return err
	}
	for _, e := range entries { // the marker last: a removal that breaks off can be taken up again
		if e.Name() != recordName {
			if err := os.RemoveAll(filepath.Join(f.path, e.Name())); err != nil {
				return fmt.Errorf("the earlier run in %s cannot be removed: %w; choose another folder with --out", f.path, err)
			}
		}
	}
	return os.Remove(filepath.Join(f.path, recordName))
}
