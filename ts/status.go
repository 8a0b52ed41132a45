package ts

import (
	"slices"
	"strings"
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
	ViaDefault    bool         `json:"via_default,omitempty"`    // DefaultLicenseServer names it
	Found         bool         `json:"found"`                    // it answered last time
	Features      string       `json:"features"`                 // what both can do
	Grace         policy.Grace `json:"grace"`
	Sessions      int64        `json:"sessions"`
	Connections   int          `json:"connections"`

	SessionList []Session         `json:"session_list"`
	Connector   *ConnectorStatus  `json:"internet_connector,omitempty"` // nil: off
	Set         map[string]string `json:"set,omitempty"`                // what an administrator has set
	Knobs       map[string]string `json:"knobs"`                        // that a terminal server reads
}

// ConnectorStatus is the Internet Connector license that lies here.
type ConnectorStatus struct {
	LicenseID string    `json:"license_id"`
	Issuer    string    `json:"issuer"`
	Server    string    `json:"server"`
	Since     time.Time `json:"since"`
	Limit     int       `json:"limit"`
	Account   string    `json:"account"` // "works" or "broken"
}

// CatalogEntry is a license server that the terminal server knows.
type CatalogEntry struct {
	Address   string    `json:"address"`
	Name      string    `json:"name,omitempty"`
	ServerID  string    `json:"server_id,omitempty"`
	Edition   string    `json:"edition,omitempty"`
	Scope     string    `json:"scope,omitempty"`
	Activated bool      `json:"activated"`
	InUse     bool      `json:"in_use"`
	Live      bool      `json:"live"` // it answered last time
	Heard     time.Time `json:"heard,omitzero"`
}

// Status reads the present state.
func (s *Server) Status() Status {
	now := s.setup()
	s.catalog.mu.Lock()
	found := s.catalog.found
	s.catalog.mu.Unlock()
	s.door.mu.Lock()
	connections := s.door.total
	s.door.mu.Unlock()
	sessions := s.seats.sessions()
	slices.SortFunc(sessions, func(a, b Session) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return strings.Compare(a.Device, b.Device)
	})
	status := Status{
		Host: s.config.Host, Edition: now.profile.Edition.String(), Mode: now.mode.String(),
		Now: s.config.Clock.Now(), Address: s.Addr().String(), LicenseServer: now.licenseServer, ViaDefault: now.viaDefault,
		Found: found, Features: s.catalog.both().String(), Grace: s.grace.now(),
		Sessions: int64(len(sessions)), Connections: connections, SessionList: sessions,
		Connector: s.connectorStatus(now), Set: now.set, Knobs: map[string]string{},
	}
	for _, name := range Knobs() {
		if value := now.profile.Get(name); value != "-" {
			status.Knobs[name] = value
		}
	}
	return status
}

func (s *Server) connectorStatus(now *setup) *ConnectorStatus {
	if now.connector == nil {
		return nil
	}
	c := &ConnectorStatus{
		LicenseID: now.connector.LicenseID, Issuer: now.connector.Issuer, Server: now.connector.Server,
		Since: now.connector.Since, Limit: now.profile.ICLimit, Account: "works",
	}
	if !s.connector.works() {
		c.Account = "broken"
	}
	return c
}

// Catalog lists the license servers that this terminal server knows, the one in use
// first.
func (s *Server) Catalog() []CatalogEntry {
	own := s.setup().licenseServer
	s.catalog.mu.Lock()
	defer s.catalog.mu.Unlock()
	list := []CatalogEntry{}
	for addr, e := range s.catalog.entries {
		list = append(list, CatalogEntry{
			Address: addr, Name: e.info.Name, ServerID: e.info.ServerID, Edition: e.info.Edition, Scope: e.info.Scope,
			Activated: e.info.Activated, InUse: addr == own, Live: e.live, Heard: e.heard,
		})
	}
	slices.SortFunc(list, func(a, b CatalogEntry) int {
		if a.InUse != b.InUse {
			if a.InUse {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Address, b.Address)
	})
	return list
}
