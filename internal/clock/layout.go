package clock

import (
	"bytes"
	"sync/atomic"
	"time"
	"unsafe"
)

// The file: a header and a slot for each running duty loop, in the machine's own
// byte order. Every number in it is read and written atomically.
const (
	magic = "TSLABCLOCK\x00\x01" // with the layout's version

	offsetAt     = 16 // int64, nanoseconds
	generationAt = 24 // uint32, one more for each move; futex of the sleepers
	answeredAt   = 28 // uint32, one more for each answer; futex of the barrier
	headerSize   = 64

	slotPID        = 0  // uint32, 0: free
	slotPaused     = 4  // uint32
	slotDue        = 8  // int64, Unix nanoseconds, 0: nothing due
	slotGeneration = 16 // uint32, the last move whose duties are done
	slotNamespace  = 24 // uint64, the pid namespace that slotPID belongs to, 0: unknown
	slotName       = 32
	slotNameSize   = 96
	slotSize       = 128

	slotCount = 256
	fileSize  = headerSize + slotCount*slotSize
)

func (p *page) offset() *atomic.Int64 { return (*atomic.Int64)(unsafe.Pointer(&p.mem[offsetAt])) }
func (p *page) generation() *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(&p.mem[generationAt]))
}
func (p *page) answered() *atomic.Uint32 { return (*atomic.Uint32)(unsafe.Pointer(&p.mem[answeredAt])) }

func (p *page) slot(i int) slot {
	at := headerSize + i*slotSize
	return slot(p.mem[at : at+slotSize])
}

// slot is one duty loop's entry. It belongs to whoever holds the file lock on its
// bytes: the kernel drops the lock when the process dies, whatever namespaces lie
// between it and the one that asks.
type slot []byte

func (s slot) pid() *atomic.Uint32    { return (*atomic.Uint32)(unsafe.Pointer(&s[slotPID])) }
func (s slot) paused() *atomic.Uint32 { return (*atomic.Uint32)(unsafe.Pointer(&s[slotPaused])) }
func (s slot) due() *atomic.Int64     { return (*atomic.Int64)(unsafe.Pointer(&s[slotDue])) }
func (s slot) generation() *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(&s[slotGeneration]))
}
func (s slot) namespace() *atomic.Uint64 { return (*atomic.Uint64)(unsafe.Pointer(&s[slotNamespace])) }

// fill describes the program; the pid comes last because it makes the slot count.
func (s slot) fill(program string, pid uint32, namespace uint64) {
	s.pid().Store(0)
	s.paused().Store(0)
	s.due().Store(0)
	s.generation().Store(0)
	s.namespace().Store(namespace)
	name := s[slotName : slotName+slotNameSize]
	clear(name)
	copy(name, program)
	s.pid().Store(pid)
}

func (s slot) name() string {
	name, _, _ := bytes.Cut(s[slotName:slotName+slotNameSize], []byte{0})
	return string(name)
}

// Program is one running duty loop of a lab.
type Program struct {
	Name   string
	PID    int // in its own pid namespace
	Due    time.Time
	Paused bool // by [Lab.Pause] or stopped by a signal: no move waits for it

	generation uint32
}

func (s slot) program() Program {
	p := Program{Name: s.name(), PID: int(s.pid().Load()), Paused: s.paused().Load() != 0, generation: s.generation().Load()}
	if due := s.due().Load(); due != 0 {
		p.Due = time.Unix(0, due).UTC()
	}
	return p
}
