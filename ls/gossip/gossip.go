// Package gossip carries inventory between the license servers of one scope: who has
// how many of what (package inventory), over memberlist. What stands there is a hint,
// whom to ask; only the owner's store decides.
//
// Every packet is encrypted with the scope's key and carries the scope's label:
// license servers of two domains, sites or workgroups never mix, whatever wire they
// share.
//
// Memberlist alone spreads news in rounds of 200 ms, and does not heal: what a
// partition has declared dead on both sides stays dead. So whoever has news tells
// everybody at once, and the rounds are for packets that were lost; every server
// goes on knocking at the addresses that it knows of but does not see (rejoin.go); and
// two that know different things notice it (digest.go). What does not fit a packet
// travels by push-pull, a whole exchange over a stream.
//
// All waiting here is elapsed time: a calendar that jumps makes no packet.
package gossip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ls/inventory"
)

// Port is where license servers gossip, TCP and UDP.
const Port = 3344

// Transport moves packets and streams; [Listen] makes the one of sockets.
type Transport = memberlist.Transport

// Config is what gossip needs. It must not change while in use.
type Config struct {
	Owner   string // id of this server's state folder
	Address string // host:port of its license server protocol, for the others
	Site    string // that it is in; empty for none
	Scope   Scope

	Advertise netip.AddrPort // where the others reach this server's gossip
	Transport Transport      // closed when Run ends

	// Peers are the gossip addresses of license servers as discovery knows them now.
	Peers func(ctx context.Context) []netip.AddrPort

	Clock clock.Clock   // only tells when something was heard
	Log   *eventlog.Log // nil: none
	Pace  Pace
}

// Gossip is one server's part in it.
type Gossip struct {
	config Config
	start  uint64 // of this life
	name   string // of the member

	speak chan struct{} // something must be told at once
	dirty chan struct{} // something may be told within Pace.Coalesce
	pull  chan string   // whose news did not fit a packet
	knock chan struct{} // there may be peers that are not seen yet
	greet chan struct{} // there are newcomers

	mu      sync.Mutex
	members *memberlist.Memberlist // nil until Run
	queue   *memberlist.TransmitLimitedQueue
	known   inventory.Map
	heard   map[string]time.Time // when an owner's newest entry came
	own     inventory.Entry
	entered bool // own is in known, with its version
	due     bool // own is to be told
	doors   doors
	new     []*memberlist.Node // members that have not been told anything

	differed map[string][2]uint64 // by member: digests at the last probe that showed a difference
}

// New makes a server's gossip. It says nothing until Run, and is to be run once.
func New(c Config) (*Gossip, error) {
	switch {
	case c.Owner == "" || len(c.Owner) > inventory.MaxText:
		return nil, errors.New("gossip: no id of this license server, or one that is too long")
	case c.Transport == nil || !c.Advertise.IsValid():
		return nil, errors.New("gossip: no address to gossip at")
	case len(c.Scope.Label) == 0 || len(c.Scope.Label) > memberlist.LabelMaxSize:
		return nil, fmt.Errorf("gossip: the scope's label is empty or longer than %d bytes: choose a shorter name", memberlist.LabelMaxSize)
	}
	if c.Peers == nil {
		c.Peers = func(context.Context) []netip.AddrPort { return nil }
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	c.Pace = c.Pace.withDefaults()
	start := uint64(time.Now().UnixMicro())
	return &Gossip{
		config: c, start: start, name: c.Owner + lifeMark + strconv.FormatUint(start, 36),
		speak: make(chan struct{}, 1), dirty: make(chan struct{}, 1), knock: make(chan struct{}, 1), greet: make(chan struct{}, 1), pull: make(chan string, 16),
		heard: map[string]time.Time{}, doors: newDoors(), differed: map[string][2]uint64{},
	}, nil
}

// lifeMark stands between owner and start in a member's name: a server that comes
// back is another member, whatever the others still think of the former one.
const lifeMark = "#"

func ownerOf(member string) string {
	owner, _, _ := strings.Cut(member, lifeMark)
	return owner
}

// Run takes part until ctx ends, and leaves then.
func (g *Gossip) Run(ctx context.Context) error {
	members, err := memberlist.Create(g.memberlistConfig())
	if err != nil {
		return errors.Join(fmt.Errorf("gossip: %w", err), g.config.Transport.Shutdown())
	}
	g.mu.Lock()
	g.members = members
	g.queue = &memberlist.TransmitLimitedQueue{NumNodes: members.NumMembers, RetransmitMult: g.config.Pace.Retransmit}
	g.mu.Unlock()
	g.loop(ctx)
	_ = members.Leave(g.config.Pace.Leave) // if nobody hears it, they will find out
	return members.Shutdown()
}

func (g *Gossip) memberlistConfig() *memberlist.Config {
	p := g.config.Pace
	c := memberlist.DefaultLANConfig()
	c.Name, c.Transport = g.name, g.config.Transport
	c.Label, c.SecretKey = g.config.Scope.Label, g.config.Scope.Key[:]
	c.AdvertiseAddr, c.AdvertisePort = g.config.Advertise.Addr().String(), int(g.config.Advertise.Port())
	c.Delegate, c.Events = delegate{g}, delegate{g}
	if p.Direct >= 0 {
		c.Ping = delegate{g}
	}
	c.Logger = log.New(io.Discard, "", 0)
	c.LogOutput = nil
	c.TCPTimeout, c.ProbeInterval, c.ProbeTimeout = p.Stream, p.Probe, p.ProbeTimeout
	c.GossipInterval, c.PushPullInterval = p.Round, p.PushPull
	c.EnableCompression = false // it takes more memory than all the rest
	return c
}

// loop tells what is new, and has the doors knocked at.
func (g *Gossip) loop(ctx context.Context) {
	var wait sync.WaitGroup
	defer wait.Wait()
	wait.Go(func() { g.rejoinLoop(ctx) })
	linger := time.NewTimer(g.config.Pace.Coalesce)
	defer linger.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.speak:
			g.tell()
		case <-g.dirty:
			linger.Reset(g.config.Pace.Coalesce)
		case <-linger.C:
			g.tell()
		case <-g.greet:
			g.tellNewcomers()
		case owner := <-g.pull:
			wait.Go(func() { g.pullFrom(owner) })
		}
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
