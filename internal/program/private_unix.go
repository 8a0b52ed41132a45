//go:build unix

package program

import (
	"fmt"
	"os"
	"syscall"
)

// private refuses a folder that others than its user can write to.
func private(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(stat.Uid) != os.Getuid() || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s does not belong to you alone: remove it", dir)
	}
	return nil
}
