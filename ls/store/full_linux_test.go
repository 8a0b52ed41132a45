package store_test

import (
	"context"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tslab/tslab/ls/store"
)

// With no room to grow the store refuses with the remedy, keeps everything, and goes
// on when there is room again. A limit on the size of files stands for the disk.
func TestFullDisk(t *testing.T) {
	s, p := packed(t, 10000)
	size, err := s.Size()
	if err != nil {
		t.Fatal(err)
	}
	room := limitFiles(t, uint64(size))
	var n uint32
	for ; n < 10000; n++ {
		err = s.Update(context.Background(), func(tx *store.Tx) error {
			_, err := tx.Issue(sample(p.Number, n))
			return err
		})
		if err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "cannot grow") || !strings.Contains(err.Error(), "make room") {
		t.Errorf("after %d licenses: error %v", n, err)
	}
	before := dump(t, s)
	if err := s.Update(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Issue(sample(p.Number, n))
		return err
	}); err == nil {
		t.Error("it has grown into a full disk")
	}
	room()
	for i := range uint32(100) {
		issue(t, s, p.Number, n+i)
	}
	sound(t, s)
	after := dump(t, s)
	if len(after) != len(before)+100 || len(before) != int(n)+2 {
		t.Errorf("%d lines before, %d after, %d licenses", len(before), len(after), n)
	}
}

// limitFiles keeps files from growing beyond size until the returned function is
// called.
func limitFiles(t *testing.T, size uint64) (room func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	room = func() {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(room)
	return room
}
