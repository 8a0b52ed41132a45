package durable

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/tslab/tslab/internal/crash"
)

// WriteFile replaces path by data, all or nothing.
func WriteFile(path string, data []byte, perm os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	at := "file " + filepath.Base(path)
	crash.Here(at, crash.BeforeStore)
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	crash.Here(at, crash.AfterStore)
	return nil
}

// syncFolder has no counterpart here.
func syncFolder(string) error { return nil }
