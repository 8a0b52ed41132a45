package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// StateDir is the folder of the user's own state of a program: below
// $XDG_STATE_HOME or ~/.local/state on Unix, below the user's configuration folder
// elsewhere. It need not exist.
func StateDir(program string) (string, error) {
	base := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(base) {
		var err error
		if base, err = defaultState(); err != nil {
			return "", fmt.Errorf("the user's state folder: %w; say --state DIR", err)
		}
	}
	return filepath.Join(base, "tslab", program), nil
}

func defaultState() (string, error) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return os.UserConfigDir()
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "state"), err
}
