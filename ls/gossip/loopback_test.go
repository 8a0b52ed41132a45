package gossip_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/ls/gossip"
	"github.com/tslab/tslab/wire/token"
)

// TestLoopback: three servers on real sockets and in real time find each other, hear of
// a change, and a third that comes again. It is what the race detector watches here.
func TestLoopback(t *testing.T) {
	var doors [3]netip.AddrPort
	var transports [3]gossip.Transport
	for i := range doors {
		var err error
		loopback := netip.MustParseAddrPort("127.0.0.1:0")
		if transports[i], doors[i], err = gossip.Listen(loopback, loopback.Addr()); err != nil {
			t.Fatal(err)
		}
	}
	start := func(i int, transport gossip.Transport) (*gossip.Gossip, func()) {
		g, err := gossip.New(gossip.Config{
			Owner: fmt.Sprintf("owner-%d", i), Scope: gossip.Workgroup("WORKGROUP"), Advertise: doors[i], Transport: transport,
			Clock: clock.System{}, Peers: func(context.Context) []netip.AddrPort { return doors[:] },
		})
		if err != nil {
			t.Fatal(err)
		}
		g.Announce(entry(i, uint32(10+i)), false)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- g.Run(ctx) }()
		return g, func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("gossip of %d ended: %v", i, err)
			}
		}
	}
	var all [3]*gossip.Gossip
	var stop [3]func()
	for i := range all {
		all[i], stop[i] = start(i, transports[i])
	}
	defer func() {
		for _, f := range stop {
			f()
		}
	}()
	hear := func(by, of int, free uint32) {
		t.Helper()
		deadline := time.After(20 * time.Second)
		for {
			for _, b := range all[by].Beliefs() {
				if b.Name == fmt.Sprintf("ls%d", of) && b.Free(token.CAL, w2k) == free {
					return
				}
			}
			select {
			case <-deadline:
				t.Fatalf("ls%d never believed that ls%d has %d free; it believes %+v", by, of, free, all[by].Beliefs())
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	for by := range all {
		hear(by, (by+1)%3, uint32(10+(by+1)%3))
		hear(by, (by+2)%3, uint32(10+(by+2)%3))
	}
	all[0].Announce(entry(0, 3), true)
	hear(1, 0, 3)
	hear(2, 0, 3)

	stop[2]()
	again, _, err := gossip.Listen(doors[2], doors[2].Addr())
	if err != nil {
		t.Fatal(err)
	}
	all[2], stop[2] = start(2, again)
	hear(2, 0, 3)
	all[2].Announce(entry(2, 99), true)
	hear(0, 2, 99)
}
