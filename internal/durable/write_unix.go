//go:build unix

package durable

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/tslab/tslab/internal/crash"
)

// WriteFile replaces path by data, all or nothing. The file has exactly the
// permissions perm.
func WriteFile(path string, data []byte, perm os.FileMode) error {
	f, err := renameio.NewPendingFile(path, renameio.WithStaticPermissions(perm), renameio.WithTempDir(filepath.Dir(path)))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer f.Cleanup()
	if _, err := f.Write(data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	at := "file " + filepath.Base(path)
	crash.Here(at, crash.BeforeStore)
	if err := f.CloseAtomicallyReplace(); err != nil { // with fsync before the rename
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return err
	}
	crash.Here(at, crash.AfterStore)
	return nil
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return nil
}
