package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// How long Lock waits for another program, and how often it looks.
const (
	lockBound = 10 * time.Second
	lockAgain = 2 * time.Millisecond
)

// errLocked says that another holds a lock.
var errLocked = errors.New("locked by another program")

// Lock takes the lock file path, made when it is not there, against every other
// program and every other caller in this one, and waits for it within bounds.
// unlock gives it back; so does the end of the program. What is read, changed and
// written between the two is changed by one program at a time.
func Lock(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for start := time.Now(); ; time.Sleep(lockAgain) {
		err := tryLock(f)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, errLocked) || time.Since(start) > lockBound {
			f.Close()
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
}
