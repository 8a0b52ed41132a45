package gossip

import (
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ls/inventory"
)

// Group is whom this server gossips with: the label of its scope.
func (g *Gossip) Group() string { return g.config.Scope.Label }

// Beliefs are what this server believes of the others, by name.
func (g *Gossip) Beliefs() []inventory.Belief {
	g.mu.Lock()
	members := g.members
	g.mu.Unlock()
	seen := map[string]bool{}
	if members != nil {
		for _, m := range members.Members() {
			seen[ownerOf(m.Name)] = true
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	list := g.known.Beliefs(g.config.Owner)
	for i := range list {
		list[i].Heard, list[i].Seen = g.heard[list[i].Owner], seen[list[i].Owner]
	}
	return list
}

// Doubt notes that a terminal server was sent to the servers of those names in vain:
// they count as empty until they announce their inventory again (decision L22).
func (g *Gossip) Doubt(names ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, name := range g.known.Doubt(names...) {
		if g.config.Log != nil {
			g.config.Log.Event(eventlog.InventoryDoubted, eventlog.F("server", name))
		}
	}
}
