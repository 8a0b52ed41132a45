//go:build !linux

package clock

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// page is the file's content in memory. Without futexes the calendar is that of one
// process: whoever wants to move it asks that process.
type page struct {
	file *os.File
	mem  []byte

	mu    sync.Mutex
	woken chan struct{}
}

func openPage(path string) (*page, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	mem := make([]byte, fileSize)
	if n, err := f.ReadAt(mem, 0); err != nil || n != fileSize {
		f.Close()
		return nil, fmt.Errorf("%s: not a lab clock of this version; make a new lab", path)
	}
	clear(mem[headerSize:])
	return &page{file: f, mem: mem, woken: make(chan struct{})}, nil
}

func (p *page) close() error { return p.file.Close() }
func (p *page) unmap()       {}

// stored writes the offset down, so that the next start continues with it.
func (p *page) stored() error {
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], uint64(p.offset().Load()))
	_, err := p.file.WriteAt(b[:], offsetAt)
	return err
}

func (p *page) wait(word *atomic.Uint32, seen uint32, timeout time.Duration) {
	p.mu.Lock()
	woken := p.woken
	p.mu.Unlock()
	if word.Load() != seen {
		return
	}
	var bound <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		bound = timer.C
	}
	select {
	case <-woken:
	case <-bound:
	}
}

func (p *page) wake(*atomic.Uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.woken)
	p.woken = make(chan struct{})
}

func (p *page) lock(int) bool { return true }
func (p *page) unlock(int)    {}
func (p *page) held(int) bool { return false }

func pidNamespace() uint64 { return 0 }
func stopped(slot) bool    { return false }
