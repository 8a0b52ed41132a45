package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/harness"
	"github.com/tslab/tslab/ls/gossip"
	"github.com/tslab/tslab/ls/inventory"
	"github.com/tslab/tslab/wire/token"
)

// TestMemoryAmongFifty: a license server that shares its inventory with 49 others, who
// have news all the time, has less than 6 MB that are its own. What else it has in
// memory then, some 7 MB, are pages of its program's file, which it shares with the page
// cache and would be taken from it at need; TestMemory counts those too, at rest.
func TestMemoryAmongFifty(t *testing.T) {
	const most, others, watched = 6_000_000, 49, 10 * time.Second
	ctx := bounded(t)
	var near []*gossip.Gossip
	f := newFarm(t)
	f.LServerArgs = []string{"--gossip", "127.0.0.1:0"}
	if err := f.StartLServer(ctx); err != nil {
		t.Fatal(err)
	}
	if err := f.Enroll(ctx, cals); err != nil {
		t.Fatal(err)
	}
	said := func(kind eventlog.Kind, field string) map[string]bool {
		all, err := f.LServerLog.All()
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]bool{}
		for _, e := range all {
			if e.Name == kind.Name {
				values[e.Fields[field]] = true
			}
		}
		return values
	}
	for door := range said(eventlog.GossipStarted, "address") {
		near = neighborhood(t, others, netip.MustParseAddrPort(door))
	}
	known := func() (bool, error) { return len(said(eventlog.InventoryHeard, "server")) == others, nil }
	if err := harness.Until(ctx, "all license servers to be known", known); err != nil {
		t.Fatal(err)
	}
	var peak, whole int64
	settled := time.Now()
	err := harness.Until(ctx, "the time in which memory is watched", func() (bool, error) {
		round := time.Since(settled)
		near[int(round.Milliseconds())%others].Announce(entry(int(round.Milliseconds()%others), uint32(round.Milliseconds())), true)
		own, err := harness.OwnMemory(f.LServer.PID())
		all, _, err2 := harness.Memory(f.LServer.PID())
		if round > watched/3 { // what Enroll took has been given back
			peak, whole = max(peak, own), max(whole, all)
		}
		return round > watched, errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.1f MB of its own, %.1f MB in all", float64(peak)/1e6, float64(whole)/1e6)
	if peak >= most {
		t.Errorf("%d bytes of its own, want less than %d", peak, most)
	}
}

// neighborhood is n license servers' gossip, that know of one at door, until the test ends.
func neighborhood(t *testing.T, n int, door netip.AddrPort) (all []*gossip.Gossip) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	for i := range n {
		local := netip.MustParseAddr("127.0.0.1")
		transport, at, err := gossip.Listen(netip.AddrPortFrom(local, 0), local)
		if err != nil {
			t.Fatal(err)
		}
		g, err := gossip.New(gossip.Config{
			Owner: fmt.Sprint(i), Address: at.String(), Scope: gossip.Workgroup("WORKGROUP"), Advertise: at, Transport: transport,
			Peers: func(context.Context) []netip.AddrPort { return []netip.AddrPort{door} },
		})
		if err != nil {
			t.Fatal(err)
		}
		g.Announce(entry(i, 1), false)
		running.Go(func() { _ = g.Run(ctx) })
		all = append(all, g)
	}
	return all
}

// entry is what a license server with some kinds of key packs says.
func entry(i int, free uint32) inventory.Entry {
	e := inventory.Entry{Name: fmt.Sprint("near", i), Edition: "ws2003", Scope: "workgroup", Activated: true}
	for _, kind := range []token.Kind{token.CAL, token.PerUser} {
		e.Pools = append(e.Pools, inventory.Pool{Kind: kind, Product: token.Version{Major: 5, Minor: 2}, Total: 1 << 20, Free: free})
	}
	return e
}
