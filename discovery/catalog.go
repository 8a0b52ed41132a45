package discovery

import (
	"slices"
	"strings"

	"github.com/tslab/tslab/wire/tsls"
)

// Knows reports whether a license server is in the catalog.
func (f *Finder) Knows(addr string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.find(addr) != nil
}

// find needs the lock.
func (f *Finder) find(addr string) *Server {
	for _, s := range f.servers {
		if s.Address == addr {
			return s
		}
	}
	return nil
}

// Heard notes that a license server of the catalog has answered. Where none is in use,
// it is from now on.
func (f *Finder) Heard(addr string, info tsls.ServerInfo) {
	f.mu.Lock()
	s := f.find(addr)
	if s == nil {
		f.mu.Unlock()
		return
	}
	s.Info, s.Live, s.Heard = info, true, f.config.Clock.Now()
	var chosen *Server
	if f.current == nil {
		chosen = f.use(s)
	}
	f.mu.Unlock()
	f.told(chosen)
}

// Silent notes that a license server did not answer. The one in use is dropped; which
// comes after it, [Finder.After] says (rules V7, V8).
func (f *Finder) Silent(addr string, why error) {
	f.mu.Lock()
	s := f.find(addr)
	if s == nil {
		f.mu.Unlock()
		return
	}
	s.Live = false
	lost, dropped := s == f.current, *s
	if lost {
		f.current = nil
		f.soon(f.config.Clock.Now())
	}
	f.mu.Unlock()
	if lost && f.config.Lost != nil {
		f.config.Lost(dropped, why)
	}
}

// After is the next license server of the catalog behind that of addr, among those
// that answered last time; ok is false when there is no other.
func (f *Finder) After(addr string) (next string, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := slices.IndexFunc(f.servers, func(s *Server) bool { return s.Address == addr })
	for i := range f.servers {
		s := f.servers[(at+1+i)%len(f.servers)]
		if s.Live && s.Address != addr {
			return s.Address, true
		}
	}
	return "", false
}

// use makes s the one in use and returns a copy to be told of. It needs the lock.
func (f *Finder) use(s *Server) *Server {
	f.current = s
	if f.first == nil {
		f.first = s
	}
	copied := *s
	copied.InUse = true
	return &copied
}

// told tells the owner which one is used now; the lock is not held.
func (f *Finder) told(s *Server) {
	if s != nil && f.config.Chosen != nil {
		f.config.Chosen(*s)
	}
}

// enter puts what was found into the catalog, or brings its entry up to date.
func (f *Finder) enter(c candidate, live bool) *Server {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.config.Clock.Now()
	s := f.find(c.addr)
	if s == nil {
		f.room()
		s = &Server{Address: c.addr, Found: now}
		f.servers = append(f.servers, s)
	}
	s.How, s.Info = c.how, c.info
	if s.Live = live; live {
		s.Heard = now
	}
	return s
}

// room makes place for one more: the oldest goes that is silent and not in use. It
// needs the lock.
func (f *Finder) room() {
	if len(f.servers) < maxServers {
		return
	}
	at := slices.IndexFunc(f.servers, func(s *Server) bool { return !s.Live && s != f.current })
	if at < 0 {
		at = slices.IndexFunc(f.servers, func(s *Server) bool { return s != f.current })
	}
	f.servers = slices.Delete(f.servers, at, at+1)
}

// remove takes a license server out of the catalog: it is none that counts here.
func (f *Finder) remove(addr string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.servers = slices.DeleteFunc(f.servers, func(s *Server) bool { return s.Address == addr && s != f.current })
}

// choose picks the one to use among those that a step has found, in the order of the
// step's own rule.
func (f *Finder) choose(step Step, found []candidate) {
	f.mu.Lock()
	if f.current != nil && f.current.Live { // rule V9
		f.mu.Unlock()
		return
	}
	pick := found[0]
	switch step {
	case StepDCs, StepBroadcast:
		slices.SortFunc(found, func(a, b candidate) int { return strings.Compare(a.addr, b.addr) })
		among := found
		if step == StepDCs {
			among = preferDomain(found)
		}
		pick = among[f.config.Rand.IntN(len(among))]
	}
	var chosen *Server
	if s := f.find(pick.addr); s != nil {
		chosen = f.use(s)
	}
	f.mu.Unlock()
	f.told(chosen)
}

// preferDomain is those of domain scope, or all where there is none (rule V2).
func preferDomain(found []candidate) []candidate {
	domain := slices.DeleteFunc(slices.Clone(found), func(c candidate) bool { return c.info.Scope == "enterprise" })
	if len(domain) == 0 {
		return found
	}
	return domain
}

// Found notes a license server that answered without a pass having asked it.
func (f *Finder) Found(addr string, how Step, info tsls.ServerInfo) {
	f.enter(candidate{addr: addr, how: how, info: info}, true)
	f.Heard(addr, info)
}
