package clock

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// page is the mapped file. Sleepers wait in the kernel (futex), owners of slots
// hold an open-file-description lock on the slot's bytes.
type page struct {
	file *os.File
	mem  []byte
}

func openPage(path string) (*page, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || info.Size() != fileSize {
		f.Close()
		return nil, fmt.Errorf("%s: not a lab clock of this version; make a new lab", path)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, fileSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	return &page{f, mem}, nil
}

func (p *page) close() error { return p.file.Close() }
func (p *page) unmap()       { _ = unix.Munmap(p.mem) }

// stored is called after a change of the offset; the kernel keeps the mapping.
func (p *page) stored() error { return nil }

// wait returns when word is no longer seen, when it is woken, or after timeout
// (0: no bound). It may also return for no reason.
func (p *page) wait(word *atomic.Uint32, seen uint32, timeout time.Duration) {
	var bound *unix.Timespec
	if timeout > 0 {
		t := unix.NsecToTimespec(int64(timeout))
		bound = &t
	}
	const futexWait = 0
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(seen), uintptr(unsafe.Pointer(bound)), 0, 0)
}

// wake wakes everybody who waits on word, in every process.
func (p *page) wake(word *atomic.Uint32) {
	const futexWake, all = 1, 1<<31 - 1
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake, all, 0, 0, 0)
}

func slotRange(i int, kind int16) *unix.Flock_t {
	return &unix.Flock_t{Type: kind, Whence: 0, Start: int64(headerSize + i*slotSize), Len: slotSize}
}

// lock takes slot i; false when another handle has it.
func (p *page) lock(i int) bool {
	return unix.FcntlFlock(p.file.Fd(), unix.F_OFD_SETLK, slotRange(i, unix.F_WRLCK)) == nil
}

func (p *page) unlock(i int) {
	_ = unix.FcntlFlock(p.file.Fd(), unix.F_OFD_SETLK, slotRange(i, unix.F_UNLCK))
}

// held reports whether another handle, here or in another process, has slot i.
func (p *page) held(i int) bool {
	lock := slotRange(i, unix.F_WRLCK)
	err := unix.FcntlFlock(p.file.Fd(), unix.F_OFD_GETLK, lock)
	return err == nil && lock.Type != unix.F_UNLCK
}

// pidNamespace is the number of this process's pid namespace, 0 if unknown.
func pidNamespace() uint64 {
	link, err := os.Readlink("/proc/self/ns/pid") // pid:[4026531836]
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseUint(strings.Trim(link, "pid:[]"), 10, 64)
	return n
}

// stopped reports whether a signal has stopped the process of s. Only a process of
// this pid namespace can be asked.
func stopped(s slot) bool {
	if ns := s.namespace().Load(); ns == 0 || ns != pidNamespace() {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.pid().Load()))
	if err != nil {
		return false
	}
	_, rest, ok := strings.Cut(string(stat), ") ")
	return ok && strings.HasPrefix(rest, "T")
}
