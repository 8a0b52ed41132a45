package control

import (
	"fmt"
	"os"
	"path/filepath"
)

// maxPath is what fits into a socket address, with a little to spare.
const maxPath = 100

// reachable returns a path of dir's socket that a socket address can hold. The path
// is good until release is called.
func reachable(dir string) (path string, release func(), err error) {
	path = filepath.Join(dir, SocketName)
	f, err := os.Open(dir)
	if err != nil {
		return "", nil, fmt.Errorf("state folder: %w", err)
	}
	if len(path) > maxPath {
		path = fmt.Sprintf("/proc/self/fd/%d/%s", f.Fd(), SocketName)
	}
	return path, func() { f.Close() }, nil
}
