package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/tslab/tslab/ls/gossip"
	"github.com/tslab/tslab/ls/inventory"
	"github.com/tslab/tslab/wire/token"
)

// changes is how often an inventory changes; the median counts.
const changes = 9

// late is how long a change may take; one that is not known then counts as if it were.
const late = 5 * time.Second

var errLate = errors.New("not known to all")

// inventories measures how long a change of one license server's inventory takes until
// all others know it, over loopback sockets, and the same at memberlist's own pace for
// local networks.
func inventories(ctx context.Context, _ string, _ time.Duration, print func(figure)) error {
	for _, n := range []int{3, 10, 50} {
		for _, pace := range []struct {
			name string
			pace gossip.Pace
		}{{"", gossip.Pace{}}, {", memberlist's LAN pace", gossip.LAN()}} {
			took, err := spread(ctx, n, pace.pace)
			if err != nil {
				return fmt.Errorf("%d license servers%s: %w", n, pace.name, err)
			}
			print(figure{fmt.Sprintf("inventory known to %d license servers%s", n, pace.name), took, "ms"})
		}
	}
	return nil
}

// spread is the median time of a change among n servers, in milliseconds.
func spread(ctx context.Context, n int, pace gossip.Pace) (float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	var doors []netip.AddrPort
	var servers []*gossip.Gossip
	for i := range n {
		t, at, err := gossip.Listen(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0), netip.AddrFrom4([4]byte{127, 0, 0, 1}))
		if err != nil {
			return 0, err
		}
		g, err := gossip.New(gossip.Config{
			Owner: fmt.Sprint(i), Address: at.String(), Scope: gossip.Workgroup("BENCH"), Advertise: at, Transport: t, Pace: pace,
			Peers: func(context.Context) []netip.AddrPort { return doors[:1] },
		})
		if err != nil {
			return 0, err
		}
		doors, servers = append(doors, at), append(servers, g)
	}
	for i, g := range servers {
		g.Announce(stock(i, 1), false)
		all.Go(func() { _ = g.Run(ctx) })
	}
	if err := settle(ctx, servers); err != nil {
		return 0, err
	}
	var took []float64
	for i := range changes {
		free := uint32(i % 2)
		begin := time.Now()
		servers[0].Announce(stock(0, free), false)
		if err := allKnow(ctx, servers[1:], free); err != nil && !errors.Is(err, errLate) {
			return 0, err
		}
		took = append(took, time.Since(begin).Seconds()*1000)
	}
	return median(took), nil
}

func stock(i int, free uint32) inventory.Entry {
	return inventory.Entry{Name: fmt.Sprint("ls", i), Edition: "w2k-sp3", Scope: "workgroup", Activated: true,
		Pools: []inventory.Pool{{Kind: token.CAL, Product: token.Version{Major: 5}, Total: 1, Free: free}}}
}

// settle waits until every server sees every other, and what they said is through.
func settle(ctx context.Context, servers []*gossip.Gossip) error {
	return poll(ctx, 2*time.Minute, func() bool {
		for i, g := range servers {
			seen := 0
			for _, b := range g.Beliefs() {
				if b.Seen {
					seen++
				}
			}
			if seen < len(servers)-1 {
				g.Announce(stock(i, 1), true)
				return false
			}
		}
		return true
	})
}

// allKnow waits until all have heard that the first server has so many CALs free.
func allKnow(ctx context.Context, servers []*gossip.Gossip, free uint32) error {
	return poll(ctx, late, func() bool {
		for _, g := range servers {
			heard := false
			for _, b := range g.Beliefs() {
				heard = heard || b.Name == "ls0" && b.Pools[0].Free == free
			}
			if !heard {
				return false
			}
		}
		return true
	})
}

func poll(ctx context.Context, limit time.Duration, done func() bool) error {
	for begin := time.Now(); !done(); time.Sleep(200 * time.Microsecond) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Since(begin) > limit {
			return fmt.Errorf("%w within %v", errLate, limit)
		}
	}
	return nil
}
