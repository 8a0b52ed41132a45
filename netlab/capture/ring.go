//go:build linux

package capture

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const (
	// A block is what the reader is woken for, which costs more than to read it: the
	// larger, the cheaper. But the kernel gives up a block when its time is over, however
	// little is in it, so that a ring of few is soon full when nobody empties it.
	largestBlock  = 1 << 18
	smallestBlock = 1 << 14
	enoughBlocks  = 32
	frameSize     = 1 << 11
	// retire is how long the kernel keeps frames of a block that is not full.
	retire = 20 * time.Millisecond
)

// ring is a packet socket whose frames the kernel writes into memory that it shares,
// a block at a time (TPACKETv3).
type ring struct {
	file   *os.File // of the socket
	memory []byte
	size   int // of a block
	block  int // the next one to be read

	mu    sync.Mutex
	drops uint64 // of what was asked so far: asking resets the kernel's count
}

// openRing opens a ring of about size bytes on the interface of the calling thread's
// network namespace. The socket is bound last: binding one that receives already, or
// giving it a ring, makes the kernel wait for every processor each time.
func openRing(ifname string, size int) (*ring, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	block := largestBlock
	for block > smallestBlock && size/block < enoughBlocks {
		block /= 2
	}
	memory, err := setUp(fd, ifname, block, max(2, size/block))
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &ring{file: os.NewFile(uintptr(fd), "packet socket"), memory: memory, size: block}, nil
}

func setUp(fd int, ifname string, blockSize, blocks int) ([]byte, error) {
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return nil, fmt.Errorf("TPACKETv3: %w", err)
	}
	err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq3{
		Block_size: uint32(blockSize), Block_nr: uint32(blocks), Frame_size: frameSize, Frame_nr: uint32(blocks * blockSize / frameSize),
		Retire_blk_tov: uint32(retire / time.Millisecond),
	})
	if err != nil {
		return nil, fmt.Errorf("ring of %d KiB: %w", blocks*blockSize>>10, err)
	}
	if err := attachFilter(fd); err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	request, err := unix.NewIfreq(ifname)
	if err == nil {
		err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request)
	}
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", ifname, err)
	}
	memory, err := unix.Mmap(fd, 0, blocks*blockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping of the ring: %w", err)
	}
	const all = unix.ETH_P_ALL>>8 | unix.ETH_P_ALL&0xff<<8 // in network byte order
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: int(request.Uint32())}); err != nil {
		unix.Munmap(memory)
		return nil, fmt.Errorf("interface %s: %w", ifname, err)
	}
	return memory, nil
}

// attachFilter lets through what comes in and nothing that goes out, nor what a fault
// has made: such frames bear a mark, which those of hosts lose on their way in.
func attachFilter(fd int) error {
	const outgoing = 4 // PACKET_OUTGOING of linux/if_packet.h
	program, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: outgoing, SkipTrue: 3},
		bpf.LoadExtension{Num: bpf.ExtMark},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 1},
		bpf.RetConstant{Val: snapLen},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(program))
	for i, in := range program {
		filter[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
}

// header is the head of the current block.
func (r *ring) header() *unix.TpacketHdrV1 {
	desc := (*unix.TpacketBlockDesc)(unsafe.Pointer(&r.memory[r.block*r.size]))
	return (*unix.TpacketHdrV1)(unsafe.Pointer(&desc.Hdr))
}

// ready says whether the kernel has given up the current block already.
func (r *ring) ready() bool {
	return atomic.LoadUint32(&r.header().Block_status)&unix.TP_STATUS_USER != 0
}

// wait returns when the kernel has given up the current block, or with an error when
// the ring was closed.
func (r *ring) wait() error {
	conn, err := r.file.SyscallConn()
	if err != nil {
		return err
	}
	return conn.Read(func(uintptr) bool { return r.ready() })
}

// next waits for a block, passes its frames to f, which must not keep them, and gives
// the block back. It stops in the middle of a block when f says so or fails.
func (r *ring) next(f func(t time.Time, length int, data []byte) (more bool, err error)) (more bool, err error) {
	if err := r.wait(); err != nil {
		return false, err
	}
	h := r.header()
	at := r.block*r.size + int(h.Offset_to_first_pkt)
	more = true
	for range h.Num_pkts {
		p := (*unix.Tpacket3Hdr)(unsafe.Pointer(&r.memory[at]))
		data := r.memory[at+int(p.Mac):][:p.Snaplen]
		if more, err = f(time.Unix(int64(p.Sec), int64(p.Nsec)), int(p.Len), data); err != nil || !more {
			break
		}
		at += int(p.Next_offset)
	}
	atomic.StoreUint32(&h.Block_status, unix.TP_STATUS_KERNEL)
	r.block = (r.block + 1) % (len(r.memory) / r.size)
	return more, err
}

// dropped counts the frames that the kernel could not put into the ring.
func (r *ring) dropped() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	conn, err := r.file.SyscallConn()
	if err != nil {
		return r.drops
	}
	_ = conn.Control(func(fd uintptr) { // fails only when closed, and then the count stands
		if s, err := unix.GetsockoptTpacketStatsV3(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
			r.drops += uint64(s.Drops)
		}
	})
	return r.drops
}

// interrupt makes next return.
func (r *ring) interrupt() { r.file.SetReadDeadline(time.Unix(1, 0)) }

// close gives up the memory and the socket. Nobody may be in next. The memory first:
// it holds the socket too, and who lets go last waits for the kernel, which for memory
// is one at a time.
func (r *ring) close() error {
	return errors.Join(unix.Munmap(r.memory), r.file.Close())
}
