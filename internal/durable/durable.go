// Package durable writes the files that nobody wants to lose: keys, certificates,
// key packs, settings. What it has returned from survives a power failure.
//
// Its system calls are these: create beside the target, write, fsync, rename, fsync
// of the folder for [WriteFile]; open for appending, write, fsync for [AppendFile].
package durable

import (
	"fmt"
	"os"
	"path/filepath"
)

// AppendFile adds data to the end of path in one write and makes it durable. A
// crash can leave a part of data behind, never a change of what was there before.
func AppendFile(path string, data []byte, perm os.FileMode) error {
	_, statErr := os.Lstat(path)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, perm)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return fmt.Errorf("append to %s: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return fmt.Errorf("append to %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("append to %s: %w", path, err)
	}
	if os.IsNotExist(statErr) {
		return syncFolder(filepath.Dir(path))
	}
	return nil
}
