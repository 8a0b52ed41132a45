package discovery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/tslab/tslab/wire/locate"
)

// Responder answers the broadcasts of terminal servers for a license server. It
// answers nobody who is not on a directly attached network, no source more often than
// its rate, and never with more bytes than it was asked with.
type Responder struct {
	// Reply is what the license server is at this moment; the nonce is filled in.
	Reply func() locate.Reply
	// At is the one address that the license server listens on, the zero Addr for all:
	// nobody is answered over an interface without it.
	At netip.Addr

	Interfaces func() ([]Interface, error) // nil: those of [Interfaces]
	Port       uint16                      // to answer on; 0: locate.Port
	Burst      int                         // answers to one source at once; 0: 20. Half as many come back in a second.

	sockets []socket

	mu      sync.Mutex
	byIndex map[int]Interface // as last read
	read    time.Time         // when; interfaces are read again after a while
	sources map[netip.Addr]*bucket
}

// What a source is answered.
const (
	defaultBurst = 20
	maxSources   = 1024
	// interfacesAge is how long an interface that has come or gone may be unknown.
	interfacesAge = time.Second
)

// bucket is what a source may still ask.
type bucket struct {
	left float64
	at   time.Time
}

// Listen opens the port; a query that comes from now on is answered once Run has been
// called. The error says that broadcasts cannot be heard; the license server can be
// reached by its address all the same.
func (r *Responder) Listen() error {
	port := r.Port
	if port == 0 {
		port = locate.Port
	}
	var errs []error
	for _, open := range []func(string, net.ListenConfig) (socket, error){open4, open6} {
		s, err := open(fmt.Sprintf(":%d", port), net.ListenConfig{Control: share})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		r.sockets = append(r.sockets, s)
	}
	if len(r.sockets) == 0 {
		return fmt.Errorf("discovery: %w", errors.Join(errs...))
	}
	return nil
}

// Run answers what comes to the sockets of Listen until ctx ends.
func (r *Responder) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, s := range r.sockets {
		stop := context.AfterFunc(ctx, func() { s.Close() })
		all.Go(func() {
			defer stop()
			s.receive(func(index int, from netip.AddrPort, b []byte) { r.answer(s, index, from, b) })
		})
	}
	all.Wait()
}

func (r *Responder) answer(s socket, index int, from netip.AddrPort, datagram []byte) {
	own, ok := r.admit(index, from.Addr())
	if !ok {
		return
	}
	if reply := r.reply(datagram); reply != nil {
		_ = s.send(reply, index, own, from) // who did not hear it asks again
	}
}

// reply is the answer to a query, nil for what is none or means another.
func (r *Responder) reply(datagram []byte) []byte {
	q, err := locate.ParseQuery(datagram)
	if err != nil {
		return nil
	}
	p := r.Reply()
	if !q.Means(p.Scope, p.Group, p.Name) {
		return nil
	}
	p.Nonce = q.Nonce
	b, err := p.Append(nil)
	if err != nil || len(b) > len(datagram) {
		return nil
	}
	return b
}

// admit says whether a source is answered now, and from which address: the one of the
// interface that it asked on.
func (r *Responder) admit(index int, source netip.Addr) (own netip.Addr, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.byIndex == nil || now.Sub(r.read) > interfacesAge {
		r.refresh(now)
	}
	own, ok = attachedTo(r.byIndex, index, source)
	if !ok || r.At.IsValid() && own.WithZone("") != r.At.WithZone("") {
		return own, false
	}
	return own, r.allow(source, now)
}

// refresh reads the interfaces. It needs the lock.
func (r *Responder) refresh(now time.Time) {
	list := r.Interfaces
	if list == nil {
		list = Interfaces
	}
	interfaces, err := list()
	if err != nil {
		return // those that were there a moment ago
	}
	r.byIndex, r.read = map[int]Interface{}, now
	for _, i := range interfaces {
		r.byIndex[i.Index] = i
	}
}

// allow takes one query from what the source may ask. It needs the lock.
func (r *Responder) allow(source netip.Addr, now time.Time) bool {
	b := r.sources[source]
	if b == nil {
		if len(r.sources) >= maxSources {
			r.forget(now)
		}
		if len(r.sources) >= maxSources {
			return false
		}
		if r.sources == nil {
			r.sources = map[netip.Addr]*bucket{}
		}
		b = &bucket{left: r.burst(), at: now}
		r.sources[source] = b
	}
	b.left, b.at = r.level(b, now), now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

func (r *Responder) burst() float64 {
	if r.Burst > 0 {
		return float64(r.Burst)
	}
	return defaultBurst
}

// level is what a source may ask at that moment.
func (r *Responder) level(b *bucket, now time.Time) float64 {
	return min(r.burst(), b.left+now.Sub(b.at).Seconds()*r.burst()/2)
}

// forget drops the sources that may ask as much as those that never did.
func (r *Responder) forget(now time.Time) {
	for source, b := range r.sources {
		if r.level(b, now) >= r.burst() {
			delete(r.sources, source)
		}
	}
}
