package ts

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits bound what clients can take from the server. Zero fields take the
// defaults.
type Limits struct {
	Connections int           // at once; 5000
	PerSource   int           // at once from one address; 2000
	HalfOpen    int           // at once before the logon; 500. A newer one ends the oldest
	Step        time.Duration // for each step of a connection that waits for the client; 20 s
	Logon       time.Duration // at the logon screen; 5 min
	Call        time.Duration // for a license server to take a connection, and to answer a ping; 1 s
	Answer      time.Duration // for a license server to answer a request; 0: the knob ls_timeout_s
}

func (l Limits) withDefaults() Limits {
	number := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	duration := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	number(&l.Connections, 5000)
	number(&l.PerSource, 2000)
	number(&l.HalfOpen, 500)
	duration(&l.Step, 20*time.Second)
	duration(&l.Logon, 5*time.Minute)
	duration(&l.Call, time.Second)
	return l
}

// Set changes a limit by its name: connections, per-source or half-open to a number,
// step, logon or call to a duration. The text is NAME=VALUE.
func (l *Limits) Set(text string) error {
	name, value, _ := strings.Cut(text, "=")
	numbers := map[string]*int{"connections": &l.Connections, "per-source": &l.PerSource, "half-open": &l.HalfOpen}
	durations := map[string]*time.Duration{"step": &l.Step, "logon": &l.Logon, "call": &l.Call}
	if n, ok := numbers[name]; ok {
		v, err := strconv.Atoi(value)
		if err != nil || v < 1 {
			return fmt.Errorf("limit %q: want %s=N, N from 1", text, name)
		}
		*n = v
		return nil
	}
	if d, ok := durations[name]; ok {
		v, err := time.ParseDuration(value)
		if err != nil || v <= 0 {
			return fmt.Errorf("limit %q: want %s=TIME, such as %s=20s", text, name, name)
		}
		*d = v
		return nil
	}
	return fmt.Errorf("limit %q: want connections, per-source or half-open=N, or step, logon or call=TIME", text)
}

// door counts connections and says who may come in.
type door struct {
	limits Limits

	mu      sync.Mutex
	total   int
	half    int
	came    uint64 // how many ever came in
	sources map[netip.Addr]*source
}

// source is one client address.
type source struct {
	total int
	half  []*guest // not yet logged on, oldest first
}

// guest is one connection that came in.
type guest struct {
	net.Conn
	door    *door
	from    netip.Addr
	number  uint64 // in the order in which guests came
	evicted string // why the server ended it to make room
}

func newDoor(l Limits) *door { return &door{limits: l, sources: map[netip.Addr]*source{}} }

func sourceOf(c net.Conn) netip.Addr {
	if a, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil {
		return a.Addr().Unmap()
	}
	return netip.Addr{} // a pipe: all of them are one source
}

// enter lets a connection in, or says why not. To make room among the half-open,
// the oldest one of the address that has most of them is ended: whoever opens
// connections and stalls crowds out himself.
func (d *door) enter(c net.Conn) (g *guest, refused string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	from := sourceOf(c)
	s := d.sources[from]
	if s == nil {
		s = &source{}
	}
	if s.total >= d.limits.PerSource && !d.evict(s, "too many connections from this address") {
		return nil, "too many connections from this address"
	}
	if d.total >= d.limits.Connections && !d.evict(d.greediest(), "too many connections") {
		return nil, "too many connections"
	}
	if d.half >= d.limits.HalfOpen {
		d.evict(d.greediest(), "too many unfinished connections; this was the oldest")
	}
	d.came++
	g = &guest{Conn: c, door: d, from: from, number: d.came}
	d.sources[from] = s
	d.total++
	d.half++
	s.total++
	s.half = append(s.half, g)
	return g, ""
}

// greediest is the source with the most half-open connections, and of those with as
// many the one that has waited longest: a client that is quick is not ended in the
// place of those that stall from an address each.
func (d *door) greediest() *source {
	var most *source
	for _, s := range d.sources {
		switch {
		case len(s.half) == 0:
		case most == nil, len(s.half) > len(most.half), len(s.half) == len(most.half) && s.half[0].number < most.half[0].number:
			most = s
		}
	}
	return most
}

// evict ends the oldest half-open connection of s and reports whether there was
// one. The place it had is free at once.
func (d *door) evict(s *source, why string) bool {
	if s == nil || len(s.half) == 0 {
		return false
	}
	g := s.half[0]
	g.evicted = why
	d.remove(g)
	g.Conn.Close()
	return true
}

// remove needs the lock and does nothing for one that is not there.
func (d *door) remove(g *guest) {
	s := d.sources[g.from]
	if s == nil || g.door == nil {
		return
	}
	g.door = nil
	d.total--
	s.total--
	d.promote(s, g)
	if s.total == 0 {
		delete(d.sources, g.from)
	}
}

// promote takes g from the half-open.
func (d *door) promote(s *source, g *guest) {
	for i, other := range s.half {
		if other == g {
			s.half = append(s.half[:i], s.half[i+1:]...)
			d.half--
			return
		}
	}
}

// loggedOn says that g is no longer half-open.
func (d *door) loggedOn(g *guest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.sources[g.from]; s != nil {
		d.promote(s, g)
	}
}

// leave gives g's place back and says why the server ended it, if it did.
func (d *door) leave(g *guest) (evicted string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.remove(g)
	return g.evicted
}
