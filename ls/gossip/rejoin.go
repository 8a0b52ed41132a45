package gossip

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

const (
	maxDoors = 256 // addresses that are remembered beside those of discovery
	knocks   = 8   // knocks at once
	eager    = 60  // rounds in which a silent address is knocked at every time
	seldom   = 12  // rounds between two knocks at it later, and at one that answers and is not seen there
)

// doors are the addresses where license servers may be found.
type doors struct {
	remembered map[netip.AddrPort]bool // where members were seen in this life
	silent     map[netip.AddrPort]int  // rounds without an answer
	answered   map[netip.AddrPort]int  // in what round one answered that shows itself elsewhere
}

func newDoors() doors {
	return doors{map[netip.AddrPort]bool{}, map[netip.AddrPort]int{}, map[netip.AddrPort]int{}}
}

// seen remembers the address of a member, or forgets that of one that said goodbye.
func (g *Gossip) seen(n *memberlist.Node, keep bool) {
	addr, err := netip.ParseAddrPort(n.Address())
	if err != nil || n.Name == g.name {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !keep {
		delete(g.doors.remembered, addr)
	} else if len(g.doors.remembered) < maxDoors {
		g.doors.remembered[addr] = true
	}
}

// met notes a newcomer.
func (g *Gossip) met(n *memberlist.Node) {
	g.seen(n, true)
	if n.Name == g.name || g.config.Pace.Direct < 0 {
		return
	}
	node := *n
	g.mu.Lock()
	defer g.mu.Unlock()
	g.new = append(g.new, &node)
	signal(g.greet)
}

// Knock looks for peers now: there may be some that are not seen yet.
func (g *Gossip) Knock() { signal(g.knock) }

// rejoinLoop knocks until ctx ends.
func (g *Gossip) rejoinLoop(ctx context.Context) {
	for round := 0; ; round++ {
		g.rejoin(ctx, round)
		timer := time.NewTimer(g.config.Pace.Rejoin)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-g.knock:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// rejoin knocks at every address that is known of and where no member is seen, or one
// that has not been heard: it makes a whole exchange, after which both sides see each
// other and know what each has.
func (g *Gossip) rejoin(ctx context.Context, round int) {
	limit := make(chan struct{}, knocks)
	var wait sync.WaitGroup
	for _, addr := range g.closed(g.config.Peers(ctx), round) {
		limit <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wait.Go(func() {
			_, err := g.members.Join([]string{addr.String()})
			g.mu.Lock()
			defer g.mu.Unlock()
			if err != nil {
				g.doors.silent[addr]++
			} else {
				delete(g.doors.silent, addr)
				g.doors.answered[addr] = round
			}
			<-limit
		})
	}
	wait.Wait()
}

// closed lists the doors to knock at in a round.
func (g *Gossip) closed(peers []netip.AddrPort, round int) (list []netip.AddrPort) {
	open := map[netip.AddrPort]bool{g.config.Advertise: true}
	members := g.members.Members()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range members {
		addr, err := netip.ParseAddrPort(m.Address())
		if _, known := g.known.Get(ownerOf(m.Name)); err == nil && known {
			open[addr] = true
		}
	}
	for addr := range g.doors.remembered {
		peers = append(peers, addr)
	}
	for _, addr := range peers {
		last, answered := g.doors.answered[addr]
		switch {
		case open[addr], answered && round-last < seldom, g.doors.silent[addr] > eager && round%seldom != 0:
			continue
		}
		open[addr] = true // once a round
		list = append(list, addr)
	}
	return list
}
