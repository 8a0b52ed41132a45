package ts

import (
	"time"

	"github.com/tslab/tslab/ts/policy"
)

// Status is what an administrator asks a running terminal server.
type Status struct {
	Host          string       `json:"host"`
	Edition       string       `json:"edition"`
	Mode          string       `json:"mode"`
	Now           time.Time    `json:"now"` // its calendar
	Address       string       `json:"address"`
	LicenseServer string       `json:"license_server,omitempty"` // address
	Found         bool         `json:"found"`                    // it answered last time
	Grace         policy.Grace `json:"grace"`
	Sessions      int64        `json:"sessions"`
	Connections   int          `json:"connections"`
}

// Status reads the present state.
func (s *Server) Status() Status {
	s.catalog.mu.Lock()
	found := s.catalog.found
	s.catalog.mu.Unlock()
	s.door.mu.Lock()
	connections := s.door.total
	s.door.mu.Unlock()
	return Status{
		Host: s.config.Host, Edition: s.profile().Edition.String(), Mode: s.setup().mode.String(),
		Now: s.config.Clock.Now(), Address: s.Addr().String(), LicenseServer: s.setup().licenseServer, Found: found,
		Grace: s.grace.now(), Sessions: int64(len(s.seats.sessions())), Connections: connections,
	}
}
