package main

import (
	"context"
	"crypto/rand"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/tslab/tslab/discovery"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/ls/gossip"
	"github.com/tslab/tslab/wire/locate"
)

const (
	broadcastWait  = 50 * time.Millisecond // for answers
	broadcastEarly = 3                     // broadcasts one after the other at the start
	broadcastLater = 5 * time.Minute       // between two later
)

// seeker finds the gossip addresses of other license servers: those that the command
// line names, in a workgroup those that answer a broadcast, in a domain its domain
// controllers.
type seeker struct {
	named     []string
	workgroup string             // "": nothing is broadcast
	domain    string             // "": a workgroup
	own       netip.Addr         // of this server: others are taken of its family
	network   discovery.Network  // carries broadcasts
	resolver  discovery.Resolver // DNS

	mu    sync.Mutex
	asked int
	last  time.Time // of the last broadcast
	heard map[netip.AddrPort]bool
}

func newSeeker(o gossipOptions, id *identity.Identity, own netip.Addr) *seeker {
	s := &seeker{named: o.peers, own: own, network: &discovery.UDP{}, resolver: net.DefaultResolver, heard: map[netip.AddrPort]bool{}}
	switch m := id.Membership(); {
	case !o.seek:
	case m != nil:
		s.domain = m.Domain
	default:
		s.workgroup = o.workgroup
	}
	return s
}

// peers is gossip.Config's Peers.
func (s *seeker) peers(ctx context.Context) (list []netip.AddrPort) {
	for _, name := range s.named {
		if addr, err := resolve(ctx, name); err == nil { // a name that nobody knows now may be known later
			list = append(list, addr)
		}
	}
	list = append(list, s.controllers(ctx)...)
	s.broadcast(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	for addr := range s.heard {
		list = append(list, addr)
	}
	return list
}

// controllers are the domain controllers that DNS names.
func (s *seeker) controllers(ctx context.Context) (list []netip.AddrPort) {
	if s.domain == "" {
		return nil
	}
	_, records, err := s.resolver.LookupSRV(ctx, "ldap", "tcp", "dc._msdcs."+s.domain)
	if err != nil {
		return nil
	}
	for _, r := range records {
		addrs, err := s.resolver.LookupNetIP(ctx, "ip", r.Target)
		if err != nil {
			continue
		}
		for _, a := range addrs {
			list = append(list, s.at(a)...)
		}
	}
	return list
}

// at is where a license server with that address gossips, if it is of the own family.
func (s *seeker) at(a netip.Addr) []netip.AddrPort {
	a = a.Unmap()
	if a.Is4() != s.own.Is4() || a.Zone() != "" || a == s.own {
		return nil
	}
	return []netip.AddrPort{netip.AddrPortFrom(a, gossip.Port)}
}

// broadcast asks the workgroup, now and then.
func (s *seeker) broadcast(ctx context.Context) {
	if s.workgroup == "" || !s.turn() {
		return
	}
	q := locate.Query{Scope: locate.Workgroup, Group: s.workgroup}
	rand.Read(q.Nonce[:])
	query, err := q.Append(nil)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, broadcastWait)
	defer cancel()
	_ = s.network.Broadcast(ctx, query, func(from netip.AddrPort, datagram []byte) { // nobody can be asked: later, perhaps
		if r, err := locate.ParseReply(datagram); err != nil || r.Nonce != q.Nonce {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, addr := range s.at(from.Addr()) {
			s.heard[addr] = true
		}
	})
}

// turn reports whether it is time for a broadcast: at the start, again while nobody has
// answered, and seldom later.
func (s *seeker) turn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	early := s.asked < broadcastEarly && len(s.heard) == 0
	if !early && s.asked > 0 && time.Since(s.last) < broadcastLater {
		return false
	}
	s.asked++
	s.last = time.Now()
	return true
}
