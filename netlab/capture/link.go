//go:build linux

package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gopacket/gopacket/afpacket"
	"golang.org/x/net/bpf"
)

const (
	// retire is how long the kernel keeps frames of a block that is not full.
	retire = 5 * time.Millisecond
	// idle is how long the recorder waits for a frame before it looks whether it
	// was closed. Only a link whose host can no longer send a mark waits for it.
	idle = time.Second
	// again is when a mark that has not come is sent once more: a full ring drops
	// marks as it drops frames.
	again = 300 * time.Millisecond

	outgoing = 4 // PACKET_OUTGOING of linux/if_packet.h
)

// Link is a cable that is being recorded.
type Link struct {
	Name string // as the lab calls it: "c1:eth0"
	Path string // of the recording

	send    func(frame []byte) error
	ring    *afpacket.TPacket
	raw     *rawWriter
	start   time.Time
	abandon atomic.Bool   // end at the next look, without a mark
	done    chan struct{} // recording has ended

	mu      sync.Mutex
	last    uint64                   // recording ends at this mark; 0 for none
	marks   map[uint64]chan struct{} // asked for and not seen
	marked  uint64                   // number of the last mark asked for
	packets uint64
	err     error // why recording stopped
}

// Stats is what a recording holds and what it lacks.
type Stats struct {
	Packets uint64    `json:"packets"`
	Drops   uint64    `json:"drops"` // seen by the kernel and not recorded
	Start   time.Time `json:"-"`
	End     time.Time `json:"-"`
}

// Open starts recording what comes in through the interface ifname of the calling
// thread's network namespace into path, with a ring of about ringBytes. send sends a
// frame from the far end of the cable.
func Open(name, ifname, path string, ringBytes int, send func(frame []byte) error) (*Link, error) {
	const block = 1 << 17
	ring, err := afpacket.NewTPacket(afpacket.OptInterface(ifname), afpacket.TPacketVersion3,
		afpacket.OptFrameSize(1<<11), afpacket.OptBlockSize(block), afpacket.OptNumBlocks(max(2, ringBytes/block)),
		afpacket.OptBlockTimeout(retire), afpacket.OptPollTimeout(idle))
	if err != nil {
		return nil, fmt.Errorf("capture of %s: %w", name, err)
	}
	l := &Link{
		Name: name, Path: path, send: send, ring: ring, start: time.Now().UTC(),
		done: make(chan struct{}), marks: map[uint64]chan struct{}{},
	}
	filter, err := incomingOnly()
	if err == nil {
		err = ring.SetBPF(filter)
	}
	if err == nil {
		l.raw, err = createRaw(path)
	}
	if err != nil {
		ring.Close()
		return nil, fmt.Errorf("capture of %s: %w", name, err)
	}
	go l.record()
	return l, nil
}

func incomingOnly() ([]bpf.RawInstruction, error) {
	return bpf.Assemble([]bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: outgoing, SkipTrue: 1},
		bpf.RetConstant{Val: snapLen},
		bpf.RetConstant{Val: 0},
	})
}

// record runs until Close.
func (l *Link) record() {
	defer close(l.done)
	for {
		data, ci, err := l.ring.ZeroCopyReadPacketData()
		switch {
		case errors.Is(err, afpacket.ErrTimeout):
			if l.abandon.Load() {
				return
			}
			continue
		case err != nil:
			l.fail(err)
			return
		}
		if n, ok := parseMark(data); ok {
			if l.reach(n) {
				return
			}
			continue
		}
		if err := l.raw.write(ci.Timestamp, ci.Length, data); err != nil {
			l.fail(err)
			return
		}
		l.mu.Lock()
		l.packets++
		l.mu.Unlock()
	}
}

// reach makes the file whole up to the mark and tells who waits for it. It says
// whether the mark is the last.
func (l *Link) reach(n uint64) bool {
	if err := l.raw.buf.Flush(); err != nil {
		l.fail(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if reached, ok := l.marks[n]; ok {
		close(reached)
		delete(l.marks, n)
	}
	return n == l.last
}

func (l *Link) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = errors.Join(l.err, err)
}

// Sync returns when everything that the host sent before the call is in the file.
func (l *Link) Sync(ctx context.Context) error {
	n, reached := l.newMark()
	return l.await(ctx, n, reached)
}

func (l *Link) newMark() (n uint64, reached chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marked++
	reached = make(chan struct{})
	l.marks[l.marked] = reached
	return l.marked, reached
}

// await sends the mark until it comes back.
func (l *Link) await(ctx context.Context, n uint64, reached <-chan struct{}) error {
	frame := appendMark(nil, n)
	resend := time.NewTicker(again)
	defer resend.Stop()
	for {
		if err := l.send(frame); err != nil {
			return fmt.Errorf("capture of %s: mark: %w", l.Name, err)
		}
		select {
		case <-reached:
			return l.Err()
		case <-l.done:
			select {
			case <-reached: // it was the last thing recorded
				return l.Err()
			default:
			}
			return errors.Join(fmt.Errorf("capture of %s has stopped", l.Name), l.Err())
		case <-ctx.Done():
			return fmt.Errorf("capture of %s: the mark does not come back: %w", l.Name, context.Cause(ctx))
		case <-resend.C:
		}
	}
}

// Err is why recording stopped before Close, nil when it did not.
func (l *Link) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return fmt.Errorf("capture of %s: %w", l.Name, l.err)
	}
	return nil
}

// Stats counts so far.
func (l *Link) Stats() Stats {
	_, ring, err := l.ring.SocketStats()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Stats{Packets: l.packets, Start: l.start, End: time.Now().UTC()}
	if err == nil {
		s.Drops = uint64(ring.Drops())
	}
	return s
}

// Close ends the recording when everything that the host sent before is in it.
func (l *Link) Close(ctx context.Context) (Stats, error) {
	n, reached := l.newMark()
	l.mu.Lock()
	l.last = n
	l.mu.Unlock()
	err := l.await(ctx, n, reached)
	l.abandon.Store(err != nil) // the host no longer sends marks: what has come is all there is
	<-l.done
	stats := l.Stats()
	l.ring.Close()
	return stats, errors.Join(err, l.raw.close())
}

// Frames reads the recording from the start and passes each frame to f.
func Frames(path string, f func(*Frame) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	r, err := newRawReader(file)
	for err == nil {
		var frame *Frame
		if frame, err = r.next(); err == nil {
			err = f(frame)
		}
	}
	return endOfFile(err)
}
