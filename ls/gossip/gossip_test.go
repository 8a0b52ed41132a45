package gossip_test

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tslab/tslab/ls/gossip"
	"github.com/tslab/tslab/ls/inventory"
	"github.com/tslab/tslab/wire/token"
)

// TestFiftyConverge: fifty license servers, of which each knows the first three, learn
// of each other; a change is known to all before the first round of gossip.
func TestFiftyConverge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, 1)
		defer w.stop()
		w.mesh.Weather(time.Millisecond, 0)
		for i := range 50 {
			w.start(i, uint32(i))
		}
		took := w.within(30*time.Second, "at the start")
		t.Logf("50 servers know each other after %v", took)
		for begin := time.Now(); !w.allSeen(); <-time.After(time.Second) {
			if time.Since(begin) > 3*time.Minute {
				t.Fatal("some do not see each other")
			}
		}
		w.all[17].announce(0)
		if took := w.within(time.Second, "a change"); took > 50*time.Millisecond {
			t.Errorf("a change takes %v", took)
		}
	})
}

// TestLossyNetwork: what is lost is sent again, until all know it.
func TestLossyNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, 2)
		defer w.stop()
		w.mesh.Weather(5*time.Millisecond, 0.5)
		for i := range 10 {
			w.start(i, 1)
		}
		w.within(2*time.Minute, "at the start")
		for n := range uint32(5) {
			w.all[3].announce(2 * (n % 2))
			w.within(2*time.Minute, "a change")
		}
	})
}

// TestPartitionHeals: both sides declare each other dead and go on; when the network
// is whole again, they find each other without help. Memberlist alone does not.
func TestPartitionHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, 3)
		defer w.stop()
		w.mesh.Weather(time.Millisecond, 0)
		for i := range 6 {
			w.start(i, 10)
		}
		w.within(30*time.Second, "at the start")
		w.mesh.Partition(addresses(0, 2), addresses(2, 6))
		<-time.After(10 * time.Minute)
		if b := w.all[0].Beliefs(); len(b) != 5 || !b[0].Seen || b[4].Seen {
			t.Errorf("after ten minutes ls0 sees %+v", b)
		}
		w.all[0].announce(0)
		w.all[5].announce(0)
		w.within(time.Second, "one side", 0, 1)
		w.within(time.Second, "the other side", 2, 3, 4, 5)
		if got := w.all[4].believes(0); got != 10 {
			t.Errorf("across the partition ls4 believes that ls0 has %d", got)
		}
		w.mesh.Partition()
		took := w.within(30*time.Second, "after the partition")
		t.Logf("healed after %v", took)
		for _, b := range w.all[0].Beliefs() {
			if !b.Seen {
				t.Errorf("%s is not seen", b.Name)
			}
		}
	})
}

// TestShortCut: what was said during a cut that nobody noticed is known soon after it.
func TestShortCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, 11)
		defer w.stop()
		w.mesh.Weather(time.Millisecond, 0)
		for i := range 3 {
			w.start(i, 1)
		}
		w.within(30*time.Second, "at the start")
		<-time.After(20 * time.Second)
		w.mesh.Partition(addresses(0, 1), addresses(1, 3))
		w.all[1].announce(0)
		w.all[2].announce(5)
		<-time.After(900 * time.Millisecond)
		w.mesh.Partition()
		if w.agree() {
			t.Fatal("nothing was lost")
		}
		took := w.within(10*time.Second, "after the cut")
		t.Logf("known after %v", took)
	})
}

// TestNewsGoesAround: where news is not told to everybody directly, what its owner cannot
// tell somebody himself comes by another, long before whole inventories are exchanged.
func TestNewsGoesAround(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, 12)
		defer w.stop()
		w.pace = gossip.LAN()
		w.pace.PushPull = time.Hour
		w.mesh.Weather(time.Millisecond, 0)
		for i := range 3 {
			w.start(i, 10)
		}
		w.within(30*time.Second, "at the start")
		<-time.After(20 * time.Second)
		w.mesh.Cut(at(0), at(2), true)
		w.mesh.Cut(at(2), at(0), true)
		w.all[0].announce(0)
		if took := w.within(3*time.Second, "around the cut"); took < time.Millisecond {
			t.Errorf("known after %v, which is no way around", took)
		}
	})
}

// TestHealsFromTheCatalog: servers that have met nobody yet meet as soon as discovery
// names one, also when it was there first.
func TestHealsFromTheCatalog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, 4)
		defer w.stop()
		catalog := []netip.AddrPort{}
		w.peers = func(int) []netip.AddrPort { return catalog }
		w.start(0, 5)
		w.start(1, 7)
		<-time.After(time.Minute)
		synctest.Wait()
		if len(w.all[0].Beliefs())+len(w.all[1].Beliefs()) != 0 {
			t.Fatal("they know each other already")
		}
		catalog = []netip.AddrPort{at(0), at(1)}
		w.all[1].Knock()
		if took := w.within(time.Second, "discovered"); took > 100*time.Millisecond {
			t.Errorf("after a knock it took %v", took)
		}
	})
}

// TestStaleEntriesEnd: a server that comes back from an older state, and with a clock
// that was set back, is believed what it says now.
func TestStaleEntriesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, 5)
		defer w.stop()
		for i := range 4 {
			w.start(i, 10)
		}
		w.within(30*time.Second, "at the start")
		w.all[2].stop()
		<-time.After(time.Minute)
		if got := w.all[0].believes(2); got != 10 {
			t.Errorf("a stopped server is believed to have %d", got)
		}
		future, err := inventory.Parse(inventory.Append(nil, inventory.Entry{Owner: "owner-2", Name: "ls2",
			Version: inventory.Version{Start: 1 << 62, Count: 3}, Pools: []inventory.Pool{{Kind: token.CAL, Product: w2k, Total: 100, Free: 99}}}))
		if err != nil {
			t.Fatal(err)
		}
		gossip.Hear(w.all[0].Gossip, future) // its earlier life had a clock far ahead
		w.start(2, 0)
		w.within(90*time.Second, "after its restart")
		w.all[2].announce(1)
		w.within(time.Second, "and later")
	})
}

// TestScopesDoNotMix: license servers of two domains, sites and workgroups share a
// network, know each other's addresses, and never each other's inventory.
func TestScopesDoNotMix(t *testing.T) {
	secret := [32]byte{1}
	scopes := []gossip.Scope{
		gossip.Workgroup("WORKGROUP"), gossip.Workgroup("OFFICE"), gossip.Domain("lab.example", secret),
		gossip.Domain("lab.example", [32]byte{2}), gossip.Domain("other.example", secret), gossip.Site("lab.example", secret),
	}
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, 6)
		defer w.stop()
		w.scope = func(i int) gossip.Scope { return scopes[i/2] }
		w.peers = func(int) []netip.AddrPort { return addresses(0, 2*len(scopes)) }
		for i := range 2 * len(scopes) {
			w.start(i, uint32(i))
		}
		<-time.After(2 * time.Minute)
		synctest.Wait()
		for i, s := range w.all {
			if b := s.Beliefs(); len(b) != 1 || b[0].Name != fmt.Sprintf("ls%d", i^1) {
				t.Errorf("ls%d believes %+v", i, b)
			}
		}
	})
}

// TestScopeNames: names are compared as people write them.
func TestScopeNames(t *testing.T) {
	secret := [32]byte{7}
	if gossip.Workgroup("office") != gossip.Workgroup("OFFICE") || gossip.Domain("Lab.Example", secret) != gossip.Domain("lab.example", secret) {
		t.Error("case makes another scope")
	}
	if s := gossip.Domain("lab.example", secret); s.Key == secret || s.Label != "domain/lab.example" {
		t.Errorf("scope %+v", s)
	}
}

// TestBigEntryTravelsByPushPull: news that does not fit a packet is known in time too.
func TestBigEntryTravelsByPushPull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, 7)
		defer w.stop()
		w.mesh.Weather(time.Millisecond, 0)
		for i := range 5 {
			w.start(i, 1)
		}
		w.within(30*time.Second, "at the start")
		big := entry(1, 0)
		for i := range 200 {
			big.Pools = append(big.Pools, inventory.Pool{Kind: token.CAL, Product: token.Version{Major: 9, Minor: uint16(i)}, Total: 1})
		}
		w.all[1].free = 0
		w.all[1].Announce(big, false)
		if took := w.within(5*time.Second, "a big entry"); took > 100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		for _, b := range w.all[4].Beliefs() {
			if b.Name == "ls1" && len(b.Pools) != 201 {
				t.Errorf("%d pools", len(b.Pools))
			}
		}
	})
}

// TestCountsWaitForEachOther: counts that only go down are told together, an empty
// pool at once.
func TestCountsWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, 8)
		defer w.stop()
		w.start(0, 100)
		w.start(1, 100)
		w.within(30*time.Second, "at the start")
		<-time.After(10 * time.Second) // the rounds have passed on what there was
		before := w.mesh.Sent().Packets
		for free := uint32(99); free > 40; free-- {
			w.all[0].announce(free)
		}
		synctest.Wait()
		if got := w.all[1].believes(0); got != 100 {
			t.Errorf("told at once: %d", got)
		}
		took := w.within(3*time.Second, "counts")
		if took < 900*time.Millisecond || took > 1100*time.Millisecond {
			t.Errorf("told after %v", took)
		}
		if n := w.mesh.Sent().Packets - before; n > 12 {
			t.Errorf("%d packets", n)
		}
		w.all[0].announce(0)
		if took := w.within(time.Second, "empty"); took > 10*time.Millisecond {
			t.Errorf("empty: told after %v", took)
		}
	})
}

// TestHeardIsLogged: what changes in kind is an event, a count is none; a doubt is one.
func TestHeardIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, 9)
		defer w.stop()
		w.start(0, 5)
		w.start(1, 7)
		w.within(30*time.Second, "at the start")
		w.all[1].announce(6)
		w.within(3*time.Second, "a count")
		w.all[1].announce(0)
		w.within(3*time.Second, "empty")
		w.all[1].Announce(entry(1, 0), true) // the hour has struck
		w.all[0].Doubt("ls1", "ls7")
		w.all[0].Doubt("ls1")
		synctest.Wait()
		var free []string
		for _, e := range w.all[0].log.events(t, "inventory.heard") {
			free = append(free, e.Fields["server"]+" "+e.Fields["free"])
		}
		if got := fmt.Sprint(free); got != "[ls1 7 ls1 0]" {
			t.Errorf("heard %s", got)
		}
		if n := len(w.all[0].log.events(t, "inventory.doubted")); n != 1 {
			t.Errorf("%d events of doubt", n)
		}
		w.all[1].Announce(entry(1, 0), true)
		<-time.After(time.Second)
		synctest.Wait()
		if w.all[0].Beliefs()[0].Doubted {
			t.Error("doubted after it has announced its inventory again")
		}
	})
}

// TestIdleBytes: what idle license servers send each other is no more than memberlist's
// own pace for local networks makes of the same.
func TestIdleBytes(t *testing.T) {
	sent := map[string]int{}
	for name, pace := range map[string]gossip.Pace{"here": {}, "LAN": gossip.LAN()} {
		synctest.Test(t, func(t *testing.T) {
			w := newTown(t, 12)
			defer w.stop()
			w.pace = pace
			w.mesh.Weather(time.Millisecond, 0)
			for i := range 10 {
				w.start(i, 1)
			}
			<-time.After(2 * time.Minute)
			before := w.mesh.Sent()
			<-time.After(10 * time.Minute)
			after := w.mesh.Sent()
			sent[name] = after.Bytes - before.Bytes + after.StreamBytes - before.StreamBytes
			t.Logf("%s: %d bytes in packets and %d in streams, of each of 10 servers in a minute", name,
				(after.Bytes-before.Bytes)/100, (after.StreamBytes-before.StreamBytes)/100)
		})
	}
	if sent["here"] > sent["LAN"] {
		t.Errorf("%d bytes, and %d at memberlist's pace", sent["here"], sent["LAN"])
	}
}

// TestNewRefuses: what cannot gossip says why.
func TestNewRefuses(t *testing.T) {
	w := newTown(t, 0)
	good := gossip.Config{Owner: "x", Scope: gossip.Workgroup("W"), Advertise: at(1), Transport: w.mesh.Host(at(1))}
	for name, change := range map[string]func(*gossip.Config){
		"no owner":     func(c *gossip.Config) { c.Owner = "" },
		"no transport": func(c *gossip.Config) { c.Transport = nil },
		"no address":   func(c *gossip.Config) { c.Advertise = netip.AddrPort{} },
		"no scope":     func(c *gossip.Config) { c.Scope = gossip.Scope{} },
		"long name":    func(c *gossip.Config) { c.Scope = gossip.Workgroup(string(make([]byte, 300))) },
	} {
		c := good
		change(&c)
		if _, err := gossip.New(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := gossip.New(good); err != nil {
		t.Error(err)
	}
}
