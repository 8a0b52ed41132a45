package gossip_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ls/gossip"
	"github.com/tslab/tslab/ls/gossip/mesh"
	"github.com/tslab/tslab/ls/inventory"
	"github.com/tslab/tslab/wire/token"
)

var w2k = token.Version{Major: 5}

// at is the address of the i-th license server.
func at(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), gossip.Port)
}

func addresses(from, to int) (list []netip.AddrPort) {
	for i := from; i < to; i++ {
		list = append(list, at(i))
	}
	return list
}

// town is license servers on one network.
type town struct {
	t     *testing.T
	mesh  *mesh.Mesh
	scope func(i int) gossip.Scope
	peers func(i int) []netip.AddrPort
	pace  gossip.Pace
	all   map[int]*server
}

// server is the gossip of a license server, running.
type server struct {
	*gossip.Gossip
	i    int
	log  *lockedBuffer
	stop func()
	free uint32
}

func newTown(t *testing.T, seed uint64) *town {
	return &town{
		t: t, mesh: mesh.New(seed), all: map[int]*server{},
		scope: func(int) gossip.Scope { return gossip.Workgroup("WORKGROUP") },
		peers: func(int) []netip.AddrPort { return addresses(0, 3) },
	}
}

// start starts the i-th server with so many CALs. One that was there is started anew
// and knows nothing.
func (w *town) start(i int, free uint32) *server {
	w.t.Helper()
	log := &lockedBuffer{}
	g, err := gossip.New(gossip.Config{
		Owner: fmt.Sprintf("owner-%d", i), Address: fmt.Sprintf("%v:3343", at(i).Addr()), Scope: w.scope(i), Pace: w.pace,
		Advertise: at(i), Transport: w.mesh.Host(at(i)), Clock: clock.System{},
		Peers: func(context.Context) []netip.AddrPort { return w.peers(i) },
		Log:   eventlog.New(log, fmt.Sprintf("ls%d", i), "lserver", clock.System{}, nil),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	s := &server{Gossip: g, i: i, log: log}
	s.announce(free)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("gossip of %d ended: %v", i, err)
		}
	})
	w.all[i] = s
	return s
}

func (w *town) stop() {
	var wait sync.WaitGroup
	for _, s := range w.all {
		wait.Go(s.stop)
	}
	wait.Wait()
	<-time.After(time.Minute) // memberlist's probes that were under way end by themselves
}

func entry(i int, free uint32) inventory.Entry {
	return inventory.Entry{Name: fmt.Sprintf("ls%d", i), Edition: "w2k-sp3", Scope: "workgroup", Activated: true,
		Pools: []inventory.Pool{{Kind: token.CAL, Product: w2k, Total: 100, Free: free}}}
}

func (s *server) announce(free uint32) {
	s.free = free
	s.Announce(entry(s.i, free), false)
}

// believes is what a server believes of another: its free CALs, -1 for nothing.
func (s *server) believes(of int) int {
	for _, b := range s.Beliefs() {
		if b.Name == fmt.Sprintf("ls%d", of) {
			return int(b.Free(token.CAL, w2k))
		}
	}
	return -1
}

// agree reports whether every server believes of every other what that has.
func (w *town) agree(among ...int) bool {
	if among == nil {
		for i := range w.all {
			among = append(among, i)
		}
	}
	for _, i := range among {
		believed := map[string]uint32{}
		for _, b := range w.all[i].Beliefs() {
			believed[b.Name] = b.Free(token.CAL, w2k)
		}
		for _, j := range among {
			if free, known := believed[fmt.Sprintf("ls%d", j)]; i != j && (!known || free != w.all[j].free) {
				return false
			}
		}
	}
	return true
}

// allSeen reports whether every server sees every other.
func (w *town) allSeen() bool {
	for _, s := range w.all {
		for _, b := range s.Beliefs() {
			if !b.Seen {
				return false
			}
		}
	}
	return true
}

// within waits until the servers agree, and returns how long that took.
func (w *town) within(limit time.Duration, what string, among ...int) time.Duration {
	w.t.Helper()
	begin := time.Now()
	for tick := time.Millisecond; ; tick = min(tick+tick/4, 500*time.Millisecond) {
		synctest.Wait()
		if w.agree(among...) {
			return time.Since(begin)
		}
		if time.Since(begin) > limit {
			w.t.Fatalf("%s: no agreement within %v", what, limit)
		}
		<-time.After(tick)
	}
}

// lockedBuffer is written by a server and read by the test.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) events(t *testing.T, name string) (list []eventlog.Event) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	all, err := eventlog.Read(bytes.NewReader(b.buf.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Name == name {
			list = append(list, e)
		}
	}
	return list
}
