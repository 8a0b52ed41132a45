package ls

import (
	"context"
	"time"

	"github.com/tslab/tslab/ls/store"
)

// Status is what an administrator asks a running license server.
type Status struct {
	Name      string `json:"name"`
	ServerID  string `json:"server_id,omitempty"`
	Company   string `json:"company,omitempty"`
	Edition   string `json:"edition"`
	Scope     string `json:"scope"`
	Activated bool   `json:"activated"`
	// NeedsReactivation: an upgrade has ended the activation.
	NeedsReactivation bool `json:"needs_reactivation,omitempty"`
	// ClockDoubted: the calendar jumped, and nothing returns to the pool.
	ClockDoubted bool         `json:"clock_doubted,omitempty"`
	Now          time.Time    `json:"now"`         // the server's calendar
	NextExpiry   time.Time    `json:"next_expiry"` // zero: nothing expires
	Packs        []PackStatus `json:"packs"`
}

// PackStatus is a key pack, or a pool of the server's own, with its counts.
type PackStatus struct {
	ID        string `json:"id"`
	Kind      string `json:"kind"`
	Product   string `json:"product"`
	Unlimited bool   `json:"unlimited,omitempty"`
	Total     uint32 `json:"total"`
	Issued    uint32 `json:"issued"`
}

// Stats count what the server has done since it was started.
type Stats struct {
	Requests  uint64 `json:"requests"`
	Issued    uint64 `json:"issued"` // new tokens and new expiry dates
	Denied    uint64 `json:"denied"`
	Expired   uint64 `json:"expired"`
	Flushes   uint64 `json:"flushes"`    // of the store; concurrent requests share one
	StoreSize int64  `json:"store_size"` // bytes
}

// Status reads the present state.
func (s *Server) Status() (Status, error) {
	id := s.identity()
	status := Status{
		Name: s.config.Name, ServerID: id.ServerID, Company: id.Company, Edition: s.config.Edition.Edition.String(),
		Scope: s.Scope(), Activated: id.Activated(), Now: s.config.Clock.Now(), Packs: []PackStatus{},
	}
	status.ClockDoubted = s.held(status.Now)
	err := s.store.View(func(tx *store.Tx) error {
		status.NeedsReactivation = tx.NeedsReactivation()
		packs, err := tx.Packs()
		for _, p := range packs {
			status.Packs = append(status.Packs, PackStatus{p.ID, p.Kind.String(), p.Product, p.Unlimited, p.Total, p.Issued})
		}
		status.NextExpiry, _ = tx.NextExpiry()
		return err
	})
	return status, err
}

// Backup writes the store, as it is now, into a new file, while the server serves.
func (s *Server) Backup(path string) (store.About, error) { return s.store.Backup(path) }

// Host is the fingerprint of the host key that the store belongs to; empty: none yet.
func (s *Server) Host() (string, error) { return s.store.Host() }

// Bind makes the store belong to the host key with that fingerprint; a store of another
// one is refused ([store.ForeignError]).
func (s *Server) Bind(ctx context.Context, fingerprint string) error {
	return s.store.Bind(ctx, fingerprint)
}

// Stats reads the counters.
func (s *Server) Stats() (Stats, error) {
	size, err := s.store.Size()
	return Stats{
		Requests: s.stats.requests.Load(), Issued: s.stats.issued.Load(), Denied: s.stats.denied.Load(),
		Expired: s.stats.expired.Load(), Flushes: s.store.Flushes(), StoreSize: size,
	}, err
}
