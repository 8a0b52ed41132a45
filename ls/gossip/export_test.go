package gossip

import "github.com/tslab/tslab/ls/inventory"

// Hear lets a server hear an entry.
func Hear(g *Gossip, e inventory.Entry) { g.hear(e) }
