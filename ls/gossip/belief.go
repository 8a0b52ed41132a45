package gossip

import (
	"time"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ls/inventory"
)

// Belief is what this server believes of another.
type Belief struct {
	inventory.Belief
	Heard time.Time // when that came here, by the calendar
	Seen  bool      // the server takes part in the gossip now, as far as is known
}

// Beliefs are what this server believes of the others, by name.
func (g *Gossip) Beliefs() []Belief {
	seen := map[string]bool{}
	g.mu.Lock()
	members := g.members
	g.mu.Unlock()
	if members != nil {
		for _, m := range members.Members() {
			seen[ownerOf(m.Name)] = true
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []Belief
	for _, b := range g.known.Beliefs(g.config.Owner) {
		list = append(list, Belief{b, g.heard[b.Owner], seen[b.Owner]})
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
