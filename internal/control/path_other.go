//go:build !linux

package control

import (
	"fmt"
	"os"
	"path/filepath"
)

// maxPath is what fits into a socket address, with a little to spare.
const maxPath = 100

// reachable returns a path of dir's socket that a socket address can hold.
func reachable(dir string) (path string, release func(), err error) {
	path = filepath.Join(dir, SocketName)
	if _, err := os.Stat(dir); err != nil {
		return "", nil, fmt.Errorf("state folder: %w", err)
	}
	if len(path) > maxPath {
		return "", nil, fmt.Errorf("state folder %s: the path is too long for a socket; choose a shorter --state", dir)
	}
	return path, func() {}, nil
}
