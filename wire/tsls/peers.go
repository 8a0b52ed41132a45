package tsls

import "time"

// Peers asks what the license server believes of the others of its scope; it is
// answered with [PeerList].
type Peers struct{}

// Type is [TypePeers].
func (Peers) Type() Type { return TypePeers }

func (m Peers) code(*coder) Message { return m }

// PeerList answers [Peers].
type PeerList struct {
	Now   time.Time // by the license server's calendar
	Group string    // whom it shares its inventory with, as "workgroup/WORKGROUP"; empty: nobody
	Peers []PeerInfo
}

// Type is [TypePeerList].
func (PeerList) Type() Type { return TypePeerList }

func (m PeerList) code(c *coder) Message {
	c.time("now", &m.Now)
	c.text("group", &m.Group)
	list(c, "peers", &m.Peers, MaxPeers, codePeerInfo)
	return m
}

// PeerInfo is what a license server believes of another. It may be wrong: only the
// other's store decides.
type PeerInfo struct {
	Name      string
	ServerID  string
	Address   string // host:port of the license server protocol
	Edition   string
	Scope     string
	Site      string
	Activated bool
	Seen      bool      // it takes part in the gossip now
	Doubted   bool      // counts as empty until it announces its inventory again
	Heard     time.Time // when this came from it
	Pools     []PoolInfo
}

func codePeerInfo(c *coder, m *PeerInfo) {
	c.text("name", &m.Name)
	c.text("server id", &m.ServerID)
	c.text("address", &m.Address)
	c.text("edition", &m.Edition)
	c.text("scope", &m.Scope)
	c.text("site", &m.Site)
	c.flag("activated", &m.Activated)
	c.flag("seen", &m.Seen)
	c.flag("doubted", &m.Doubted)
	c.time("heard", &m.Heard)
	list(c, "pools", &m.Pools, MaxPools, codePoolInfo)
}

// PoolInfo is all key packs of a kind and product version on a license server.
type PoolInfo struct {
	Kind      string // as in KeyPackInfo
	Major     uint16 // product version
	Minor     uint16
	Total     uint32
	Available uint32
}

func codePoolInfo(c *coder, m *PoolInfo) {
	c.text("kind", &m.Kind)
	c.u16("major", &m.Major)
	c.u16("minor", &m.Minor)
	c.u32("total", &m.Total)
	c.u32("available", &m.Available)
}
