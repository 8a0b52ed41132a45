package ts

import (
	"net"
	"net/netip"
	"testing"
)

// from is a connection that comes from an address.
type from struct {
	net.Conn
	addr   string
	closed bool
}

func (f *from) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(f.addr)) }

func (f *from) Close() error {
	f.closed = true
	return nil
}

func enter(t *testing.T, d *door, addr string) (*from, *guest) {
	t.Helper()
	c := &from{addr: addr}
	g, refused := d.enter(c)
	if g == nil {
		t.Fatalf("%s refused: %s", addr, refused)
	}
	return c, g
}

func TestOldestOfTheGreediestGoes(t *testing.T) {
	d := newDoor(Limits{HalfOpen: 4}.withDefaults())
	modest, _ := enter(t, d, "10.0.0.1:1")
	greedy1, evicted := enter(t, d, "10.0.0.2:1")
	greedy2, _ := enter(t, d, "10.0.0.2:2")
	enter(t, d, "10.0.0.2:3")
	enter(t, d, "10.0.0.3:1")
	if modest.closed || !greedy1.closed || greedy2.closed {
		t.Errorf("closed: modest %v, greedy %v %v", modest.closed, greedy1.closed, greedy2.closed)
	}
	if d.total != 4 || d.half != 4 {
		t.Errorf("%d connections, %d half-open", d.total, d.half)
	}
	if why := d.leave(evicted); why == "" {
		t.Error("the evicted one does not know why")
	}
	if d.total != 4 {
		t.Errorf("after it has left: %d connections", d.total)
	}
}

func TestLoggedOnAreNotEvicted(t *testing.T) {
	d := newDoor(Limits{HalfOpen: 1, PerSource: 3, Connections: 4}.withDefaults())
	session, g := enter(t, d, "10.0.0.1:1")
	d.loggedOn(g)
	first, _ := enter(t, d, "10.0.0.1:2")
	enter(t, d, "10.0.0.1:3")
	if session.closed || !first.closed {
		t.Errorf("closed: session %v, first %v", session.closed, first.closed)
	}
	for d.half > 0 { // all become sessions
		for _, s := range d.sources {
			for len(s.half) > 0 {
				d.loggedOn(s.half[0])
			}
		}
	}
	enter(t, d, "10.0.0.1:4")
	if g, why := d.enter(&from{addr: "10.0.0.1:5"}); g == nil || d.sources[g.from].total != 3 {
		t.Errorf("the newest of a full source: %s", why) // takes the place of the half-open one
	}
}

func TestFullDoor(t *testing.T) {
	d := newDoor(Limits{Connections: 2}.withDefaults())
	var guests []*guest
	for _, addr := range []string{"10.0.0.1:1", "10.0.0.2:1"} {
		_, g := enter(t, d, addr)
		d.loggedOn(g)
		guests = append(guests, g)
	}
	if g, why := d.enter(&from{addr: "10.0.0.3:1"}); g != nil || why == "" {
		t.Error("a third came in")
	}
	for _, g := range guests {
		d.leave(g)
		d.leave(g) // twice is once
	}
	if d.total != 0 || d.half != 0 || len(d.sources) != 0 {
		t.Errorf("left behind: %d connections, %d half-open, %d sources", d.total, d.half, len(d.sources))
	}
}

func TestMappedAddressesAreOneSource(t *testing.T) {
	if a, b := sourceOf(&from{addr: "10.0.0.1:1"}), sourceOf(&from{addr: "[::ffff:10.0.0.1]:2"}); a != b {
		t.Errorf("%v and %v", a, b)
	}
}
