//go:build linux

package capture_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tslab/tslab/netlab/capture"
)

// heldUp records 2000 datagrams of 1000 bytes into a pipe that nobody reads before they
// are all sent. sentOne is called after each.
func heldUp(t *testing.T, bridge string, backlog int64, sentOne func(l *capture.Link, n int)) (sent int, stats capture.Stats) {
	t.Helper()
	w := newWire(t, bridge)
	path := filepath.Join(t.TempDir(), "pipe")
	check(t, unix.Mkfifo(path, 0o600))
	pipe, err := os.OpenFile(path, os.O_RDWR, 0)
	check(t, err)
	defer pipe.Close()
	const ringBytes = 1 << 18
	l, err := capture.Open("h1:eth0", bridge+"h1", path, ringBytes, capture.NewBacklog(backlog),
		func(frame []byte) error { return w.hosts[0].SendFrame("eth0", frame) })
	check(t, err)

	const count, size = 2000, 1000 // far more than ring and pipe can hold
	to := &net.UDPAddr{IP: net.IPv4(10, 1, 0, 2), Port: 3343}
	var in, out *net.UDPConn
	check(t, w.hosts[1].Do(func() (err error) { in, err = net.ListenUDP("udp4", to); return err }))
	defer in.Close()
	check(t, w.hosts[0].Do(func() (err error) { out, err = net.DialUDP("udp4", nil, to); return err }))
	defer out.Close()
	_, err = out.Write(nil) // what follows need not wait for an address to be resolved
	check(t, err)
	_, err = in.Read(nil)
	check(t, err)
	for i := range count {
		_, err := out.Write(make([]byte, size))
		check(t, err)
		sentOne(l, i+1)
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		io.Copy(io.Discard, pipe)
	}()
	stats, err = l.End(t.Context())
	check(t, errors.Join(err, l.Close()))
	check(t, pipe.Close())
	<-drained
	return count, stats
}

// others are frames beside the datagrams: the first one, ARP, and a mark that finds the ring full is
// lost and sent again.
const others = 10

// What the kernel could not keep until it was recorded is counted, frame by frame.
func TestLostFramesAreCounted(t *testing.T) {
	count, stats := heldUp(t, "brlost", 0, func(*capture.Link, int) {})
	if all := int(stats.Packets + stats.Drops); stats.Drops == 0 || stats.Packets == 0 || all < count || all > count+others {
		t.Errorf("%d recorded and %d lost of %d", stats.Packets, stats.Drops, count)
	}
}

// While the disk takes nothing, what was sent waits in memory.
func TestDiskThatFallsBehindLosesNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	count, stats := heldUp(t, "brslow", 16<<20, func(l *capture.Link, n int) {
		for n%100 == 0 && l.Stats().Packets < uint64(n) { // the ring is a small one
			check(t, ctx.Err())
			runtime.Gosched()
		}
	})
	if got := int(stats.Packets); stats.Drops != 0 || got < count || got > count+others {
		t.Errorf("%d recorded and %d lost of %d", stats.Packets, stats.Drops, count)
	}
}
