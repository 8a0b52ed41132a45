package dc

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	ratePerSecond = 200  // answers by UDP to one address
	rateBurst     = 400  // and at once
	rateSources   = 4096 // addresses that are counted
)

// rate bounds the answers that an address gets by UDP, where anybody can write
// anybody's address into a query.
type rate struct {
	mu      sync.Mutex
	sources map[netip.Addr]*bucket
}

type bucket struct {
	left float64
	at   time.Time
}

func newRate() *rate { return &rate{sources: map[netip.Addr]*bucket{}} }

// allow takes one answer. now is elapsed time's.
func (r *rate) allow(from netip.Addr, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.sources[from]
	if b == nil {
		if len(r.sources) >= rateSources {
			r.forget(now)
		}
		b = &bucket{left: rateBurst, at: now}
		r.sources[from] = b
	}
	b.left = min(rateBurst, b.left+ratePerSecond*max(now.Sub(b.at), 0).Seconds())
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// forget drops the addresses that have been silent long enough to have all their
// answers again, or all when there are none such.
func (r *rate) forget(now time.Time) {
	for a, b := range r.sources {
		if now.Sub(b.at) > rateBurst/ratePerSecond*time.Second {
			delete(r.sources, a)
		}
	}
	if len(r.sources) >= rateSources {
		clear(r.sources)
	}
}

const (
	maxConns  = 128 // connections at once
	maxSource = 16  // of one address
)

var (
	errTooMany = errors.New("too many connections; this was the oldest")
	errSource  = errors.New("too many connections from this address; this was the oldest")
)

// crowd is a listener that holds a bounded number of connections: a newer one ends the
// oldest of its address, or of all, so that who stalls crowds out who stalls.
type crowd struct {
	net.Listener
	refused func(peer net.Addr, reason error)

	mu    sync.Mutex
	conns []*crowded // oldest first
}

type crowded struct {
	net.Conn
	crowd *crowd
	from  netip.Addr
	once  sync.Once
}

func newCrowd(l net.Listener, refused func(net.Addr, error)) *crowd {
	return &crowd{Listener: l, refused: refused}
}

// Accept takes the next connection.
func (c *crowd) Accept() (net.Conn, error) {
	raw, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	conn := &crowded{Conn: raw, crowd: c, from: addrOf(raw.RemoteAddr())}
	c.mu.Lock()
	old, why := c.room(conn.from)
	c.conns = append(c.conns, conn)
	c.mu.Unlock()
	if old != nil {
		old.Close()
		c.refused(old.RemoteAddr(), why)
	}
	return conn, nil
}

// room finds the connection that must make room; it needs the lock.
func (c *crowd) room(from netip.Addr) (*crowded, error) {
	same := func(o *crowded) bool { return o.from == from }
	n := 0
	for _, o := range c.conns {
		if same(o) {
			n++
		}
	}
	switch {
	case n >= maxSource:
		return c.conns[slices.IndexFunc(c.conns, same)], errSource
	case len(c.conns) >= maxConns:
		return c.conns[0], errTooMany
	}
	return nil, nil
}

// Close gives the connection's place back too.
func (c *crowded) Close() error {
	c.once.Do(func() {
		c.crowd.mu.Lock()
		defer c.crowd.mu.Unlock()
		c.crowd.conns = slices.DeleteFunc(c.crowd.conns, func(o *crowded) bool { return o == c })
	})
	return c.Conn.Close()
}

// closeAll ends every connection.
func (c *crowd) closeAll() {
	c.mu.Lock()
	conns := slices.Clone(c.conns)
	c.mu.Unlock()
	for _, conn := range conns {
		conn.Close()
	}
}
