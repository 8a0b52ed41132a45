package gossip

import (
	"encoding/binary"
	"hash/fnv"
	"time"

	"github.com/hashicorp/memberlist"
)

// What a cut of a few seconds swallows, neither rounds nor rejoining make up for:
// nobody was missed. So every answer to a probe carries a digest of all versions that
// its sender knows; who knows something else makes a whole exchange.

// digestSize is the length of a digest.
const digestSize = 8

// digest sums up all versions that are known.
func (g *Gossip) digest() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := fnv.New64a()
	var b []byte
	for _, e := range g.known.Entries() {
		b = append(b[:0], e.Owner...)
		b = binary.BigEndian.AppendUint64(append(b, 0), e.Version.Start)
		h.Write(binary.BigEndian.AppendUint64(b, e.Version.Count))
	}
	return h.Sum64()
}

// AckPayload goes with the answer to a probe.
func (d delegate) AckPayload() []byte { return binary.BigEndian.AppendUint64(nil, d.g.digest()) }

// NotifyPingComplete takes the answer to a probe. Two that differ as they did at the
// last exchange are left to the next periodic one.
func (d delegate) NotifyPingComplete(other *memberlist.Node, _ time.Duration, payload []byte) {
	if len(payload) != digestSize {
		return
	}
	pair := [2]uint64{d.g.digest(), binary.BigEndian.Uint64(payload)}
	if pair[0] == pair[1] {
		return
	}
	d.g.mu.Lock()
	again := d.g.differed[other.Name] == pair
	d.g.differed[other.Name] = pair
	d.g.mu.Unlock()
	if !again {
		d.g.wantPull(ownerOf(other.Name))
	}
}
