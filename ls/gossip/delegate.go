package gossip

import (
	"github.com/hashicorp/memberlist"

	"github.com/tslab/tslab/internal/cursor"
	"github.com/tslab/tslab/ls/inventory"
	"github.com/tslab/tslab/wire/token"
)

// delegate is what memberlist calls: a memberlist.Delegate, EventDelegate and
// PingDelegate.
type delegate struct{ g *Gossip }

// NodeMeta is empty: what there is to know of a server is in its entry.
func (d delegate) NodeMeta(int) []byte { return nil }

// NotifyMsg takes a message in. What it cannot read is from another release, and not
// its business.
func (d delegate) NotifyMsg(b []byte) {
	if len(b) == 0 {
		return
	}
	switch b[0] {
	case direct, passed:
		e, err := inventory.Parse(b[1:])
		if err == nil && d.g.hear(e) && b[0] == passed {
			d.g.pass(e)
		}
	case notice:
		r := cursor.NewReader(b[1:])
		v := inventory.Version{Start: r.U64("start"), Count: r.U64("count")}
		if owner := string(r.Rest("owner")); r.Err() == nil {
			d.g.noticed(owner, v)
		}
	}
}

// noticed pulls what an owner has to say from it, if that is new.
func (g *Gossip) noticed(owner string, v inventory.Version) {
	g.mu.Lock()
	old, known := g.known.Get(owner)
	g.mu.Unlock()
	if owner == g.config.Owner || known && v.Compare(old.Version) <= 0 {
		return
	}
	g.wantPull(owner)
}

func (g *Gossip) wantPull(owner string) {
	select {
	case g.pull <- owner:
	default: // enough is being pulled: the next whole exchange brings it
	}
}

// pullFrom makes a whole exchange with the owner's member.
func (g *Gossip) pullFrom(owner string) {
	for _, m := range g.members.Members() {
		if ownerOf(m.Name) == owner {
			_, _ = g.members.Join([]string{m.Address()}) // else the next whole exchange brings it
			return
		}
	}
}

// GetBroadcasts is what the coming packets may carry.
func (d delegate) GetBroadcasts(overhead, limit int) [][]byte {
	d.g.mu.Lock()
	queue := d.g.queue
	d.g.mu.Unlock()
	if queue == nil {
		return nil
	}
	return queue.GetBroadcasts(overhead, limit)
}

// LocalState is this server's half of a whole exchange: every entry that it knows.
func (d delegate) LocalState(bool) []byte {
	d.g.mu.Lock()
	defer d.g.mu.Unlock()
	d.g.enter()
	var b []byte
	for _, e := range d.g.known.Entries() {
		b = inventory.Append(b, e)
	}
	return b
}

// MergeRemoteState is the other half. Entries in front of one that cannot be read
// count.
func (d delegate) MergeRemoteState(b []byte, _ bool) {
	for r := cursor.NewReader(b); r.Len() > 0; {
		e := inventory.Read(r)
		if r.Err() != nil {
			return
		}
		d.g.hear(e)
	}
}

// NotifyJoin remembers where a member is, as it may have to be found again, and has
// it told what this server has.
func (d delegate) NotifyJoin(n *memberlist.Node) { d.g.met(n) }

// NotifyLeave knocks at the door of a member that has gone without a word.
func (d delegate) NotifyLeave(n *memberlist.Node) { d.g.seen(n, n.State != memberlist.StateLeft) }

// NotifyUpdate is of meta data, of which there is none.
func (d delegate) NotifyUpdate(*memberlist.Node) {}

// cals counts an entry's CALs.
func cals(e inventory.Entry) (free, total uint64) {
	for _, p := range e.Pools {
		if p.Kind == token.CAL {
			free, total = free+uint64(p.Free), total+uint64(p.Total)
		}
	}
	return free, total
}
