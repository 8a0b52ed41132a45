package transport

import (
	"net"
	"time"

	"github.com/tslab/tslab/internal/tamper"
)

// Limits of a server. A zero field stands for its default.
type Limits struct {
	Conns          int           // connections at once (1024)
	HalfOpen       int           // connections at once before the end of their hello (256); a newer one ends the oldest
	ConnsPerSource int           // connections of one address at once (256)
	InFlight       int           // requests of one connection being handled at once (64)
	Handshake      time.Duration // from connection to the end of its hello (5 s)
	Idle           time.Duration // without a request until the connection is closed (10 min)
	Frame          time.Duration // from the first byte of a frame to its last, and for writing one (10 s)
	Request        time.Duration // for handling a request (30 s)

	// Refused is told of every connection that did not come to its end in the
	// protocol's way, and why; it may be nil. A peer that goes away is no such.
	Refused func(peer net.Addr, reason error)

	Tamper *tamper.Table // the faults of a lab; nil for none
}

func (l Limits) withDefaults() Limits {
	fill := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	wait := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	fill(&l.Conns, 1024)
	fill(&l.HalfOpen, 256)
	fill(&l.ConnsPerSource, 256)
	fill(&l.InFlight, 64)
	wait(&l.Handshake, 5*time.Second)
	wait(&l.Idle, 10*time.Minute)
	wait(&l.Frame, writeTimeout)
	wait(&l.Request, 30*time.Second)
	if l.Refused == nil {
		l.Refused = func(net.Addr, error) {}
	}
	return l
}
