package durable_test

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/tslab/tslab/internal/durable"
)

// TestLock counts in a file, many at once: without the lock, counts would be lost.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	path, lock := filepath.Join(dir, "count"), filepath.Join(dir, "new", "lock")
	const workers, each = 8, 25
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range each {
				unlock, err := durable.Lock(lock)
				if err != nil {
					t.Error(err)
					return
				}
				text, _ := os.ReadFile(path)
				n, _ := strconv.Atoi(string(text))
				if err := os.WriteFile(path, []byte(strconv.Itoa(n+1)), 0o600); err != nil {
					t.Error(err)
				}
				unlock()
			}
		})
	}
	all.Wait()
	if text, err := os.ReadFile(path); err != nil || string(text) != strconv.Itoa(workers*each) {
		t.Errorf("counted to %q, %v, want %d", text, err, workers*each)
	}
}

func TestLockOfNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := durable.Lock(filepath.Join(file, "lock")); err == nil {
		t.Error("a lock below a file was taken")
	}
}
