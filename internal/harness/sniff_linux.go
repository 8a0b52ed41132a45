package harness

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Sniffer writes what passes the loopback interface into a capture file. It needs
// the right to open packet sockets, which [Private] gives.
type Sniffer struct {
	file   *os.File
	socket int
	end    []byte // the payload of the last datagram
	done   chan error
}

// Sniff starts it.
func Sniff(path string) (*Sniffer, error) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		return nil, err
	}
	all := uint16(unix.ETH_P_ALL)<<8 | uint16(unix.ETH_P_ALL)>>8
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all))
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<20),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: lo.Index}),
	)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	s := &Sniffer{file: f, socket: fd, end: []byte("end of capture " + rand.Text()), done: make(chan error, 1)}
	go func() { s.done <- s.run() }()
	return s, nil
}

// run writes the classic format: microseconds, Ethernet.
func (s *Sniffer) run() error {
	const snapLength, ethernet = 1 << 18, 1
	header := []uint32{0xa1b2c3d4, 4<<16 | 2, 0, 0, snapLength, ethernet}
	if err := binary.Write(s.file, binary.LittleEndian, header); err != nil {
		return err
	}
	frame := make([]byte, snapLength)
	for {
		n, from, err := unix.Recvfrom(s.socket, frame, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if link, ok := from.(*unix.SockaddrLinklayer); !ok || link.Pkttype == unix.PACKET_OUTGOING {
			continue // it comes in again
		}
		if bytes.HasSuffix(frame[:n], s.end) {
			return nil
		}
		now := time.Now()
		record := []uint32{uint32(now.Unix()), uint32(now.Nanosecond() / 1000), uint32(n), uint32(n)}
		if err := binary.Write(s.file, binary.LittleEndian, record); err != nil {
			return err
		}
		if _, err := s.file.Write(frame[:n]); err != nil {
			return err
		}
	}
}

// Close ends the capture when everything that was sent before is in it.
func (s *Sniffer) Close(ctx context.Context) error {
	conn, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write(s.end); err != nil {
		return err
	}
	select {
	case err = <-s.done:
	case <-ctx.Done():
		return fmt.Errorf("capture: %w", ctx.Err())
	}
	return errors.Join(err, unix.Close(s.socket), s.file.Close())
}
