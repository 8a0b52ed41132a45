//go:build linux

package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/tslab/tslab/netlab/fault"
	"github.com/tslab/tslab/netlab/netns"
)

const (
	// budget is what the rings of all wires that one fault needs take together.
	budget   = 1 << 28
	maxSlots = 1 << 12
	minSlots = 1 << 7
	batch    = 64 // frames read under one lock

	spliceTimeout = 10 * time.Second
)

// wire is a cable whose frames pass through this process.
type wire struct {
	splice *netns.Splice
	sides  [2]*side // what the host sends; what it receives
	work   sync.WaitGroup
}

// side is what runs a lane: the sockets at its beginning and at its end.
type side struct {
	mu    sync.Mutex
	lane  lane
	rings []*ring
	out   int           // the socket at its end
	kick  chan struct{} // something may be due earlier than it was
	done  chan struct{}

	overruns atomic.Uint64 // frames that came faster than they were read
	failed   atomic.Uint64 // that could not be sent
}

// openWire puts the relay into a cable. It carries everything from there on.
func openWire(sw *netns.Switch, link fault.Link, slots int) (*wire, error) {
	ctx, cancel := context.WithTimeout(context.Background(), spliceTimeout)
	defer cancel()
	splice, err := sw.Splice(ctx, link.Port, link.Bridge)
	if err != nil {
		return nil, err
	}
	w := &wire{splice: splice}
	if err := w.open(link.Name, slots); err != nil {
		return nil, errors.Join(fmt.Errorf("relay of %s: %w", link.Name, err), w.closeSockets(), splice.Remove())
	}
	for _, s := range w.sides {
		for _, r := range s.rings {
			w.work.Go(func() { s.read(r) })
		}
		w.work.Go(s.wait)
	}
	if err := splice.Detach(); err != nil {
		return nil, errors.Join(err, w.close(), w.discard())
	}
	return w, nil
}

// open opens the sockets of both sides.
func (w *wire) open(name string, slots int) error {
	port, err := net.InterfaceByName(w.splice.Port)
	if err != nil {
		return err
	}
	inner, err := net.InterfaceByName(w.splice.Inner)
	if err != nil {
		return err
	}
	for i, ends := range [2][2]int{{port.Index, inner.Index}, {inner.Index, port.Index}} {
		s := &side{out: -1, kick: make(chan struct{}, 1), done: make(chan struct{})}
		w.sides[i] = s
		s.lane = lane{name: name, toHost: i == 1, send: s.send}
		if s.out, err = openSender(ends[1]); err != nil {
			return err
		}
		for _, p := range []struct {
			protocol uint16
			slots    int
		}{{unix.ETH_P_IP, slots}, {unix.ETH_P_ARP, minSlots}, {unix.ETH_P_IPV6, max(slots/4, minSlots)}} {
			r, err := openRing(ends[0], p.protocol, p.slots)
			if err != nil {
				return err
			}
			s.rings = append(s.rings, r)
		}
	}
	w.sides[0].lane.back, w.sides[1].lane.back = w.sides[1].send, w.sides[0].send
	return nil
}

// send writes a frame to the socket at the end of the lane.
func (s *side) send(frame []byte) {
	if _, err := unix.Write(s.out, frame); err != nil {
		s.failed.Add(1)
	}
}

// read takes frames from a ring until it is interrupted, and what is in it then.
func (s *side) read(r *ring) {
	for {
		err := r.wait()
		for s.some(r) == batch {
		}
		s.overruns.Add(r.dropped())
		if err != nil {
			return
		}
	}
}

// some takes a batch of frames and says how many there were.
func (s *side) some(r *ring) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, waiting := s.lane.next()
	// Not one moment for all: a frame that comes while others are taken would leave early.
	n := r.take(batch, func(frame []byte) { s.lane.arrive(time.Now(), frame) })
	if after, ok := s.lane.next(); ok && (!waiting || after.Before(before)) {
		select {
		case s.kick <- struct{}{}:
		default:
		}
	}
	return n
}

// wait sends what waits when it is due.
func (s *side) wait() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-s.kick:
		case <-s.done:
			return
		}
		s.mu.Lock()
		s.lane.flush(time.Now())
		due, ok := s.lane.next()
		s.mu.Unlock()
		if ok {
			timer.Reset(time.Until(due))
		}
	}
}

// close puts the cable back as it was. No fault may be on it. What nobody needs any
// more is given back to the kernel later, which takes its time: discard does that.
func (w *wire) close() error {
	err := w.splice.Attach()
	for _, s := range w.sides {
		close(s.done)
		for _, r := range s.rings {
			r.interrupt()
		}
	}
	w.work.Wait()
	return err
}

// discard gives up the sockets and the pair of interfaces.
func (w *wire) discard() error { return errors.Join(w.closeSockets(), w.splice.Remove()) }

// closeSockets closes them at once: each waits for the kernel, and they wait together.
func (w *wire) closeSockets() error {
	var g errgroup.Group
	for _, s := range w.sides {
		if s == nil {
			continue
		}
		for _, r := range s.rings {
			g.Go(r.close)
		}
		if s.out >= 0 {
			g.Go(func() error { return unix.Close(s.out) })
		}
	}
	return g.Wait()
}
