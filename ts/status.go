package ts

import (
	"slices"
	"strings"
	"time"

	"github.com/tslab/tslab/discovery"
	"github.com/tslab/tslab/ts/policy"
)

// Status is what an administrator asks a running terminal server.
type Status struct {
	Host          string       `json:"host"`
	Edition       string       `json:"edition"`
	Mode          string       `json:"mode"`
	Now           time.Time    `json:"now"` // its calendar
	Address       string       `json:"address"`
	LicenseServer string       `json:"license_server,omitempty"` // address of the one in use
	ViaDefault    bool         `json:"via_default,omitempty"`    // DefaultLicenseServer names it
	Found         bool         `json:"found"`                    // it answered last time
	Features      string       `json:"features"`                 // what both can do
	Grace         policy.Grace `json:"grace"`
	Sessions      int64        `json:"sessions"`
	Connections   int          `json:"connections"`

	Discovery DiscoveryStatus `json:"discovery"`

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

// DiscoveryStatus is what discovery seeks, and when.
type DiscoveryStatus struct {
	Steps     []discovery.Step `json:"steps"`           // in their order
	Named     []string         `json:"named,omitempty"` // addresses of the license servers that the registry names
	Workgroup string           `json:"workgroup,omitempty"`
	Domain    string           `json:"domain,omitempty"`
	Site      string           `json:"site,omitempty"`
	SiteEntry string           `json:"site_entry,omitempty"` // distinguished name
	// Next is when the next pass is due, or the next ping while a license server is in
	// use; zero in remote administration, which seeks none.
	Next time.Time `json:"next,omitzero"`
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
	How       string    `json:"how"`  // override, keys, dcs, site, broadcast, or referral
	Live      bool      `json:"live"` // it answered last time
	Heard     time.Time `json:"heard,omitzero"`
}

// Status reads the present state.
func (s *Server) Status() Status {
	now := s.setup()
	_, found := s.catalog.finder.Current()
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
		Now: s.config.Clock.Now(), Address: s.Addr().String(), LicenseServer: s.catalog.inUse(), ViaDefault: now.viaDefault,
		Found: found, Features: s.catalog.both().String(), Grace: s.grace.now(),
		Sessions: int64(len(sessions)), Connections: connections, SessionList: sessions,
		Discovery: s.discoveryStatus(now), Connector: s.connectorStatus(now), Set: now.set, Knobs: map[string]string{},
	}
	for _, name := range Knobs() {
		if value := now.profile.Get(name); value != "-" {
			status.Knobs[name] = value
		}
	}
	return status
}

func (s *Server) discoveryStatus(now *setup) DiscoveryStatus {
	sought, site := s.sought(), s.catalog.finder.Site()
	d := DiscoveryStatus{
		Steps: sought.Steps(), Named: now.licenseServers, Workgroup: sought.Workgroup, Domain: sought.Domain, Site: site.Name, SiteEntry: site.DistinguishedName,
	}
	if now.mode != policy.ModeAdmin {
		d.Next = s.catalog.finder.Next()
	}
	return d
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
	list := []CatalogEntry{}
	found := s.catalog.finder.Catalog()
	for _, e := range found {
		list = append(list, CatalogEntry{
			Address: e.Address, Name: e.Info.Name, ServerID: e.Info.ServerID, Edition: e.Info.Edition, Scope: e.Info.Scope,
			Activated: e.Info.Activated, InUse: e.InUse, Live: e.Live, Heard: e.Heard, How: string(e.How),
		})
	}
	list = append(list, s.catalog.others(found)...)
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

// others are the license servers that were talked with and that discovery did not
// find: the override while it is silent, and those of referrals. What is no license
// server is not listed.
func (c *catalog) others(found []discovery.Server) (list []CatalogEntry) {
	override := c.server.sought().Override
	c.mu.Lock()
	defer c.mu.Unlock()
	for addr, e := range c.entries {
		known := slices.ContainsFunc(found, func(s discovery.Server) bool { return s.Address == addr })
		if known || addr != override && (!e.referred || e.info.Name == "") {
			continue
		}
		how := "referral"
		if addr == override {
			how = string(discovery.StepOverride)
		}
		list = append(list, CatalogEntry{
			Address: addr, Name: e.info.Name, ServerID: e.info.ServerID, Edition: e.info.Edition, Scope: e.info.Scope,
			Activated: e.info.Activated, InUse: addr == override, Live: e.live, Heard: e.heard, How: how,
		})
	}
	return list
}
