package ls

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ls/inventory"
	"github.com/tslab/tslab/ls/policy"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// Peers carries inventory between the license servers of a scope; *gossip.Gossip is
// one.
type Peers interface {
	// Announce says what this server has; again says it even if it is nothing new.
	Announce(e inventory.Entry, again bool)
	// Beliefs are what the others are believed to have.
	Beliefs() []inventory.Belief
	// Doubt notes that the servers of those names were found without stock.
	Doubt(names ...string)
	// Group is the name of the scope.
	Group() string
}

// inquiry bounds, in elapsed time, how long another license server has for an answer.
const inquiry = 2 * time.Second

// announcer is what this server says of itself, and when it says so again.
type announcer struct {
	mu    sync.Mutex // held from reading the store to the announcement, so that the last one is the newest
	again time.Time  // calendar; zero while there is nobody to tell
}

// standsElse reports whether a tool's request changes what there is to announce.
func standsElse(m tsls.Message) bool {
	switch m.(type) {
	case tsls.Activate, tsls.InstallKeyPack, tsls.ActivateByNumber, tsls.InstallByNumber, tsls.Automatic, tsls.Return:
		return true
	}
	return false
}

// Announce tells the peers what there is, be it news or not.
func (s *Server) Announce() { s.announceOr(true) }

// announce tells the peers what there is, if that is news (decision L20).
func (s *Server) announce() { s.announceOr(false) }

func (s *Server) announceOr(again bool) {
	if s.config.Peers == nil {
		return
	}
	s.announcer.mu.Lock()
	defer s.announcer.mu.Unlock()
	id := s.identity()
	e := inventory.Entry{
		Name: s.config.Name, ServerID: id.ServerID, Edition: s.config.Edition.Edition.String(), Scope: s.Scope(),
		Activated: id.Activated(),
	}
	err := s.store.View(func(tx *store.Tx) error {
		packs, err := tx.Packs()
		e.Pools = pools(packs)
		return err
	})
	if err == nil {
		s.config.Peers.Announce(e, again)
	}
}

// pools adds up key packs by kind and product version.
func pools(packs []store.Pack) (list []inventory.Pool) {
	for _, p := range packs {
		if p.Unlimited {
			continue
		}
		product := token.Version{Major: p.Major, Minor: p.Minor}
		i := slices.IndexFunc(list, func(q inventory.Pool) bool { return q.Kind == p.Kind && q.Product == product })
		if i < 0 {
			i = len(list)
			list = append(list, inventory.Pool{Kind: p.Kind, Product: product})
		}
		list[i].Total, list[i].Free = list[i].Total+p.Total, list[i].Free+p.Free()
	}
	slices.SortFunc(list, inventory.ComparePools)
	return list[:min(len(list), tsls.MaxPools)]
}

// announceDue is when the inventory is announced again, the zero time for never.
func (s *Server) announceDue() time.Time {
	s.announcer.mu.Lock()
	defer s.announcer.mu.Unlock()
	return s.announcer.again
}

// announceAgain announces the inventory as the calendar demands, and sets the next date.
func (s *Server) announceAgain(now time.Time) {
	if s.config.Peers == nil {
		return
	}
	s.announceOr(true)
	s.announcer.mu.Lock()
	defer s.announcer.mu.Unlock()
	s.announcer.again = now.Add(time.Duration(s.config.Edition.AnnounceMin) * time.Minute)
}

// beliefs are what the others are believed to have.
func (s *Server) beliefs() []inventory.Belief {
	if s.config.Peers == nil {
		return nil
	}
	return s.config.Peers.Beliefs()
}

// doubt takes what a terminal server has found out about license servers that it was
// sent to: they count as empty until they announce their inventory again (decision
// L22).
func (s *Server) doubt(req tsls.Allocate) {
	if s.config.Peers != nil && req.Final && len(req.Failed) > 0 {
		s.config.Peers.Doubt(req.Failed...)
	}
}

// referrals are where the request may be sent.
func (s *Server) referrals(req tsls.Allocate) (list []tsls.Referral) {
	if s.config.Peers == nil || req.Final || req.Hops > 0 {
		return nil
	}
	for _, b := range policy.Referrals(s.beliefs(), req) {
		list = append(list, tsls.Referral{Name: b.Name, ServerID: b.ServerID, Address: b.Address})
	}
	return list
}

// inquire asks the license server that issued the presented temporary token whether
// the token is validated, if that is to be known and there is no row of it here
// (decision L23).
func (s *Server) inquire(ctx context.Context, req tsls.Allocate, f tsls.Features) policy.Word {
	if s.config.Ask == nil || !policy.Inquires(req, &s.config.Edition, f) || s.hasRow(req) {
		return policy.NoWord
	}
	addr := s.issuer(req.Issuer)
	if addr == "" {
		return policy.NoWord
	}
	ctx, cancel := context.WithTimeout(ctx, inquiry)
	defer cancel()
	answer, err := s.config.Ask(ctx, addr, tsls.Inquire{LicenseID: req.LicenseID, HardwareID: req.HardwareID})
	told, isAnswer := answer.(tsls.Inquired)
	switch {
	case err != nil, !isAnswer, !told.Known:
		return policy.NoWord
	case told.Validated:
		return policy.SaysValidated
	}
	return policy.SaysNot
}

// hasRow reports whether the presented token is this server's business.
func (s *Server) hasRow(req tsls.Allocate) (ok bool) {
	err := s.store.View(func(tx *store.Tx) (err error) {
		l, known, err := tx.Device(req.HardwareID, token.Temporary)
		ok = known && l.ID == req.LicenseID
		return err
	})
	return ok || err != nil
}

// issuer is the address of another license server, by the name that tokens give it.
func (s *Server) issuer(name string) string {
	id := s.identity()
	if name == "" || name == id.issuer(s.config.Name) {
		return ""
	}
	for _, b := range s.beliefs() {
		if b.ServerID == name || b.ServerID == "" && strings.EqualFold(b.Name, name) {
			return b.Address
		}
	}
	return ""
}

// inquired answers another license server's question about a temporary token. One that
// was closed has served its device to a CAL.
func (s *Server) inquired(m tsls.Inquire) (tsls.Message, error) {
	var answer tsls.Inquired
	err := s.store.View(func(tx *store.Tx) error {
		l, ok, err := tx.License(m.LicenseID)
		if ok && l.Kind == token.Temporary && l.HardwareID == m.HardwareID {
			answer = tsls.Inquired{Known: true, Validated: l.Validated || l.State == store.Closed}
		}
		return err
	})
	return answer, err
}

// closeTemp closes the temporary token of a device that was referred elsewhere and has
// got its license there (decision L26).
func (s *Server) closeTemp(ctx context.Context, m tsls.Close) (tsls.Message, error) {
	var answer tsls.Closed
	var row store.License
	err := s.store.Update(ctx, func(tx *store.Tx) error {
		l, ok, err := tx.Device(m.HardwareID, token.Temporary)
		if answer.Closed = ok && (l.State == store.Live || l.State == store.Expired); err != nil || !answer.Closed {
			return err
		}
		row, err = tx.Retire(l, store.Closed)
		return err
	})
	if err != nil {
		return nil, err
	}
	if answer.Closed {
		s.config.Log.Event(eventlog.TokenClosed, append(rowFields(row), eventlog.F("server", m.Server), eventlog.F("new_license_id", m.LicenseID))...)
	}
	return answer, nil
}

// peerList is what this server believes of the others, for an administrator.
func (s *Server) peerList() (tsls.Message, error) {
	answer := tsls.PeerList{Now: s.config.Clock.Now()}
	if s.config.Peers == nil {
		return answer, nil
	}
	answer.Group = s.config.Peers.Group()
	beliefs := s.beliefs()
	for _, b := range beliefs[:min(len(beliefs), tsls.MaxPeers)] {
		p := tsls.PeerInfo{
			Name: b.Name, ServerID: b.ServerID, Address: b.Address, Edition: b.Edition, Scope: b.Scope, Site: b.Site,
			Activated: b.Activated, Seen: b.Seen, Doubted: b.Doubted, Heard: b.Heard,
		}
		for _, q := range b.Pools[:min(len(b.Pools), tsls.MaxPools)] {
			p.Pools = append(p.Pools, tsls.PoolInfo{Kind: q.Kind.String(), Major: q.Product.Major, Minor: q.Product.Minor, Total: q.Total, Available: q.Free})
		}
		answer.Peers = append(answer.Peers, p)
	}
	return answer, nil
}

// servers names the license servers of a referral, for an event.
func servers(list []tsls.Referral) string {
	var names []string
	for _, r := range list {
		names = append(names, r.Name)
	}
	return strings.Join(names, ", ")
}
