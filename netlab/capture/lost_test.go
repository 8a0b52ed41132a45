//go:build linux

package capture_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tslab/tslab/netlab/capture"
)

// What the kernel could not keep until it was recorded is counted, frame by frame: the
// recorder is held up by a pipe that nobody reads.
func TestLostFramesAreCounted(t *testing.T) {
	w := newWire(t, "brlost")
	path := filepath.Join(t.TempDir(), "pipe")
	check(t, unix.Mkfifo(path, 0o600))
	pipe, err := os.OpenFile(path, os.O_RDWR, 0)
	check(t, err)
	defer pipe.Close()
	const ringBytes = 1 << 18
	l, err := capture.Open("h1:eth0", "brlosth1", path, ringBytes, func(frame []byte) error { return w.hosts[0].SendFrame("eth0", frame) })
	check(t, err)

	const count, size = 2000, 1000 // far more than ring and pipe can hold
	to := &net.UDPAddr{IP: net.IPv4(10, 1, 0, 2), Port: 3343}
	var in, out *net.UDPConn
	check(t, w.hosts[1].Do(func() (err error) { in, err = net.ListenUDP("udp4", to); return err }))
	defer in.Close()
	check(t, w.hosts[0].Do(func() (err error) { out, err = net.DialUDP("udp4", nil, to); return err }))
	defer out.Close()
	for range count {
		_, err := out.Write(make([]byte, size))
		check(t, err)
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		io.Copy(io.Discard, pipe)
	}()
	stats, err := l.Close(t.Context())
	check(t, err)
	check(t, pipe.Close())
	<-drained
	// Beside the datagrams there is ARP, and a mark that finds the ring full is lost and sent
	// again.
	const others = 10
	if all := stats.Packets + stats.Drops; stats.Drops == 0 || stats.Packets == 0 || all < count || all > count+others {
		t.Errorf("%d recorded and %d lost of %d", stats.Packets, stats.Drops, count)
	}
}
