//go:build linux

package relay

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	slotSize  = 1 << 11 // of a frame with its header
	blockSize = 1 << 16
)

// ring is a packet socket for one protocol whose frames the kernel writes into memory
// that it shares, one a slot (TPACKETv2). A socket for a protocol is asked after the
// bridge, so that it gets exactly what the bridge does not take, and nothing outgoing.
type ring struct {
	file   *os.File
	memory []byte
	slot   int // the next one to be read
}

// openRing opens a ring of so many slots on the interface.
func openRing(index int, protocol uint16, slots int) (*ring, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	memory, err := setUp(fd, index, protocol, slots)
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return &ring{file: os.NewFile(uintptr(fd), "packet socket"), memory: memory}, nil
}

func setUp(fd, index int, protocol uint16, slots int) ([]byte, error) {
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V2); err != nil {
		return nil, fmt.Errorf("TPACKETv2: %w", err)
	}
	size := slots * slotSize
	err := unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq{
		Block_size: blockSize, Block_nr: uint32(size / blockSize), Frame_size: slotSize, Frame_nr: uint32(slots),
	})
	if err != nil {
		return nil, fmt.Errorf("ring of %d KiB: %w", size>>10, err)
	}
	memory, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping of the ring: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(protocol), Ifindex: index}); err != nil {
		return nil, errors.Join(err, unix.Munmap(memory))
	}
	return memory, nil
}

func networkOrder(v uint16) uint16 { return v>>8 | v<<8 }

func (r *ring) header() *unix.Tpacket2Hdr {
	return (*unix.Tpacket2Hdr)(unsafe.Pointer(&r.memory[r.slot*slotSize]))
}

func (r *ring) ready() bool { return atomic.LoadUint32(&r.header().Status)&unix.TP_STATUS_USER != 0 }

// wait returns when there is a frame, or with an error when the ring is interrupted.
func (r *ring) wait() error {
	conn, err := r.file.SyscallConn()
	if err != nil {
		return err
	}
	return conn.Read(func(uintptr) bool { return r.ready() })
}

// take passes up to most frames that are there to f, which must not keep them, and
// says how many there were.
func (r *ring) take(most int, f func(frame []byte)) int {
	for n := range most {
		if !r.ready() {
			return n
		}
		h := r.header()
		f(r.memory[r.slot*slotSize+int(h.Mac):][:h.Snaplen])
		atomic.StoreUint32(&h.Status, unix.TP_STATUS_KERNEL)
		r.slot = (r.slot + 1) % (len(r.memory) / slotSize)
	}
	return most
}

// dropped is how many frames have found no slot since it was asked last.
func (r *ring) dropped() (n uint64) {
	conn, err := r.file.SyscallConn()
	if err != nil {
		return 0
	}
	_ = conn.Control(func(fd uintptr) { // fails only when closed
		if s, err := unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
			n = uint64(s.Drops)
		}
	})
	return n
}

// interrupt makes wait return.
func (r *ring) interrupt() { r.file.SetReadDeadline(time.Unix(1, 0)) }

// close gives up memory and socket; nobody may be in take.
func (r *ring) close() error { return errors.Join(unix.Munmap(r.memory), r.file.Close()) }

// openSender opens a packet socket that sends what is written to it out of the
// interface, and receives nothing.
func openSender(index int) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("packet socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: index}); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}
